"""The model drawn as a graph beside its figures: each operation a row, its output a line to those that take it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..run_folder import RunPage
from .markup import Cell, Section, choices, count, decibels, number, paragraph, percent, table, text

ROW, LANE, EDGE = 30, 14, 9  # pixels: the height of a row, between two lanes, and before the first
HEADINGS = ("", "operation", "output", "computes", "bytes", "MACs", "zeros", "bits", "kernel dB", "output dB")
MOST_DB = 60.0  # of a full bar: an error of a thousandth
NOTE = (
    "Bars of bytes, MACs and zeros are shares of the largest; bars of dB are errors, so that a longer one is worse. "
    "Kernel dB: the kernel in the file against the Keras model's. Output dB: what the operation gives in the file "
    "against the model's layer, all errors before it included, over a few examples of the test split."
)


def network(run: RunPage) -> Section | None:
    """A table for each file; None where operations are not known."""
    files = run.details.get("files") or {}
    if not files:
        return None
    parts = {variant: _file(variant, found) for variant, found in files.items()}
    smallest = min(run.report.files, key=lambda file: file.zipped_bytes).variant
    chosen = smallest if smallest in parts else next(reversed(parts))
    body = choices("choose-layers", "File", parts, chosen) + paragraph(NOTE, "soft")
    return Section("layers", "The model, layer by layer", body, short="Layers")


def _file(variant: str, found: Mapping[str, Any]) -> str:
    operations = found["operations"]
    drawings = graph_rows([each["takes"] for each in operations], [each["number"] for each in operations])
    most = {key: max((each[key] or 0 for each in operations), default=0) or 1 for key in ("bytes", "macs")}
    rows = [_row(each, drawing, most) for each, drawing in zip(operations, drawings, strict=True)]
    caption = f"{variant}: operations in the order in which they run"
    left = found.get("left_out")
    return table(caption, HEADINGS, rows, "sortable network") + (
        paragraph(f"{left:,} more operations are not drawn.", "soft") if left else ""
    )


def _row(each: Mapping[str, Any], drawing: str, most: Mapping[str, float]) -> list[Cell]:
    name = each["layer"] or each["name"]
    shown = str(each["number"])
    shape = "×".join(map(str, each["output_shape"]))
    return [
        Cell(shown, each["number"], markup=f'{drawing}<span class="hidden">{shown}</span>', kind="graph"),
        Cell(name, markup=f'<b>{text(name)}</b> <span class="soft">{text(each["op"])}</span>'),
        Cell(shape, kind="soft"),
        Cell(each["computes"]),
        number(count(each["bytes"]), each["bytes"], each["bytes"] / most["bytes"]),
        number(count(each["macs"]), each["macs"], (each["macs"] or 0) / most["macs"]),
        number(percent(each["sparsity"]), each["sparsity"], each["sparsity"] or 0.0),
        number(str(each["bits"]), each["bits"], (each["bits"] or 0) / 32),
        number(decibels(each["kernel_db"]), each["kernel_db"], error_share(each["kernel_db"])),
        number(decibels(each["output_db"]), each["output_db"], error_share(each["output_db"])),
    ]


def error_share(ratio_db: float | None) -> float:
    """How long the bar of an error is: all of its column at 0 dB, nothing at 60 dB.

    >>> error_share(0.0), error_share(30.0), error_share(90.0)
    (1.0, 0.5, 0.0)
    """
    if ratio_db is None or not math.isfinite(ratio_db):
        return 0.0
    return max(0.0, min(1.0, 1 - ratio_db / MOST_DB))


def graph_rows(takes: Sequence[Sequence[int]], numbers: Sequence[int]) -> list[str]:
    """A drawing for each operation, which stands below that of the one before: lines run on from row to row.

    Args:
      takes: of each operation, the numbers of those that it computes from.
      numbers: of the operations, in their order.
    """
    place = {number: row for row, number in enumerate(numbers)}
    inputs = [[place[each] for each in taken if place.get(each, row) < row] for row, taken in enumerate(takes)]
    last = [row for row in range(len(numbers))]
    for row, taken in enumerate(inputs):
        for each in taken:
            last[each] = row
    lanes: list[int] = []
    for row, taken in enumerate(inputs):
        freed = [lanes[each] for each in taken if last[each] == row]
        busy = {lanes[each] for each in range(row) if last[each] > row}
        lanes.append(freed[0] if freed else next(lane for lane in range(len(numbers) + 1) if lane not in busy))
    width = 2 * EDGE + LANE * max(lanes, default=0)
    return [_drawing(row, lanes, inputs[row], last, width) for row in range(len(numbers))]


def _drawing(row: int, lanes: Sequence[int], taken: Sequence[int], last: Sequence[int], width: int) -> str:
    middle, at = ROW / 2, EDGE + LANE * lanes[row]
    lines = []
    for each in range(row):
        x = EDGE + LANE * lanes[each]
        if last[each] > row:
            lines.append(f"M{x} 0V{ROW}")
        if each in taken:
            lines.append(f"M{x} 0V{middle}" if x == at else f"M{x} 0C{x} {middle} {at} 0 {at} {middle}")
    if last[row] > row:
        lines.append(f"M{at} {middle}V{ROW}")
    path = f'<path d="{"".join(lines)}"/>' if lines else ""
    return (
        f'<svg width="{width}" height="{ROW}" viewBox="0 0 {width} {ROW}" aria-hidden="true">{path}'
        f'<circle cx="{at}" cy="{middle}" r="4"/></svg>'
    )
