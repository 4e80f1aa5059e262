"""How far a run is: shown, by a protocol that is no terminal; and kept, where a training may go on after a kill."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from .remarks import LOGGER

Advance = Callable[[int, str], None]  # (steps done so far, a short note) -> None


class Progress(Protocol):
    """Where a run's messages go."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def task(self, label: str, total: int | None) -> contextlib.AbstractContextManager[Advance]:
        """A piece of long work of `total` steps (None: not known); gives the function that reports how far it is."""


class Logged:
    """Writes to the logger "tfcompress", at level INFO, which `logging.basicConfig(level="INFO")` shows.

    >>> with Logged().task("training", total=10) as advance:
    ...     advance(1, "loss 2.3")
    """

    def say(self, text: str) -> None:
        """Logs a line."""
        LOGGER.info("%s", text)

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """Logs that it begins."""
        LOGGER.info("%s ...", label)
        yield lambda done, note: None


class Printed:
    """Prints a line to stderr for each piece of work, as it begins.

    >>> with Printed().task("training", total=10) as advance:
    ...     advance(1, "loss 2.3")
    """

    def say(self, text: str) -> None:
        """Prints a line."""
        print(text, file=sys.stderr)

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """Says that it begins."""
        self.say(f"{label} ...")
        yield lambda done, note: None


class Silent:
    """Shows nothing.

    >>> with Silent().task("training", total=10) as advance:
    ...     advance(1, "loss 2.3")
    """

    def say(self, text: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """Nothing."""
        yield lambda done, note: None


_place: ContextVar[_Place | None] = ContextVar("place", default=None)


@dataclasses.dataclass
class _Place:
    folder: Path
    num_trainings: int = 0


@contextlib.contextmanager
def resumable(folder: Path | None) -> Iterator[None]:
    """Trainings inside of the block keep how far they are in `folder`, which need not be there; None: they do not."""
    before = _place.set(None if folder is None else _Place(folder))
    try:
        yield
    finally:
        _place.reset(before)


def checkpoint_path() -> Path | None:
    """A file for one training, the same one when the same work is done again; None where nothing is to be kept.

    >>> with resumable(Path("work")):
    ...     checkpoint_path(), checkpoint_path()
    (PosixPath('work/1.npz'), PosixPath('work/2.npz'))
    """
    place = _place.get()
    if place is None:
        return None
    place.num_trainings += 1
    return place.folder / f"{place.num_trainings}.npz"
