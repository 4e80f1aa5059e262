"""What a search measures of an exported file: the figures that a budget may bound, or make as small as possible."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from ..core.tasks.task import MetricKind

Figures = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure: its name, how it is written, and what it is. The smaller, the better, of each of them."""

    name: str
    text: Callable[[float], str]
    help: str


DROP = "drop"
_FIGURES = (
    Figure("zipped_bytes", lambda value: f"{value:,.0f} B", "bytes of the file zipped (DEFLATE, level 9)"),
    Figure("raw_bytes", lambda value: f"{value:,.0f} B", "bytes of the file"),
    Figure("ms", lambda value: f"{value:.3f} ms", "median latency of one example"),
    Figure("memory_bytes", lambda value: f"{value / 2**20:.2f} MiB", "peak memory of a process that runs the file"),
    Figure("macs", lambda value: f"{value:,.0f}", "multiply-accumulates of one example"),
    Figure(DROP, lambda value: f"{value:.4g}", "how much worse the headline metric is than the uncompressed model's"),
)
FIGURES = {figure.name: figure for figure in _FIGURES}
COSTS = tuple(name for name in FIGURES if name != DROP)


def text_of(name: str, value: float, kind: MetricKind | None = None) -> str:
    """A figure as tables write it; a drop in the words of its metric.

    >>> text_of("zipped_bytes", 11943), text_of("drop", 0.0125, MetricKind("accuracy", "%"))
    ('11,943 B', '1.25 points')
    """
    if name == DROP and kind is not None and kind.unit == "%":
        return f"{100 * value:.2f} points"
    return FIGURES[name].text(value)
