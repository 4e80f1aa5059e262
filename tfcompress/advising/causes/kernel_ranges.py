"""A kernel with one scale for channels of unequal ranges: the small ones become zero."""

from __future__ import annotations

import statistics

from ...core.types import Advice
from ..evidence import KERNEL, Evidence
from .words import estimated, in_decibels, times

UNEQUAL = 8.0  # times the median: 3 of 8 bits are lost to most channels


def kernel_ranges(evidence: Evidence) -> Advice | None:
    """Names the kernel that loses most, where one scale is why."""
    guilty = evidence.guilty()
    if guilty is None or guilty.what != KERNEL or guilty.scales != 1 or len(guilty.channels) < 2:
        return None
    ratio = max(guilty.channels) / (statistics.median(guilty.channels) or 1.0)
    if ratio < UNEQUAL:
        return None
    depthwise = "depthwise " if "DEPTHWISE" in guilty.op else ""
    return Advice(
        "unequal kernel ranges",
        f"The {depthwise}kernel of {guilty.layer!r} {in_decibels(evidence, guilty)}: its channels have unequal ranges, "
        f"the largest {times(ratio)} the median, and share one scale.",
        guilty.layer,
        estimated(evidence, guilty),
        "export with Int8(per_channel=True), or where one scale is wanted put Equalize() before the export",
    )
