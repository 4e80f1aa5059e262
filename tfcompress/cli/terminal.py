"""The terminal, by rich: a progress bar with the time left for each piece of long work, and the table at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from ..core.progress import Advance
from ..running.report import Report, headings, headline, rows

# A copy of the descriptor: bars go on while the chatter of native code is kept off stderr (backend/native.py).
_STDERR = os.fdopen(os.dup(2), "w", encoding="utf-8")
atexit.register(_STDERR.close)
MESSAGES = Console(file=_STDERR, highlight=False, soft_wrap=True)
RESULTS = Console(highlight=False)
ROOMY = 100  # columns, from which the bar may be long
WIDE = 150  # columns that the whole table needs
NARROW = {
    "variant": "variant",
    "raw bytes": "bytes",
    "zipped bytes": "zipped",
    "sparsity": "zeros",
    "latency, ms (p90)": "ms",
    "CPU": "CPU",
    "GPU": "GPU",
}
LEFT = ("variant", "CPU", "GPU")


class TerminalProgress:
    """Progress bars on stderr; where stderr is no terminal, one line a finished piece of work."""

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        MESSAGES.print(text, markup=False)

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """Shows a bar (a spinner when `total` is not known) until the block ends."""
        width = 24 if MESSAGES.width >= ROOMY else 8  # of 80 columns the metric needs its part
        columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=width)]
        counted = [MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
        note = TextColumn("{task.fields[note]}", markup=False)
        shown = [*columns, *(counted if total else [TimeElapsedColumn()]), note]
        if not MESSAGES.is_terminal:
            MESSAGES.print(f"{label} ...", markup=False)
        with Progress(*shown, console=MESSAGES, transient=True, disable=not MESSAGES.is_terminal) as bar:
            task = bar.add_task(label, total=total, note="")
            yield lambda done, text: bar.update(task, completed=done, note=text)


def print_report(report: Report, folder: Path) -> None:
    """Prints the table, what was gained, what could not be run, the verdict, and where the report lies."""
    RESULTS.print(_table(report, wide=RESULTS.width >= WIDE))
    not_run = {f"{f.reason}. {f.fix}" for file in report.files for f in file.findings.values() if f.status == "not run"}
    lines = (
        headline(report),
        report.without_limit,
        *(f"Not run: {reason}" for reason in sorted(not_run)),
        *(f"Fails: {reason}" for reason in report.failures),
        *(f"Not judged: {reason}" for reason in report.not_judged),
        *(f"Advice: {each.sentence}" for each in report.said),
        f"Verdict: {report.verdict}. Report: {folder}/report.html",
    )
    for line in filter(None, lines):
        RESULTS.print(line, markup=False, soft_wrap=True)


def _table(report: Report, wide: bool) -> Table:
    """The report's table: all of it where the terminal is wide, the gist where it has 80 columns."""
    whole = headings(report)
    gist = {**NARROW, whole[2]: whole[2].removesuffix(", TFLite")}
    wanted = whole if wide else [gist.get(heading, "") for heading in whole]
    shown = {position: heading for position, heading in enumerate(wanted) if heading}
    table = Table(box=box.SIMPLE, padding=(0, 1), collapse_padding=True)
    for position, heading in shown.items():
        table.add_column(heading, justify="left" if whole[position] in LEFT else "right", no_wrap=True)
    for row in rows(report):
        cells = [row[position] for position in shown]
        table.add_row(*(cells if wide else map(_short, cells)))
    return table


def _short(cell: str) -> str:
    """A cell of the narrow table: of several checks that did not pass, what they came to, each once.

    >>> _short("pass (4 of 4)"), _short("builtin fail, reference fail, compiled refused"), _short("28,110")
    ('pass', 'fail, refused', '28,110')
    """
    parts = cell.partition(" (")[0].split(", ")
    return ", ".join(dict.fromkeys(part.partition(" ")[2] if len(parts) > 1 else part for part in parts))
