"""What a file costs against what it is worth: the headline metric by bytes and by latency, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.tasks.task import PERCENT, MetricKind
from ...measuring.tradeoffs.pareto import on_front
from ..run_folder import RunPage
from .markup import Cell, Chart, Section, count, figure, milliseconds, number, paragraph, table

BYTES, LATENCY = "bytes, zipped", "latency, ms"


def tradeoffs(runs: Sequence[RunPage]) -> Section:
    """Two charts over all files of all runs."""
    kind = runs[0].report.stages[0].metric_kinds[0]
    points = [point for run in runs for point in _points(run, kind, len(runs) > 1)]
    figures, charts = "", []
    for cost, key in ((BYTES, "zipped_bytes"), (LATENCY, "latency_ms")):
        chosen = [dict(point) for point in points if point[key] is not None]
        if not chosen:
            continue
        sign = 1 if kind.higher_is_better else -1
        front = on_front([(point[key], -sign * point["metric"]) for point in chosen])
        for point, is_on in zip(chosen, front, strict=True):
            point |= {"x": point[key], "y": point["metric"], "front": is_on}
        best = [str(point["label"]) for point in chosen if point["front"]]
        title = f"{kind.name} against {cost}; on the Pareto front: {', '.join(best)}"
        spec = {"points": chosen, "x": cost, "y": kind.name, "percent": kind.unit == PERCENT}
        chart = Chart(f"tradeoff-{key}", "scatter", title, {**spec, "better": sign})
        rows = [
            [
                Cell(point["label"]),
                number((count if key == "zipped_bytes" else milliseconds)(point["x"]), point["x"]),
                number(kind.text(point["y"]), point["y"]),
                Cell("on the front" if point["front"] else "", kind="good"),
            ]
            for point in chosen
        ]
        figures += figure(
            chart,
            table(title, ("file", cost, kind.name, "Pareto"), rows),
            f"{kind.name} by {cost}: better is up, and to the left",
        )
        charts.append(chart)
    note = paragraph(
        "Filled points are on the Pareto front: no other file is at most as large (or as slow) and at least as good.",
        "soft",
    )
    body = f'<div class="pair">{figures}</div>{note}'
    return Section("tradeoffs", "What it costs, what it is worth", body, tuple(charts), "Trade-offs")


def _points(run: RunPage, kind: MetricKind, with_name: bool) -> list[dict[str, Any]]:
    """The files of a run whose headline metric is known, as the first check ran them."""
    found = []
    for file in run.report.files:
        seen = next(iter(file.findings.values()), None)
        if seen is None or kind.name not in seen.metrics:
            continue
        label = f"{run.name}: {file.variant}" if with_name else file.variant
        found.append(
            {
                "label": label,
                "run": run.name if with_name else "",
                "metric": seen.metrics[kind.name],
                "latency_ms": seen.latency.median_ms if seen.latency else None,
                "raw_bytes": file.raw_bytes,
                "zipped_bytes": file.zipped_bytes,
            }
        )
    return found
