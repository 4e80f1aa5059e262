"""Asking a schedule made for tfmot what it wants, outside a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.keras import tf


def asked_for(schedule: Callable[[Any], Any], step: int) -> float:
    """The sparsity that `schedule` asks for at `step`, counted from 1; 0 when it asks for nothing.

    >>> from tfcompress.pruning.schedules import Compounding
    >>> schedule = Compounding(at=(0.5,)).over(10, 0.75)
    >>> [asked_for(schedule, step) for step in (4, 5, 6)]
    [0.0, 0.75, 0.0]
    """
    fires, sparsity = schedule(tf.constant(step, tf.int64))
    return float(sparsity) if bool(fires) else 0.0
