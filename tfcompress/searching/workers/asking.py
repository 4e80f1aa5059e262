"""What the chief asks for the next trial: an oracle of keras-tuner's, whoever runs what it proposes."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..engine import open_oracle
from ..proposals import Observation
from ..space import Space

MOST_REPEATS = 1000  # proposals in a row of what has been tried, after which nothing is left to try


class Nothing(enum.Enum):
    """There is no choice."""

    NOW = "until a trial at work is finished"
    LEFT = "everything was tried"


class Asking(Protocol):
    """What proposes."""

    def ask(self) -> Mapping[str, Any] | Nothing:
        """A choice that no trial has yet."""

    def answer(self, chosen: Mapping[str, Any], score: float | None) -> None:
        """The score of a choice, the smaller the better; None where its trial crashed."""


class OracleAsked:
    """An oracle of keras-tuner's as the chief asks it.

    Its own state begins anew in each sitting, and is made of the journal: finished trials and those at work are put to
    it as what it has proposed. (Hyperband, whose rounds are in its proposals, proposes them again, and is answered.)

    Args:
      name: of the oracle.
      space: what may be tried.
      num_trials: all of them.
      seed: of what is proposed.
      folder: of keras-tuner's own log, of which nothing is written.
      finished: the trials of the journal, with their scores, in their order.
      at_work: choices of trials that were begun and not finished.
      history: the finished trials and those at work, as a proposal looks at them.
    """

    def __init__(
        self,
        name: Any,
        space: Space,
        num_trials: int,
        seed: int,
        folder: Path,
        finished: Sequence[tuple[Mapping[str, Any], float | None]],
        at_work: Sequence[Mapping[str, Any]],
        history: Callable[[], Sequence[Observation]],
    ):
        self._oracle = open_oracle(name, space, num_trials, seed, folder, history)
        self._space = space
        self._scores: dict[str, float | None] = {}
        self._open: dict[str, list[str]] = {}  # keras-tuner's trials that wait for the score of a choice
        for chosen, score in finished:
            if not self._oracle.has_rounds:
                self._put(chosen)
            self.answer(chosen, score)
        for chosen in at_work:
            if self._oracle.has_rounds:
                self._open.setdefault(space.key(chosen), [])
            else:
                self._put(chosen)

    def ask(self) -> Mapping[str, Any] | Nothing:
        """A choice that no trial has yet."""
        for _ in range(MOST_REPEATS):
            found = self._oracle.create()
            if isinstance(found, str):
                return Nothing.NOW if found == "IDLE" else Nothing.LEFT
            identifier, chosen = found
            key = self._space.key(chosen)
            if key in self._scores:
                self._oracle.end(identifier, self._scores[key])
                continue
            is_new = key not in self._open
            self._open.setdefault(key, []).append(identifier)
            if is_new:
                return chosen
        return Nothing.LEFT

    def answer(self, chosen: Mapping[str, Any], score: float | None) -> None:
        """The score of a choice, the smaller the better; None where its trial crashed."""
        key = self._space.key(chosen)
        self._scores[key] = score
        for identifier in self._open.pop(key, []):
            self._oracle.end(identifier, score)

    def _put(self, chosen: Mapping[str, Any]) -> None:
        """Has the oracle propose a choice that a trial has already."""
        found = self._oracle.create(chosen)
        if not isinstance(found, str):
            self._open.setdefault(self._space.key(chosen), []).append(found[0])
