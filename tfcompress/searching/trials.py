"""One trial: a recipe run with what was chosen, its file measured on validation examples, its stages shared."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.describe import describe
from ..core.disk import resource_error
from ..core.errors import DataError, MissingExtra, OutOfMemory, OutputError, WorkerLost, was_interrupted
from ..core.progress import Advance, Progress
from ..core.settings import Settings
from ..core.types import Check, Recipe
from ..delegates.cpu import CpuBuiltin, CpuReference, CpuXnnpack
from ..running.records import FileRecord, StageRecord
from ..running.report import Report, report_from_json, write
from ..running.run import keys_of, run
from ..running.store import Store
from .budget import Budget
from .engine import Stopped
from .figures import Figures
from .journal import CRASHED, DONE, FAILED, TrialRecord
from .scored import first_exported, reference, scored
from .stages import FOLDER as STAGES
from .stages import SharedStages, Sharing, key_in

TRIALS, REFERENCE = "trials", "reference"
PATIENCE_S = 60.0  # until a worker sees what the chief wrote: a network disk may be slow
_STAGE = re.compile(r"\d+-(.+)")


@dataclasses.dataclass(frozen=True)
class Subject:
    """What a search changes: a recipe as a function of its settings.

    Attributes:
      name: the files' names begin with it.
      title: a line that says what the recipe does.
      make: gives the recipe of settings.
      settings: what is not searched, and the first trial.
      path: of the recipe's file; None where there is none.
    """

    name: str
    title: str
    make: Callable[[Settings], Recipe]
    settings: Settings
    path: Path | None = None


def check_of(budget: Budget) -> Check:
    """The check that a budget's figures are measured by."""
    kinds = {"xnnpack": CpuXnnpack, "builtin": CpuBuiltin, "reference": CpuReference}
    return kinds[budget.kernels](budget.num_threads)


