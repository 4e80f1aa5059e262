"""A run that an earlier one has finished: its report, read and not made, before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.contracts import CheckWithNeeds
from ..core.progress import Progress
from ..core.types import Recipe
from .folder.manifest import read_manifest
from .folder.whole import Checked, check_folder
from .keys import StageKey, request_key
from .records import KERNELS
from .report import Report, report_from_json
from .store import Store


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
    if not is_asked_again:
        return None
    checked = check_folder(store.root)
    _say_problems(checked, progress)
    if checked.problems:
        return None
    report = report_from_json(store.read_json("report.json"))
    if report is None or (report.title, dict(report.settings)) != (title, dict(settings)):
        return None
    return report if _nothing_to_try(recipe, report) else None


def _say_problems(checked: Checked, progress: Progress) -> None:
    for problem in checked.problems:
        how = f" ({problem.how})" if problem.how else ""
        what = "will move to earlier/" if problem.kind == "foreign" else "what it belongs to is made again"
        progress.say(f"{problem.path} is {problem.kind}{how}: {what}")


def _nothing_to_try(recipe: Recipe, report: Report) -> bool:
    """Whether the checks that were not run could not be run now either."""
    needs = {check.name: check for check in recipe.checks if isinstance(check, CheckWithNeeds)}
    for file in report.files:
        for finding in file.findings.values():
            if finding.status != "not run" or finding.check == KERNELS:
                continue
            missing = needs[finding.check].missing() if finding.check in needs else None
            if missing is None or missing != (finding.reason, finding.fix):
                return False
    return True
