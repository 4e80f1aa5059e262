"""Tree-structured group lasso: a node of the tree of weights reaches zero with all that is below it."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from ...core.keras import tf
from .term import safe_norm

LAYER, FILTER, SLICE, WEIGHT = LEVELS = ("layer", "filter", "slice", "weight")


def tree_lasso(kernel: Any, levels: Collection[str] = LEVELS, output_axis: int = -1) -> Any:
    """R(w) = sum over the nodes v of `levels` of sqrt(|v|) ||w_v||_2, for one kernel; a scalar tensor.

    The nodes of a kernel (h, w, in, out): the layer itself, its `out` filters, their in * out slices of h * w, and each
    weight. The slice of a Dense kernel is one weight; it is counted as a weight and not twice.

    >>> kernel = tf.constant([[3.0], [4.0]])  # one filter, which is the layer: sqrt(2) 5, twice, and |3| + |4|
    >>> round(float(tree_lasso(kernel)), 4)
    21.1421

    References: Kim and Xing, "Tree-guided group lasso for multi-task regression", 2010,
    https://arxiv.org/abs/0909.1373; Wen et al., "Learning structured sparsity in deep neural networks", 2016,
    https://arxiv.org/abs/1608.03665
    """
    rank = len(kernel.shape)
    within = {
        LAYER: tuple(range(rank)),
        FILTER: tuple(axis for axis in range(rank) if axis != output_axis % rank),
        SLICE: tuple(range(rank - 2)),
    }
    term = tf.constant(0.0, kernel.dtype)
    for level, axes in within.items():
        if level in levels and axes:
            size = math.prod(kernel.shape[axis] for axis in axes)
            term += math.sqrt(size) * tf.reduce_sum(safe_norm(kernel, axis=axes))
    return term + tf.reduce_sum(tf.abs(kernel)) if WEIGHT in levels else term
