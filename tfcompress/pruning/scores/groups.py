"""Weights that are scored together: a filter, the slice of a filter that reads one input channel, or one weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WEIGHT, SLICE, FILTER = "weight", "slice", "filter"
GROUPS = (WEIGHT, SLICE, FILTER)


def axes_of(group: str, num_axes: int, output_axis: int = -1) -> tuple[int, ...]:
    """The axes of a kernel that lie within a group.

    A kernel (h, w, in, out) has `out` filters of h * w * in weights, and in * out slices of h * w; the slice of a
    Dense kernel (in, out) is one weight.

    >>> axes_of("filter", 4), axes_of("slice", 4), axes_of("weight", 4)
    ((0, 1, 2), (0, 1), ())
    """
    if group == FILTER:
        return tuple(axis for axis in range(num_axes) if axis != output_axis % num_axes)
    return tuple(range(num_axes - 2)) if group == SLICE else ()


def group_size(shape: Sequence[int], group: str, output_axis: int = -1) -> int:
    """Weights in a group of a kernel of `shape`."""
    return math.prod(shape[axis] for axis in axes_of(group, len(shape), output_axis))


def mean_over_group(values: np.ndarray, group: str, output_axis: int = -1) -> np.ndarray:
    """Each entry replaced by its group's mean, the same shape."""
    import numpy as np

    axes = axes_of(group, values.ndim, output_axis)
    return np.broadcast_to(values.mean(axis=axes, keepdims=True), values.shape) if axes else values
