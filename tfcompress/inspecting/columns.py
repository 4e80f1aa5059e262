"""A table that shows as many columns as fit: the most telling ones first, and none that would be empty."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich.text import Text

GAP = 2  # between columns
LUXURY = 3  # columns of this rank and above go before any other shrinks

STYLES = {"yes": "green", "no": "red", "partly": "yellow", "not asked": "dim", "not run": "yellow", "unknown": "yellow"}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column: `rank` 0 is always shown, and of the others the greatest goes first; it may shrink to `least`."""

    heading: str
    cells: tuple[str, ...]
    rank: int = 0
    right: bool = False
    least: int | None = None

    @property
    def width(self) -> int:
        """Of its widest cell."""
        return max(map(len, (self.heading, *self.cells)))

    @property
    def least_width(self) -> int:
        """What it cannot do without."""
        return min(self.width, self.least or self.width)


def fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns with something in them that fit side by side.

    >>> wide, narrow = Column("a", ("x" * 30,), rank=1), Column("b", ("y",))
    >>> [column.heading for column in fitting([wide, narrow, Column("empty", ("",))], 20)]
    ['b']
    """
    shown = [column for column in columns if any(column.cells)]
    _drop(shown, [column for column in shown if column.rank >= LUXURY], width, "width")
    _drop(shown, [column for column in shown if column.rank], width, "least_width")
    return shown


def _drop(shown: list[Column], able: list[Column], width: int, measure: str) -> None:
    """Takes the columns of greatest rank among `able` out of `shown`, until the rest fits by that measure."""
    for column in sorted(able, key=lambda column: -column.rank):
        if sum(getattr(other, measure) + GAP for other in shown) - GAP <= width:
            return
        shown.remove(column)


def lines(columns: Sequence[Column], width: int) -> list[Text]:
    """What fits of `columns`, line by line: headings, a rule, and rows with the words for yes and no in colour."""
    shown = fitting(columns, width)
    widths = _widths(shown, width)
    heading = _line([(column.heading, "bold") for column in shown], shown, widths)
    rule = Text("─" * (sum(widths) + GAP * (len(widths) - 1)), style="dim")
    rows = zip(*(column.cells for column in shown), strict=True)
    return [heading, rule, *(_line([(cell, STYLES.get(cell, "")) for cell in row], shown, widths) for row in rows)]


def _line(cells: Sequence[tuple[str, str]], shown: Sequence[Column], widths: Sequence[int]) -> Text:
    """Cells side by side, without spaces at the end."""
    line = Text()
    for (cell, style), column, width in zip(cells, shown, widths, strict=True):
        short = cell if len(cell) <= width else cell[: width - 1] + "…"
        line.append(short.rjust(width) if column.right else short.ljust(width), style)
        line.append(" " * GAP)
    line.rstrip()
    return line


def _widths(shown: Sequence[Column], width: int) -> list[int]:
    """Each column's own width, taken from the widest that may shrink until all fit."""
    widths = [column.width for column in shown]
    while sum(widths) + GAP * (len(shown) - 1) > width:
        able = [i for i, column in enumerate(shown) if widths[i] > column.least_width]
        if not able:
            break
        widths[max(able, key=widths.__getitem__)] -= 1
    return widths
