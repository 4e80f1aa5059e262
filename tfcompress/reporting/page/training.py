"""The curves of each training, by epoch."""

from __future__ import annotations

from ..run_folder import RunPage
from .markup import Cell, Chart, Section, figure, folded, significant, table, text


def training(run: RunPage) -> Section | None:
    """A chart of the losses and one of the metrics of each stage; None where nothing was trained."""
    figures, charts, rows = "", [], []
    for place, stage in enumerate(run.report.stages):
        curves = {name: list(values) for name, values in stage.history.items() if values}
        losses = {name: values for name, values in curves.items() if "loss" in name}
        others = {name: values for name, values in curves.items() if name not in losses}
        for position, (words, group) in enumerate((("losses", losses), ("metrics", others))):
            if not any(len(values) > 1 for values in group.values()):
                continue  # of one epoch there is no curve
            ends = ", ".join(f"{name} {significant(values[-1])}" for name, values in group.items())
            title = f"{stage.name}: {words} over {len(next(iter(group.values())))} epochs, at the end {ends}"
            chart = Chart(f"training-{place}-{position}", "curves", title, {"curves": group})
            charts.append(chart)
            keys = ", ".join(
                f'<span class="nowrap"><span class="key s{number}"></span>{text(name)} {significant(values[-1])}</span>'
                for number, (name, values) in enumerate(group.items())
            )
            figures += figure(chart, markup=f"{text(stage.name)}: {keys}", kind="small wide")
        for name, values in curves.items():
            best = min(values) if "loss" in name else max(values)
            numbers = [Cell(significant(each), each) for each in (values[0], best, values[-1])]
            rows.append([Cell(f"{stage.name}: {name}"), Cell(str(len(values)), len(values)), *numbers])
    if not rows:
        return None
    headings = ("figure", "epochs", "first", "best", "last")
    numbers_table = table("What each training came to", headings, rows)
    drawn = f'<div class="grid wide">{figures}</div>{folded("Numbers", numbers_table)}'
    body = drawn if figures else numbers_table
    return Section("training", "Training", body, tuple(charts), "Training")
