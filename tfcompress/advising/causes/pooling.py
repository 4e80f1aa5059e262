"""An average over a large window: TFLite's AVERAGE_POOL_2D has the scale of its input, and averages are smaller."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import LEVELS, OUTPUT, Evidence
from .words import estimated, in_decibels

FEW = LEVELS // 4


def pooling(evidence: Evidence) -> Advice | None:
    """Names a pooling that makes most of the noise, as its output uses few levels."""
    guilty = evidence.guilty()
    if guilty is None or guilty.what != OUTPUT or guilty.op != "AVERAGE_POOL_2D" or guilty.levels > FEW:
        return None
    known = next((op for op in evidence.operations if op.layer == guilty.layer), None)
    slower = ", and XNNPACK does not take it in int8" if known is not None and known.on_xnnpack is False else ""
    covers = known is not None and known.covers
    return Advice(
        "pooling",
        f"The average pooling {guilty.layer!r} {in_decibels(evidence, guilty)}: it has the scale of its input, of "
        f"whose 256 levels its averages use {guilty.levels}{slower}.",
        guilty.layer,
        estimated(evidence, guilty),
        "use GlobalAveragePooling2D in its place: MEAN has a scale of its own"
        if covers
        else "pool in smaller steps, or put a DepthwiseConv2D with stride in its place: it has a scale of its own",
    )
