"""An output of which one channel is far larger than the others: they share one scale, and have few levels left."""

from __future__ import annotations

import statistics

from ...core.types import Advice
from ..evidence import OUTPUT, Evidence
from .words import estimated, in_decibels, times

FAR = 8.0  # times the median channel: 3 of 8 bits are lost to most channels


def outlier_channel(evidence: Evidence) -> Advice | None:
    """Names the layer and its channel."""
    guilty = evidence.guilty()
    if guilty is None or guilty.what != OUTPUT or len(guilty.channels) < 2:
        return None
    ratio = max(guilty.channels) / (statistics.median(guilty.channels) or 1.0)
    if ratio < FAR:
        return None
    channel = guilty.channels.index(max(guilty.channels))
    sides = " on both sides of zero" if guilty.two_sided else ""
    return Advice(
        "outlier channel",
        f"Channel {channel} of {guilty.layer!r} is {times(ratio)} as large as the median channel{sides}, and all share "
        f"one scale: this {in_decibels(evidence, guilty)}.",
        guilty.layer,
        estimated(evidence, guilty),
        "put Equalize() before the export: the scale moves into the layer behind"
        if guilty.can_be_equalized
        else "train with QuantizeAware(), or export Int16x8(), whose outputs have 16 bits",
    )
