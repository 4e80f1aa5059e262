"""The terminal, by rich: a progress bar with the time left for each piece of long work, and the table at the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from .core.progress import Advance
from .core.records import Report
from .report import HEADINGS, headline, rows

# A copy of the descriptor: bars go on while the chatter of native code is kept off stderr (core/native.py).
MESSAGES = Console(file=os.fdopen(os.dup(2), "w", encoding="utf-8"), highlight=False, soft_wrap=True)
RESULTS = Console(highlight=False)
NARROW = ("variant", "accuracy, TFLite", "zipped bytes", "sparsity", "latency, ms (p90)", "CPU", "GPU")


class TerminalProgress:
    """Progress bars on stderr; where stderr is no terminal, one line a finished piece of work."""

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        MESSAGES.print(text, markup=False)

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """Shows a bar (a spinner when `total` is not known) until the block ends."""
        columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(bar_width=24)]
        counted = [MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()]
        note = TextColumn("{task.fields[note]}", markup=False)
        shown = [*columns, *(counted if total else [TimeElapsedColumn()]), note]
        if not MESSAGES.is_terminal:
            MESSAGES.print(f"{label} ...", markup=False)
        with Progress(*shown, console=MESSAGES, transient=True, disable=not MESSAGES.is_terminal) as bar:
            task = bar.add_task(label, total=total, note="")
            yield lambda done, text: bar.update(task, completed=done, note=text)


def print_plan(title: str, lines: list[tuple[str, ...]]) -> None:
    """Prints the stages of a recipe before anything is trained."""
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    for heading in ("stage", "from", "technique", "makes", "keeps", "steps", "files"):
        table.add_column(heading, overflow="fold")
    for line in lines:
        table.add_row(*line)
    RESULTS.print(table)


def print_report(report: Report, folder: str) -> None:
    """Prints the table, the verdict and where the report lies."""
    wide = RESULTS.width >= 150
    shown = [position for position, heading in enumerate(HEADINGS) if wide or heading in NARROW]
    table = Table(box=box.SIMPLE)
    for position in shown:
        table.add_column(HEADINGS[position], justify="left" if position in (0, 9, 10) else "right")
    for row in rows(report):
        table.add_row(*(row[position] for position in shown))
    RESULTS.print(table)
    if headline(report):
        RESULTS.print(headline(report), markup=False, soft_wrap=True)
    not_run = {f.reason + (f" {f.fix}" if f.fix else "") for file in report.files for f in file.findings if f.status == "not run"}
    for reason in sorted(not_run):
        RESULTS.print(f"Not run: {reason}", markup=False, soft_wrap=True)
    for reason in report.failures:
        RESULTS.print(f"Fails: {reason}", markup=False, soft_wrap=True)
    RESULTS.print(f"Verdict: {report.verdict}. Report: {folder}/report.md", markup=False, soft_wrap=True)
