"""Ranges that are too narrow: what lies beyond is cut off."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import OUTPUT, Evidence
from .words import estimated, in_decibels, percent

MOSTLY = 0.5  # of its noise that comes from what is cut off


def calibration(evidence: Evidence) -> Advice | None:
    """Names the layer whose range is too narrow, and the examples that go farthest beyond."""
    guilty = evidence.guilty()
    if guilty is None or guilty.what != OUTPUT or guilty.clipping < MOSTLY:
        return None
    named = ", ".join(map(str, guilty.farthest))
    return Advice(
        "calibration",
        f"Calibration saw too little: {percent(guilty.clipped)} of what {guilty.layer!r} gives lies outside of its "
        f"range {guilty.low:.3g} to {guilty.high:.3g} and is cut off, farthest in the test examples {named}, up to "
        f"{max(guilty.largest, -guilty.least):.3g}; this {in_decibels(evidence, guilty)}.",
        guilty.layer,
        estimated(evidence, guilty),
        "calibrate with more examples, and such ones among them: Int8(num_representative=256), or stratified=True",
    )
