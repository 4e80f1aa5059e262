"""TensorFlow's chatter, native and Python's, kept in a file; what others say on stderr goes where it always goes."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOG = "run.log"
NOISY = ("tensorflow", "absl")


@contextlib.contextmanager
def noise_to(path: Path) -> Iterator[None]:
    """Appends to `path`, until the block ends, what native code writes on stderr, and TensorFlow's Python log.

    Python's own `sys.stderr` goes on to where it went: warnings, tracebacks and what a training of the user's prints
    are no noise. Native code has nothing but descriptor 2, so that this is the file meanwhile, and of child processes
    too. An empty file is not left behind.

    Args:
      path: of the file, in a folder that is there.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(_remove_empty, path)
        log = stack.enter_context(path.open("a", encoding="utf-8", errors="replace"))
        stack.enter_context(_descriptor_2(log.fileno()))
        for name in NOISY:
            stack.enter_context(_logger_to(name, log))
        yield


def _remove_empty(path: Path) -> None:
    if path.exists() and path.stat().st_size == 0:
        path.unlink()


@contextlib.contextmanager
def _descriptor_2(target: int) -> Iterator[None]:
    """Descriptor 2 is `target`, and `sys.stderr` still what it was."""
    sys.stderr.flush()
    saved, before = os.dup(2), sys.stderr
    if _is_on_2(before):
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    moved = [handler for handler in _handlers() if handler.stream is before and sys.stderr is not before]
    for handler in moved:
        handler.setStream(sys.stderr)
    try:
        os.dup2(target, 2)
        yield
    finally:
        for handler in moved:
            handler.setStream(before)
        if sys.stderr is not before:
            sys.stderr.close()
            sys.stderr = before
        os.dup2(saved, 2)
        os.close(saved)


def _handlers() -> list[logging.StreamHandler[Any]]:
    """What writes logs to streams, of all loggers: one that was set up before holds the old `sys.stderr`."""
    loggers = [logging.getLogger(), *(each for each in logging.root.manager.loggerDict.values() if _is_logger(each))]
    found = [handler for logger in loggers for handler in getattr(logger, "handlers", ())]
    return [handler for handler in found if isinstance(handler, logging.StreamHandler)]


def _is_logger(value: object) -> bool:
    return isinstance(value, logging.Logger)


def _is_on_2(stream: Any) -> bool:
    try:
        return bool(stream.fileno() == 2)
    except (OSError, ValueError, AttributeError):  # a notebook's, a test's: of no descriptor
        return False


@contextlib.contextmanager
def _logger_to(name: str, stream: Any) -> Iterator[None]:
    logger, handler = logging.getLogger(name), logging.StreamHandler(stream)
    before, propagates = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = before, propagates
