"""A run that an earlier one has finished: its report, read and not made, before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.contracts import CheckWithNeeds
from ..core.progress import Progress
from ..core.types import Check, Recipe
from .folder.manifest import read_manifest
from .folder.whole import Checked, check_folder
from .keys import StageKey, request_key
from .records import KERNELS
from .report import Report, report_from_json
from .store import Store

RECIPE = "recipe.json"


def finished_report(
    recipe: Recipe,
    store: Store,
    name: str,
    title: str,
    settings: Mapping[str, Any],
    keys: Mapping[str, StageKey],
    progress: Progress,
) -> Report | None:
    """The report of a run that is finished and whole, and would do nothing else now; None where there is work.

    Args:
      recipe: what is asked for.
      store: the run folder, which is open; all of its files are read.
      name: of the recipe.
      title: of the report.
      settings: as JSON, as the report tells them.
      keys: of the stages.
      progress: hears which files are not what the run wrote.
    """
    request = request_key(recipe, keys, name)
    try:
        is_asked_again = request is not None and read_manifest(store.root).request == request
    except (FileNotFoundError, ValueError):
        is_asked_again = False
    return _answer(store, title, settings, recipe.checks, progress) if is_asked_again else None


def note_asked(store: Store, name: str, asked: str | None) -> None:
    """Notes in recipe.json what a run was asked for, so that `report_asked_before` finds it; before it does anything.

    Args:
      store: the run folder, which is open.
      name: of the recipe.
      asked: a name for all of it; None for what has none, which is noted where something else stands there.
    """
    if asked is not None or (store.root / RECIPE).exists():
        store.write_json(RECIPE, {"recipe": name, "asked": asked})


def report_asked_before(
    asked: str, store: Store, title: str, checks: Sequence[Check], progress: Progress
) -> Report | None:
    """As `finished_report`, by what `note_asked` noted: where the stages' keys need TensorFlow, as models do.

    Args:
      asked: a name for all that is asked for, and all that makes its answer.
      store: the run folder, which is opened where the run is there.
      title: of the report.
      checks: that are asked for.
      progress: hears what was found.
    """
    try:
        manifest = read_manifest(store.root)
    except (FileNotFoundError, ValueError):
        return None
    noted = store.read_json(RECIPE)
    is_noted = isinstance(noted, dict) and noted.get("asked") == asked and RECIPE in manifest.files
    if not is_noted or manifest.request is None:  # None: a part of it is never reused
        return None
    report = None
    store.open()
    try:
        report = _answer(store, title, {}, checks, progress)
    finally:
        store.close(report is not None)
    for stage in report.stages if report else ():
        progress.say(f"{stage.name}: finished by an earlier run, {stage.headline}")
    return report


def _answer(
    store: Store, title: str, settings: Mapping[str, Any], checks: Sequence[Check], progress: Progress
) -> Report | None:
    """The report in a folder of a finished run, where it is whole and nothing could be done better now."""
    checked = check_folder(store.root)
    _say_problems(checked, progress)
    if checked.problems:
        return None
    report = report_from_json(store.read_json("report.json"))
    if report is None or (report.title, dict(report.settings)) != (title, dict(settings)):
        return None
    return report if _nothing_to_try(checks, report) else None


def _say_problems(checked: Checked, progress: Progress) -> None:
    for problem in checked.problems:
        how = f" ({problem.how})" if problem.how else ""
        what = "will move to earlier/" if problem.kind == "foreign" else "what it belongs to is made again"
        progress.say(f"{problem.path} is {problem.kind}{how}: {what}")


def _nothing_to_try(checks: Sequence[Check], report: Report) -> bool:
    """Whether the checks that were not run could not be run now either."""
    needs = {check.name: check for check in checks if isinstance(check, CheckWithNeeds)}
    for file in report.files:
        for finding in file.findings.values():
            if finding.status != "not run" or finding.check == KERNELS:
                continue
            missing = needs[finding.check].missing() if finding.check in needs else None
            if missing is None or missing != (finding.reason, finding.fix):
                return False
    return True
