"""The journal of a search: a line a trial, on disk before the next one begins, so that a kill loses none.

```
{"search": {...}}                          what the search is: recipe, space, seed
{"trial": 1, "status": "done", ...}        a finished trial, crashed ones too
```

The last line may be torn by a kill: it is cut off, and its trial done again, of whose stages those that were finished
are kept. A torn line between others is none of a kill, and refused.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.disk import REFUSED, output_errors
from ..core.errors import InvalidValue, RunDamaged

NAME = "journal.jsonl"
DONE, FAILED, CRASHED = "done", "failed", "crashed"


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """A finished trial.

    Attributes:
      number: from 1.
      settings: what was chosen, by name.
      status: "done"; "failed", when its file is not what the model says; "crashed", when there is none.
      reason: why it failed or crashed.
      figures: of the file, on validation examples, by name; None of them where there is no file.
      metric: the file's headline metric on validation examples.
      file: relative to the search's folder.
      sha256: of the file.
      seconds: that the trial took.
      trained: keys of the stages that it trained.
      shared: keys of the stages that an earlier trial had trained.
      of_epochs: the most epochs that the search trains for, where successive halving gave this trial fewer.
    """

    number: int
    settings: Mapping[str, Any]
    status: str
    reason: str = ""
    figures: Mapping[str, float] = dataclasses.field(default_factory=dict)
    metric: float | None = None
    file: str = ""
    sha256: str = ""
    seconds: float = 0.0
    trained: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    of_epochs: int | None = None


def record_from(value: Mapping[str, Any]) -> TrialRecord:
    """A record from its JSON.

    Raises:
      KeyError, TypeError, ValueError: when it is none.

    >>> record_from(dataclasses.asdict(TrialRecord(1, {"width": 8}, DONE))).number
    1
    """
    fields = {field.name: value[field.name] for field in dataclasses.fields(TrialRecord) if field.name in value}
    if not isinstance(fields["number"], int) or not isinstance(fields["settings"], Mapping):
        raise ValueError("a trial has a number, and settings by name")
    if fields["status"] not in (DONE, FAILED, CRASHED):
        raise ValueError(f"status {fields['status']!r}")
    return TrialRecord(**{**fields, **{name: tuple(fields.get(name, ())) for name in ("trained", "shared")}})


class Journal:
    """The journal at `path`; `about` is what the search is, as JSON.

    One process writes it. Another one may read it meanwhile: with `reads_only` it is left as it is, a last line that is
    half written too.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "journal.jsonl"
    >>> Journal(path, {"seed": 0}).add(TrialRecord(1, {"width": 8}, DONE))
    >>> Journal(path, {"seed": 0}).trials[0].settings
    {'width': 8}

    Raises:
      InvalidValue: when the journal is of another search.
      RunDamaged: when a line of it cannot be read.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], reads_only: bool = False):
        self.path, self.reads_only = path, reads_only
        self.trials: list[TrialRecord] = []
        self.notes: dict[str, Any] = {}
        with output_errors(path.parent, (*REFUSED, errno.ENOENT)):
            if not reads_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            lines = self._whole_lines()
        if not lines:
            if not reads_only:
                self._append({"search": about})
            return
        self._read(lines, json.loads(json.dumps(about)))

    def add(self, trial: TrialRecord) -> None:
        """Writes a finished trial; it is on disk when this returns."""
        self._append({"trial": trial.number, **dataclasses.asdict(trial)})
        self.trials.append(trial)

    def note(self, name: str, value: Any) -> None:
        """Writes something else that is to be found again, as JSON; the last of a name counts."""
        self._append({"note": name, "value": value})
        self.notes[name] = value

    def found(self, settings: Mapping[str, Any]) -> TrialRecord | None:
        """The trial of these settings."""
        return next((trial for trial in self.trials if dict(trial.settings) == dict(settings)), None)

    @property
    def next_number(self) -> int:
        """The least number that no trial has: several processes may finish them in another order."""
        taken = {trial.number for trial in self.trials}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    @property
    def seconds(self) -> float:
        """That all trials took."""
        return sum(trial.seconds for trial in self.trials)

    def _read(self, lines: list[Any], about: Mapping[str, Any]) -> None:
        before = lines[0].get("search", {})
        changed = sorted(name for name in {*before, *about} if before.get(name) != about.get(name))
        if changed:
            raise InvalidValue(
                f"{self.path.parent} must be a folder of this search, to go on. Received: one of a search with other "
                f"{', '.join(changed)}. Use another --out, or --fresh."
            )
        for line in lines[1:]:
            if "note" in line:
                self.notes[line["note"]] = line["value"]
            else:
                self.trials.append(record_from(line))

    def _whole_lines(self) -> list[Any]:
        """The lines that can be read; what a kill tore off the end is cut away."""
        if not self.path.exists():
            return []
        content = self.path.read_bytes()
        whole, _, torn = content.rpartition(b"\n")
        if torn and not self.reads_only:
            with open(self.path, "r+b") as stream:
                stream.truncate(len(whole) + 1 if whole else 0)
        found = []
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                found.append(json.loads(line))
            except ValueError:
                raise RunDamaged(
                    f"{self.path} must be a journal of a search. Received: line {number}, which cannot be read. Use "
                    "another --out, or --fresh."
                ) from None
        return found

    def _append(self, value: Mapping[str, Any]) -> None:
        with output_errors(self.path.parent), open(self.path, "ab") as stream:
            stream.write(json.dumps(value).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
