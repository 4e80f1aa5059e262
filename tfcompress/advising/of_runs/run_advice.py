"""What to do next after a run: of its smallest file, and of what its stages brought."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ...core.contracts import TrustedStart
from ...core.progress import Progress
from ...core.types import Advice, Recipe
from ...running.records import MODEL, FileRecord
from ...running.report import Report
from ..advisor import NO_ADVICE, advice_from, why_none
from .next_budget import next_budget
from .not_faster import cpu_flags, not_faster
from .zeros import zeros


def with_advice(report: Report, recipe: Recipe, root: Path, progress: Progress) -> Report:
    """The report with what to do next.

    Args:
      report: of a finished run.
      recipe: that was run.
      root: the run folder.
      progress: hears why there is no advice, where that is so: a run is no worse for it.
    """
    try:
        with progress.task("looking for what to do next", None):
            return dataclasses.replace(report, advice=advise_run(report, recipe, root))
    except NO_ADVICE as error:
        progress.say(why_none(error))
        return report


def advise_run(report: Report, recipe: Recipe, root: Path) -> tuple[Advice, ...]:
    """What the run's smallest file and its model say; of a file that did not run, what the model says."""
    from ...inspecting.tflite.reading import read_tflite
    from ..gathering import gather

    file = _looked_at(report)
    stage = file.stage if file is not None else report.stages[-1].name
    model = _model(report, recipe, root, stage)
    task = recipe.task or recipe.data.task
    if file is None:
        return advice_from(gather(model, recipe.data, task))
    path = root / file.path
    known = (file.mode, file.needs_reset, file.states)
    evidence = gather(model, recipe.data, task, path, read_tflite(path), *known)
    offered = next_budget(path.read_bytes(), file.variant, file.sparsity) if file.mode.startswith("int8") else None
    further = (not_faster(report, evidence, cpu_flags()), zeros(report), offered)
    return (*advice_from(evidence), *(each for each in further if each is not None))


def _looked_at(report: Report) -> FileRecord | None:
    """The smallest file that ran."""
    ran = [file for file in report.files if any(finding.metrics for finding in file.findings.values())]
    return min(ran, key=lambda file: file.zipped_bytes, default=None)


def _model(report: Report, recipe: Recipe, root: Path, stage: str) -> Any:
    from ...models_io.loading.opening import open_saved

    number = next(number for number, each in enumerate(report.stages, 1) if each.name == stage)
    starts = (each.start for each in recipe.stages)
    trusted = any(isinstance(start, TrustedStart) and start.trust for start in starts)
    return open_saved(root / f"{number}-{stage}" / MODEL, safe_mode=not trusted)
