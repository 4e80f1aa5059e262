"""What each delegate said to each file: its status, what it refused, and where the file leaves its model first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.types import Finding
from ...running.records import FileRecord
from ...running.report import verdict_of
from ..run_folder import RunPage
from .markup import Cell, Chart, Section, decibels, figure, folded, milliseconds, number, paragraph, percent, table

DEPARTS_DB = 20.0  # of an output: an error of a tenth
_MARKS = {"pass": ("✓\u00a0pass", "good"), "fail": ("✗\u00a0fail", "bad"), "not run": ("not run", "soft")}


def checks(run: RunPage) -> Section:
    """The status of every check, its reasons, and refusals."""
    report = run.report
    names = list(dict.fromkeys(each.check for file in report.files for each in file.findings.values()))
    rows = [[Cell(file.variant), *(_status(_of(file, name)) for name in names)] for file in report.files]
    body = table("Each file on each delegate", ("file", *names), rows)
    agreement = [row for file in report.files for row in _agreement(file)]
    if agreement:
        headings = (
            *("file and check", "output", "SQNR, dB", "largest difference", "top-1 agreement"),
            *("operations taken", "memory, MiB"),
        )
        close = "How close each comes to its Keras model"
        body += folded(close, table(close, headings, agreement))
    refused = [
        [Cell(f"{file.variant}, {found.check}"), Cell(each.op), Cell(each.reason)]
        for file in report.files
        for found in file.findings.values()
        for each in found.refusals
    ]
    body += (
        table("Operations that a delegate refused", ("file and check", "operation", "its reason"), refused)
        if refused
        else paragraph("No delegate refused an operation.")
    )
    reasons = [
        [Cell(f"{file.variant}, {found.check}"), Cell(verdict_of(found)), Cell(f"{found.reason} {found.fix}".strip())]
        for file in report.files
        for found in file.findings.values()
        if found.reason
    ]
    if reasons:
        body += table("Why", ("file and check", "status", "reason"), reasons)
    return Section("checks", "On every delegate", body + _departures(run), short="Delegates")


def _of(file: FileRecord, name: str) -> Finding | None:
    return next((each for each in file.findings.values() if each.check == name), None)


def _status(found: Finding | None) -> Cell:
    if found is None:
        return Cell("–", kind="soft")
    if found.refusals:
        return Cell(f"refused ({len(found.refusals)})", kind="warn")
    shown, kind = _MARKS.get(found.status, (found.status, ""))
    return Cell(shown, kind=kind)


def _agreement(file: FileRecord) -> list[list[Cell]]:
    """A row for each check and output of a file."""
    rows = []
    for found in file.findings.values():
        for output, seen in found.agreement.get("keras", {}).items():
            taken = None if found.num_delegated_ops is None else f"{found.num_delegated_ops} of {found.num_ops}"
            memory = None if found.peak_memory_bytes is None else found.peak_memory_bytes / 2**20
            rows.append(
                [
                    Cell(f"{file.variant}, {found.check}"),
                    Cell(output),
                    number(decibels(seen.sqnr_db), seen.sqnr_db),
                    number(f"{seen.largest_difference:.3g}", seen.largest_difference),
                    number(percent(seen.top_1_agreement), seen.top_1_agreement),
                    number(taken or "", found.num_delegated_ops),
                    number("" if memory is None else f"{memory:.1f}", memory),
                ]
            )
    return rows


def _departures(run: RunPage) -> str:
    """Where each file first leaves its Keras model, by the outputs of its layers."""
    rows = []
    for variant, found in (run.details.get("files") or {}).items():
        known = [each for each in found["operations"] if each["output_db"] is not None]
        if not known:
            continue
        first = next((each for each in known if each["output_db"] < DEPARTS_DB), None)
        worst = min(known, key=lambda each: each["output_db"])
        rows.append(
            [
                Cell(variant),
                Cell("nowhere" if first is None else _named(first), kind="good" if first is None else "bad"),
                Cell(_named(worst)),
            ]
        )
    if not rows:
        return ""
    headings = ("file", f"first output below {DEPARTS_DB:.0f} dB", "lowest")
    return table("Where a file departs from its Keras model, on the built-in kernels", headings, rows)


def _named(each: Mapping[str, Any]) -> str:
    return f"{each['layer'] or each['name']} ({each['op']}), {decibels(each['output_db'])} dB"


def latency(run: RunPage) -> Section | None:
    """The distribution of the time of one inference, by file and kernel set; None where none was measured."""
    rows: list[list[Cell]] = []
    drawn: list[dict[str, Any]] = []
    for file in run.report.files:
        for found in file.findings.values():
            seen = found.latency
            if seen is None:
                continue
            quantiles = list(seen.quantiles_ms)
            drawn.append(
                {
                    "file": file.variant,
                    "check": found.check,
                    "median": seen.median_ms,
                    "p90": seen.p90_ms,
                    "quantiles": quantiles,
                }
            )
            low, high = (quantiles[1], quantiles[-2]) if quantiles else (None, None)
            rows.append(
                [
                    Cell(f"{file.variant}, {found.check}"),
                    number(milliseconds(low), low),
                    number(milliseconds(seen.median_ms), seen.median_ms),
                    number(milliseconds(seen.p90_ms), seen.p90_ms),
                    number(milliseconds(high), high),
                    number(f"{seen.num_runs:,}", seen.num_runs),
                    number(str(seen.num_threads), seen.num_threads),
                ]
            )
    if not rows:
        return None
    fastest = min(drawn, key=lambda each: each["median"])
    title = f"Latency of every file by kernel set; the fastest is {fastest['file']} on {fastest['check']}"
    chart = Chart("latency", "latency", title, {"rows": drawn})
    headings = ("file and kernels", "p5, ms", "median, ms", "p90, ms", "p95, ms", "runs", "threads")
    note = (
        f"One example at a time on {run.report.machine.get('cpu', 'this CPU')}. Bar: the middle half of the runs; "
        "line: from the 5th to the 95th percentile; tick: the median."
    )
    body = figure(chart, table("Time of one inference", headings, rows), note)
    return Section("latency", "Latency", body, (chart,), "Latency")
