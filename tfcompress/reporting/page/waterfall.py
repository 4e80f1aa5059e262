"""Where the bytes went, as a waterfall."""

from __future__ import annotations

from ..run_folder import RunPage
from .markup import Cell, Chart, Section, count, figure, number, table

_HOW = {"file": "read off the file", "weights": "of the stages' weights, zipped"}
NOTE = (
    "From the first file as it is stored to the smallest one zipped. Steps of stages are measured on their weights, "
    "zipped in float32; the last step is what is left to the file, its arithmetic above all."
)


def waterfall(run: RunPage) -> Section | None:
    """The steps; None where they are not known."""
    steps = run.details.get("bytes") or []
    if not steps:
        return None
    last = steps[-1]
    title = f"From {count(steps[0]['bytes'])} to {count(last['bytes'])} bytes: " + ", ".join(
        f"{step['step']} {step['change']:+,}" for step in steps[1:]
    )
    chart = Chart("waterfall", "waterfall", title, {"steps": steps})
    rows = [
        [
            Cell(step["step"]),
            number(f"{step['change']:+,}", step["change"]),
            number(count(step["bytes"]), step["bytes"]),
            Cell(_HOW[step["how"]]),
        ]
        for step in steps
    ]
    numbers = table("Where the bytes went", ("step", "change", "bytes then", "how it is known"), rows)
    return Section("bytes", "Where the bytes went", figure(chart, numbers, NOTE), (chart,), "Bytes")
