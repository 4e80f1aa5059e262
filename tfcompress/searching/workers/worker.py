"""A worker of a search: asks its chief for trials, runs them, and hands their records in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.disk import output_errors
from ...core.errors import InvalidValue, RunLocked
from ..engine import Stopped
from ..journal import TrialRecord, record_from
from .line import FOLDER, Line, Refused

HANDED = "handed"  # in the folder of workers: records whose arrival nobody has confirmed yet
BEAT_S = 5.0  # between two signs of life

RunTrial = Callable[[int, Mapping[str, Any], Callable[[], None]], TrialRecord]


@dataclasses.dataclass
class Worker:
    """A worker at work.

    Attributes:
      name: its own.
      line: to its chief.
      run: runs a trial of a number and a choice; calls its third argument now and then, which raises `Stopped` when the
        trial is to be left.
      about: what it searches; a chief of another search refuses it.
      beat_s: between two signs of life.
    """

    name: str
    line: Line
    run: RunTrial
    about: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    beat_s: float = BEAT_S

    def work(self) -> int:
        """Runs trials until the chief has no more; gives how many.

        Raises:
          WorkerLost: when the chief does not answer for too long.
          InvalidValue: when the chief searches something else.
        """
        count = 0
        try:
            self._ask("join", about=dict(self.about), host=socket.gethostname())
            while True:
                found = self._ask("next")
                if found["do"] == "end":
                    return count
                if found["do"] == "wait":
                    time.sleep(float(found["seconds"]))
                    self.line.look()
                    continue
                left = found.get("seconds_left")
                ends_at = None if left is None else time.monotonic() + float(left)
                count += self._trial(int(found["number"]), found["settings"], ends_at)
        except Refused as error:
            raise InvalidValue(
                f"A worker must be one of its chief's search. Received: {error}. Give both the same command, folder "
                "and version."
            ) from error

    def _trial(self, number: int, settings: Mapping[str, Any], ends_at: float | None) -> int:
        path = self.line.root / FOLDER / HANDED / f"{number:04d}.json"
        record = _handed(path, number, settings)
        if record is None:
            try:
                with self._alive(number, ends_at) as look:
                    record = self.run(number, settings, look)
            except RunLocked:  # one that counts as dead is not
                self._ask("back", number=number, is_busy=True)
                return 0
            except Stopped:
                self._ask("back", number=number)
                return 0
            with output_errors(self.line.root):  # before the chief hears: it may be dead
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f".partial-{self.name}-{path.name}")
                partial.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
                os.replace(partial, path)
        self._ask("hand_in", record=dataclasses.asdict(record))
        path.unlink(missing_ok=True)
        return 1

    def _ask(self, name: str, **message: Any) -> dict[str, Any]:
        return self.line.ask(name, {"worker": self.name, **message})

    @contextlib.contextmanager
    def _alive(self, number: int, ends_at: float | None) -> Iterator[Callable[[], None]]:
        """Gives signs of life, as long as the block runs; gives what raises `Stopped` when the trial is to be left."""
        is_over, is_left = threading.Event(), threading.Event()

        def beat() -> None:
            while not is_over.wait(self.beat_s):
                try:
                    heard = self.line.once("beat", {"worker": self.name, "number": number}, self.beat_s * 4)
                except (OSError, Refused):  # it may be started again; the record waits for it
                    continue
                left = heard.get("seconds_left")
                if not heard.get("goes_on") or (left is not None and left <= 0):
                    is_left.set()

        def look() -> None:
            self.line.look()
            if is_left.is_set() or (ends_at is not None and time.monotonic() >= ends_at):
                raise Stopped("the chief has no use for the trial any more")

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield look
        finally:
            is_over.set()


def _handed(path: Path, number: int, settings: Mapping[str, Any]) -> TrialRecord | None:
    """The record of a trial that was finished when nobody listened."""
    try:
        record = record_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if record.number == number and dict(record.settings) == dict(settings) else None
