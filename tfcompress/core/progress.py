"""How a run shows that it is alive: the runner knows this protocol, and not the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
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
