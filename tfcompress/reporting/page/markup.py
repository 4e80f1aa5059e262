"""HTML in a few pieces: text, tables that sort, charts with their numbers beside them, sections."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence
from typing import Any


def text(value: Any) -> str:
    """A value as text in HTML.

    >>> text("a < b")
    'a &lt; b'
    """
    return html.escape(str(value))


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
      shown: what stands in it, as text.
      value: by which it sorts, where that is a number.
      share: of the widest bar in its column, in [0, 1]; None: no bar.
      markup: HTML that takes the place of `shown`.
      kind: a class of the style: "good", "bad", "soft" or "".
    """

    shown: str
    value: float | None = None
    share: float | None = None
    markup: str = ""
    kind: str = ""


def number(shown: str, value: float | None, share: float | None = None) -> Cell:
    """A cell with a number; of None, with a dash."""
    return Cell("–", None, kind="soft") if value is None else Cell(shown, value, share)


@dataclasses.dataclass(frozen=True)
class Chart:
    """What the page's script draws by its function `kind`.

    It is given `spec` beside what stands at `path` in the report, so that no number is in the page twice. `title` says
    what is seen.
    """

    name: str
    kind: str
    title: str
    spec: Mapping[str, Any]
    path: tuple[str | int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page: `name` is its anchor, `short` what the list of sections calls it.

    `media` are images and recordings by name, as addresses of data: an element with `data-from="NAME"` shows one.
    """

    name: str
    title: str
    body: str
    charts: tuple[Chart, ...] = ()
    short: str = ""
    media: Mapping[str, str] = dataclasses.field(default_factory=dict)


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[Cell | str]], kind: str = "sortable") -> str:
    """A table with a caption and headings for each column; the first cell of a row is its heading.

    Args:
      caption: what it is, for those who hear the page.
      headings: of the columns.
      rows: cells; a text is a cell with nothing more to it.
      kind: classes of the style. Defaults to "sortable".
    """
    cells = [[each if isinstance(each, Cell) else Cell(each) for each in row] for row in rows]
    numeric = [
        all(row[place].value is not None or row[place].kind == "soft" for row in cells) and bool(cells)
        for place in range(len(headings))
    ]
    head = "".join(
        f'<th scope="col"{_class("number" if right else "")}>{text(heading)}</th>'
        for heading, right in zip(headings, numeric, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(_cell(cell, place == 0, numeric[place]) for place, cell in enumerate(row))}</tr>"
        for row in cells
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table class="{kind}">'
        f"<caption><span>{text(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "</div>"
    )


def _cell(cell: Cell, is_heading: bool, is_number: bool) -> str:
    name = "th" if is_heading else "td"
    bar = cell.share is not None
    kinds = " ".join(filter(None, ("number" if is_number else "", "bar" if bar else "", cell.kind)))
    scope = ' scope="row"' if is_heading else ""
    shown = "Infinity" if cell.value == math.inf else repr(cell.value)  # as the script reads it
    value = f' data-value="{text(shown)}"' if cell.value is not None else ""
    width = f' style="--w:{100 * max(0.0, min(1.0, cell.share or 0.0)):.2f}%"' if bar else ""
    return f"<{name}{scope}{_class(kinds)}{value}{width}>{cell.markup or text(cell.shown)}</{name}>"


def _class(kinds: str) -> str:
    return f' class="{kinds}"' if kinds else ""


def folded(summary: str, body: str) -> str:
    """What is there for those who ask, behind a line."""
    return f"<details><summary>{text(summary)}</summary>{body}</details>"


def figure(chart: Chart, numbers: str = "", note: str = "", kind: str = "", markup: str = "") -> str:
    """The place of a chart, its caption (`note`, or `markup` in its place), and its numbers to unfold."""
    unfold = folded("Numbers", numbers) if numbers else ""
    caption = f"<figcaption>{markup or text(note)}</figcaption>" if note or markup else ""
    return (
        f'<figure class="chart {kind}"><div class="plot" data-chart="{text(chart.name)}" role="img" '
        f'aria-label="{text(chart.title)}"></div>{caption}{unfold}</figure>'
    )


def choices(name: str, label: str, parts: Mapping[str, str], chosen: str) -> str:
    """One of several parts, chosen by a list; all of them where no script runs."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    options = "".join(f"<option{' selected' if each == chosen else ''}>{text(each)}</option>" for each in parts)
    blocks = "".join(
        f'<div class="choice" data-choice="{text(each)}"><h3 class="print-only">{text(each)}</h3>{body}</div>'
        for each, body in parts.items()
    )
    return (
        f'<div class="choices" id="{name}"><label class="chooser">{text(label)} <select>{options}</select></label>'
        f"{blocks}</div>"
    )


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph; empty of no words."""
    return f"<p{_class(kind)}>{text(words)}</p>" if words else ""


def listed(items: Sequence[str], kind: str = "") -> str:
    """A list; empty of no items."""
    return f"<ul{_class(kind)}>{''.join(f'<li>{text(item)}</li>' for item in items)}</ul>" if items else ""


def count(value: float | None) -> str:
    """A whole number with its thousands apart.

    >>> count(13706), count(None)
    ('13,706', '–')
    """
    return "–" if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share in percent, of which none rounds to 0 or 100.

    >>> percent(0.58), percent(0.99999), percent(0.0), percent(None)
    ('58.0%', '>99.9%', '0%', '–')
    """
    if share is None:
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    return "<0.1%" if share < 0.0005 else ">99.9%" if share > 0.9995 else f"{share:.1%}"


def milliseconds(value: float | None) -> str:
    """A time with three digits.

    >>> milliseconds(0.002083), milliseconds(12.345), milliseconds(1234.5)
    ('0.00208', '12.3', '1,234')
    """
    if value is None:
        return "–"
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"


def decibels(value: float | None) -> str:
    """A ratio of powers in dB."""
    return "–" if value is None else "exact" if value == math.inf else f"{value:.1f}"


def significant(value: float) -> str:
    """A number with four digits."""
    return f"{value:.4g}"