@dataclasses.dataclass
class Trials:
    """Runs trials in `root`; stages that are equal are trained once there, by whichever process.

    Attributes:
      root: the folder of the search.
      subject: what is run.
      budget: for what is measured, and which of a trial's files counts.
      share: of the training examples that are held out.
      progress: where bars go.
      deadline: of `time.monotonic`; a training that reaches it is left, and `Stopped` raised. None: no end.
      command: what was typed, for the reports.
      strategy: a tf.distribute.Strategy, under which stages train. None: one device.
      look: is called now and then; what it raises ends the trial.
    """

    root: Path
    subject: Subject
    budget: Budget
    share: float
    progress: Progress
    deadline: float | None = None
    command: str = ""
    strategy: Any = None
    look: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.stages = SharedStages(self.root)
        if not (self.root / STAGES).exists():  # of a version that did not write down where they are
            for folder in (self.root / REFERENCE, *sorted((self.root / TRIALS).glob("[0-9]*"))):
                self._remember(folder)

    def reference(self) -> StageRecord:
        """The uncompressed model of the recipe as it is, made or found, and evaluated on validation examples."""
        recipe = self.subject.make(self.subject.settings)
        name = first_exported(recipe)
        report, _, _ = self._run(
            reference(recipe, self.share), self.subject.settings, self.root / REFERENCE, "uncompressed"
        )
        return next(stage for stage in report.stages if stage.name == name)

    def run(self, number: int, chosen: Mapping[str, Any], settings: Settings, base: StageRecord) -> TrialRecord:
        """Runs a trial. What goes wrong in it is in its record; what would go wrong in any other is raised.

        Raises:
          Stopped: when the time is up.
          OutputError, DataError, MissingExtra: of which the next trial would die as well.
        """
        started, folder = time.monotonic(), self.root / TRIALS / f"{number:04d}"
        record: dict[str, Any] = {"number": number, "settings": dict(chosen)}
        trained: tuple[str, ...] = ()
        shared: tuple[str, ...] = ()
        try:
            recipe = scored(self.subject.make(settings), self.share, (check_of(self.budget),))
            report, trained, shared = self._run(recipe, settings, folder, f"trial {number}")
            record |= self._measured(report, base, folder)
        except Exception as error:
            if was_interrupted(error):
                raise KeyboardInterrupt from error
            known = resource_error(error) or error
            if isinstance(known, OutputError | DataError | MissingExtra) and not isinstance(known, OutOfMemory):
                raise known from error
            reason = f"{type(known).__name__}: {' '.join(str(known).split())}"
            record |= {"status": CRASHED, "reason": reason[:500]}
        seconds = round(time.monotonic() - started, 1)
        return TrialRecord(**record, seconds=seconds, trained=trained, shared=shared)

    def finished_reference(self) -> StageRecord:
        """The uncompressed model that another process made, as it wrote it.

        Raises:
          WorkerLost: when there is none to be seen.
        """
        name = first_exported(self.subject.make(self.subject.settings))
        end = time.monotonic() + PATIENCE_S
        while (report := report_from_json(Store(self.root / REFERENCE).read_json("report.json"))) is None:
            if time.monotonic() >= end:
                raise WorkerLost(
                    f"Every worker must see the chief's folder. Received: no uncompressed model in "
                    f"{self.root / REFERENCE}. Give all of them one folder on a shared disk (--out)."
                )
            time.sleep(0.5)
        return next(stage for stage in report.stages if stage.name == name)

    def _run(
        self, recipe: Recipe, settings: Settings, folder: Path, label: str
    ) -> tuple[Report, tuple[str, ...], tuple[str, ...]]:
        """The report, and the keys of the stages that were trained here and elsewhere."""
        store, is_finished = Store(folder), False
        store.open(command=self.command)
        try:
            keys = keys_of(recipe)
            sharing = Sharing(self.stages, store, recipe, keys, self._look)
            told = {field.name: describe(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
            watched = _Watched(self.progress, label, self._look)
            report = run(
                recipe,
                store,
                self.subject.name,
                self.subject.title,
                told,
                self.command,
                watched,
                self.strategy,
                keys,
                sharing.around,
            )
            if report is None:
                raise RuntimeError("a trial runs in one process, which is the chief of its run")
            write(report, store)
            is_finished = True
        finally:
            store.close(is_finished)
        shared = sharing.names
        trained = tuple(key.name or f"{name} of {label}" for name, key in keys.items() if name not in shared)
        return report, trained, tuple(str(keys[name].name) for name in shared)

    def _look(self) -> None:
        self.look()
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise Stopped("the time is up")

    def _remember(self, folder: Path) -> None:
        store = Store(folder)
        for path in folder.glob("[0-9]*-*"):
            name, key = _STAGE.fullmatch(path.name), key_in(store, path.name)
            if name and key:
                self.stages.publish(name[1], key, path)

    def _measured(self, report: Report, base: StageRecord, folder: Path) -> dict[str, Any]:
        """What the record says of the file that serves the budget best."""
        kind = base.metric_kinds[0]
        bounds = self.budget.bounds(base.metrics[kind.name], kind)
        macs = {stage.name: stage.measurement.num_macs for stage in report.stages}
        found = {file.path: figures_of(file, base, macs[file.stage]) for file in report.files}
        best = min(report.files, key=lambda file: self.budget.score(found[file.path], bounds))
        metric = next(iter(best.findings.values())).metrics.get(kind.name)
        wrong = [*report.failures, *report.not_judged]
        return {
            "status": FAILED if wrong else DONE,
            "reason": wrong[0] if wrong else "",
            "figures": found[best.path],
            "metric": metric,
            "file": str((folder / best.path).relative_to(self.root)),
            "sha256": best.sha256,
        }


def figures_of(file: FileRecord, base: StageRecord, macs: int) -> Figures:
    """The figures of a file, as far as they were measured; `base` is the uncompressed model."""
    kind, seen = base.metric_kinds[0], next(iter(file.findings.values()))
    found: dict[str, float] = {"zipped_bytes": file.zipped_bytes, "raw_bytes": file.raw_bytes, "macs": macs}
    if seen.latency is not None:
        found["ms"] = seen.latency.median_ms
    if seen.peak_memory_bytes is not None:
        found["memory_bytes"] = seen.peak_memory_bytes
    if kind.name in seen.metrics:
        found["drop"] = kind.drop(base.metrics[kind.name], seen.metrics[kind.name])
    return found


class _Watched:
    """The progress of a search, with what a trial does under its name; `look` may end a training."""

    def __init__(self, progress: Progress, label: str, look: Callable[[], None]):
        self.progress, self.label, self.look = progress, label, look

    def say(self, text: str) -> None:
        """Nothing: it stands in the trial's own report."""

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        self.look()
        with self.progress.task(f"{self.label}: {label}", total) as advance:

            def watched(done: int, note: str) -> None:
                self.look()
                advance(done, note)

            yield watched
