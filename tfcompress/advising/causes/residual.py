"""A sum that nothing bounds: rare large values take the range, and the bulk is left with few levels."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import OUTPUT, Evidence
from .words import estimated, in_decibels, times

FAR = 8.0  # times what 99 of 100 numbers stay below; of a normal distribution a million reach twice that


def residual(evidence: Evidence) -> Advice | None:
    """Names the sum, or the activation that was built into it."""
    guilty = evidence.guilty()
    if guilty is None or guilty.what != OUTPUT or guilty.op != "ADD":
        return None
    reach = max(guilty.largest, -guilty.least) / (guilty.usual or 1.0)
    if reach < FAR:
        return None
    bound = max(6.0, 2 * guilty.usual)  # TFLite builds ReLU6 into the sum
    return Advice(
        "unbounded residual",
        f"The residual sum {guilty.layer!r} has no bound: its largest value is {times(reach)} what 99 % of its numbers "
        f"stay below, so that these share few of the 256 levels; this {in_decibels(evidence, guilty)}.",
        guilty.layer,
        estimated(evidence, guilty),
        f"bound it with ReLU(max_value={bound:.2g}) and train on, or export Int16x8(), whose sums have 16 bits",
    )
