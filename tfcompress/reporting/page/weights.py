"""Histograms of the weights, before and after, with the grid that they lie on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..run_folder import RunPage
from .markup import Cell, Chart, Section, choices, count, figure, folded, number, paragraph, significant, table

NOTE = (
    "Outlined: the model that the run began with. Filled: what the file holds, brought to the same unit. Zeros are "
    "left out of the bars and counted beside them. The strip below is the quantization grid from its lowest to its "
    "highest level, by the middle one of the channels' scales, with a tick for each level where there is room."
)


def weights(run: RunPage) -> Section | None:
    """Small histograms for each file that holds other weights than the first; None where none are known."""
    files = {name: found["weights"] for name, found in (run.details.get("files") or {}).items() if found.get("weights")}
    if not files:
        return None
    charts: list[Chart] = []
    parts = {}
    for place, (variant, kernels) in enumerate(files.items()):
        figures = ""
        for position, each in enumerate(kernels):
            chart = Chart(
                f"weights-{place}-{position}",
                "weights",
                _title(variant, each),
                {},
                ("details", "files", variant, "weights", position),
            )
            charts.append(chart)
            figures += figure(chart, note=f"{each['layer']}: {_words(each)}", kind="small")
        parts[variant] = f'<div class="grid">{figures}</div>{_numbers(variant, kernels)}'
    smallest = min(run.report.files, key=lambda file: file.zipped_bytes).variant
    chosen = smallest if smallest in parts else next(reversed(parts))
    body = choices("choose-weights", "File", parts, chosen) + paragraph(NOTE, "soft")
    return Section("weights", "Weights before and after", body, tuple(charts), "Weights")


def _words(each: Mapping[str, Any]) -> str:
    after = each["after"]
    zeros = f"{count(after['num_zeros'])} of {count(after['num'])} zero" if after["num_zeros"] else "no zeros"
    return zeros if each["num_levels"] is None else f"{zeros}, {each['num_levels']} levels"


def _title(variant: str, each: Mapping[str, Any]) -> str:
    return f"Weights of {each['layer']} before, and after in {variant}: {_words(each)}"


def _numbers(variant: str, kernels: list[Mapping[str, Any]]) -> str:
    rows = [
        [
            Cell(each["layer"]),
            number(count(each["after"]["num"]), each["after"]["num"]),
            number(*_zeros(each["before"])),
            number(*_zeros(each["after"])),
            number(str(each["num_levels"]), each["num_levels"]),
            number(*_step(each["grid"])),
            number(significant(each["largest"]), each["largest"]),
        ]
        for each in kernels
    ]
    headings = ("kernel", "weights", "zeros before", "zeros after", "levels", "step", "largest magnitude")
    body = table(f"{variant}: weights of each kernel", headings, rows)
    return folded("Numbers", body)


def _step(grid: Mapping[str, Any] | None) -> tuple[str, float | None]:
    return ("–", None) if grid is None else (significant(grid["step"]), grid["step"])


def _zeros(part: Mapping[str, Any] | None) -> tuple[str, float | None]:
    return ("–", None) if part is None else (count(part["num_zeros"]), part["num_zeros"])
