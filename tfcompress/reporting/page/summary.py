"""The top of the page: what came out, in a few figures, the advice, and the table."""

from __future__ import annotations

from ...running.report import Report, headings, headline, rows
from ..run_folder import RunPage
from .markup import Cell, Section, listed, paragraph, table, text


def header(run: RunPage) -> str:
    """The title, the verdict, and the figures of the smallest file beside the first."""
    report = run.report
    kind = {"pass": "good", "fail": "bad"}.get(report.verdict, "warn")
    tiles = "".join(
        f'<div class="tile"><dt>{text(name)}</dt><dd>{text(value)}<small>{text(note)}</small></dd></div>'
        for name, value, note in _tiles(report)
    )
    return (
        f'<header class="top"><p class="kicker">tfcompress report</p><h1>{text(report.recipe)} '
        f'<span class="verdict {kind}">{text(report.verdict)}</span></h1>'
        f"{paragraph(report.title, 'lead')}{paragraph(report.data, 'soft')}"
        f'<dl class="tiles">{tiles}</dl></header>'
    )


def _tiles(report: Report) -> list[tuple[str, str, str]]:
    """(what, how much, beside what) of the smallest file."""
    if not report.files:
        return []
    first = report.files[0]
    small = min(report.files[1:], key=lambda file: file.zipped_bytes, default=first)
    kind = report.stages[0].metric_kinds[0]
    before, after = (next(iter(file.findings.values()), None) for file in (first, small))
    tiles = [
        ("smallest file", small.variant, f"against {first.variant}"),
        ("bytes", f"{small.raw_bytes:,}", _ratio(first.raw_bytes, small.raw_bytes, "smaller", "larger")),
        ("zipped", f"{small.zipped_bytes:,}", _ratio(first.zipped_bytes, small.zipped_bytes, "smaller", "larger")),
    ]
    old, new = (seen.metrics.get(kind.name) if seen else None for seen in (before, after))
    if new is not None:
        tiles.append((kind.name, kind.text(new), "" if old is None else kind.change(old, new)))
    if before and after and before.latency and after.latency:
        times = before.latency.median_ms, after.latency.median_ms
        tiles.append(("latency, CPU", f"{times[1]:.3g} ms", _ratio(*times, "faster", "slower")))
    return tiles


def _ratio(before: float, after: float, less: str, more: str) -> str:
    """How many times less or more.

    >>> _ratio(100, 50, "smaller", "larger"), _ratio(100, 150, "smaller", "larger")
    ('2.0× smaller', '1.5× larger')
    """
    times = before / after if after else 1.0
    words = f"{times:.1f}× {less}" if times >= 1 else f"{1 / times:.1f}× {more}"
    return "the same" if words.startswith("1.0×") else words


def advice(run: RunPage) -> Section | None:
    """What to do next; None where nothing is advised."""
    if not run.advice:
        return None
    items = "".join(
        f"<li><p><strong>{text(each.get('sentence', ''))}</strong></p>"
        + "".join(
            f'<p class="soft">{name}: {text(each[key])}</p>'
            for key, name in (("worth", "Worth"), ("follow", "Next"), ("layer", "Layer"))
            if each.get(key)
        )
        + "</li>"
        for each in run.advice
    )
    return Section("advice", "What to do next", f'<ol class="advice">{items}</ol>', short="Advice")


def main_table(run: RunPage) -> Section:
    """The table of report.md, and what is said below it."""
    report = run.report
    lines = [[Cell(row[0]), *map(cell_of, row[1:])] for row in rows(report)]
    notes = (headline(report), report.without_limit)
    wrong = [*report.failures, *report.not_judged]
    body = table("Every file, evaluated as it was exported", headings(report), lines)
    return Section("files", "The files", body + "".join(map(paragraph, notes)) + listed(wrong, "wrong"), short="Files")


def cell_of(shown: str) -> Cell:
    """A cell of the report's table, which sorts by the number that it begins with.

    >>> [cell_of(shown).value for shown in ("57,928", "99.44%", "0.250 (0.500)", "pass (4 of 4)")]
    [57928.0, 99.44, 0.25, None]
    """
    if shown == "not available":
        return Cell(shown, kind="soft")
    try:
        return Cell(shown, float(shown.partition(" ")[0].replace(",", "").rstrip("%")))
    except ValueError:
        return Cell(shown, kind="good" if shown.startswith("pass") else "")


def missing(run: RunPage) -> str:
    """What the page cannot show."""
    return f'<aside class="missing" aria-label="What is missing">{listed(run.missing)}</aside>' if run.missing else ""
