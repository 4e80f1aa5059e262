"""What a command line says of an error: one line, and the exit code of its kind."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..core.errors import INTERRUPTED_EXIT_CODE, TfcompressError


def explain(error: BaseException, when_interrupted: str = "Interrupted.") -> tuple[str, int]:
    """What went wrong in one line, and its exit code.

    Args:
      error: anything that was raised.
      when_interrupted: what to say of Ctrl-C.

    >>> explain(KeyError("x"))
    ("KeyError: 'x' (a bug; --debug shows where)", 1)
    """
    if was_interrupted(error):
        return when_interrupted, INTERRUPTED_EXIT_CODE
    line = " ".join(str(error).split())
    if isinstance(error, TfcompressError):
        return line, error.exit_code
    return f"{type(error).__name__}: {line} (a bug; --debug shows where)", TfcompressError.exit_code


def exit_code_of(work: Callable[[], int], debug: bool, when_interrupted: str = "Interrupted.") -> int:
    """Does the work of a command: its own exit code, or one line on stderr and that of the error.

    Args:
      work: gives the exit code.
      debug: whether an error is raised, for its traceback, instead.
      when_interrupted: what to say of Ctrl-C.
    """
    try:
        with interrupts_that_arrive():
            return work()
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        line, exit_code = explain(error, when_interrupted)
        print(f"tfcompress: {line}", file=sys.stderr)
        return exit_code


@contextlib.contextmanager
def interrupts_that_arrive() -> Iterator[None]:
    """Raises Ctrl-C anew where it would be lost: in a `__del__` or a callback of a weak reference, and in native code.

    TensorFlow has many of all three. Python would print a traceback in the first, and the run would go on; native code
    makes an error of it that says nothing, such as a TypeError without a word.
    """
    before, arrived = sys.unraisablehook, threading.Event()

    def again(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # Not at once: it would be raised in this very function, and be swallowed again.
            threading.Timer(0.01, _thread.interrupt_main).start()
        else:
            before(unraisable)

    def remember(number: int, frame: Any) -> None:
        arrived.set()
        signal.default_int_handler(number, frame)

    in_main_thread = threading.current_thread() is threading.main_thread()
    is_usual = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    sys.unraisablehook = again
    if is_usual:
        signal.signal(signal.SIGINT, remember)
    try:
        yield
    except Exception as error:
        if arrived.is_set():
            raise KeyboardInterrupt from error
        raise
    finally:
        sys.unraisablehook = before
        if is_usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: TensorFlow catches it while it traces, and raises errors of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
