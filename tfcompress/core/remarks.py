"""Sentences about what is done to a model: from whoever does it to whoever collects them, or else to the log.

A technique, an exporter or a start says `remark("...")` while it works. A run collects these for the progress, the
record and the report; without a run they go to the logger "tfcompress".
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar

LOGGER = logging.getLogger("tfcompress")

_listener: ContextVar[Callable[[str], object] | None] = ContextVar("listener", default=None)


def remark(*sentences: str, level: int = logging.INFO) -> None:
    """Says something about the model at work, a sentence each.

    Args:
      sentences: each stands alone: "conv1 stays in float: ..."; what follows a line break is shown as drawn.
      level: of logging, where nobody collects. Defaults to INFO; WARNING is for what may spoil the result.

    >>> with collecting() as said:
    ...     remark("It is small.")
    >>> said
    ['It is small.']
    """
    listener = _listener.get()
    for sentence in sentences:
        if listener is None:
            LOGGER.log(level, "%s", sentence)
        else:
            listener(sentence)


@contextlib.contextmanager
def collecting(say: Callable[[str], object] | None = None) -> Iterator[list[str]]:
    """Collects what is remarked inside of the block, each sentence once; it also goes to `say`, at once.

    A sentence may come again and again: a search of a size writes many files.
    """
    said: list[str] = []

    def listen(sentence: str) -> None:
        if sentence not in said:
            said.append(sentence)
            if say is not None:
                say(sentence)

    before = _listener.set(listen)
    try:
        yield said
    finally:
        _listener.reset(before)
