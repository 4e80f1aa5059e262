"""Several runs side by side: all of their files in one table."""

from __future__ import annotations

from collections.abc import Sequence

from ...running.report import headings, rows
from ..run_folder import RunPage
from .markup import Cell, Section, paragraph, table, text
from .summary import cell_of

OTHER_DATA = "These runs were evaluated on different data: compare their bytes and times, and not their metrics."


def several_header(runs: Sequence[RunPage]) -> str:
    """The title, and a line for each run."""
    lines = "".join(
        f"<li><b>{text(run.name)}</b>: {text(run.report.recipe)}, {text(run.report.verdict)}, "
        f"{text(run.report.data)}, made by <code>{text(run.report.command)}</code></li>"
        for run in runs
    )
    return (
        f'<header class="top"><p class="kicker">tfcompress report</p><h1>{len(runs)} runs compared</h1>'
        f'<ul class="runs">{lines}</ul>{paragraph(_caution(runs), "wrong")}</header>'
    )


def _caution(runs: Sequence[RunPage]) -> str:
    """What must be said of runs that were not evaluated on the same examples; empty of those that were."""
    same = {(run.report.data, run.report.data_key, run.report.stages[-1].num_examples) for run in runs}
    return "" if len(same) == 1 else OTHER_DATA


def files_of_all(runs: Sequence[RunPage]) -> Section:
    """The tables of all runs as one."""
    lines = [[Cell(f"{run.name}: {row[0]}"), *map(cell_of, row[1:])] for run in runs for row in rows(run.report)]
    body = table("Every file of every run", headings(runs[0].report), lines)
    return Section("files", "The files", body, short="Files")


def settings_of_all(runs: Sequence[RunPage]) -> Section | None:
    """The settings in which the runs differ; None where there is none."""
    names = list(dict.fromkeys(name for run in runs for name in run.report.settings))
    values = {name: [str(run.report.settings.get(name, "–")) for run in runs] for name in names}
    differ = [[Cell(name), *map(Cell, each)] for name, each in values.items() if len(set(each)) > 1]
    if not differ:
        return None
    body = table("Settings in which the runs differ", ("setting", *(run.name for run in runs)), differ)
    return Section("settings", "What differs", body, short="Settings")
