"""Regularizers: terms of the loss that make weights, filters or channels small, so that they can be removed.

The loss is task loss + lambda * sum of R over what a term acts on; R is written without lambda, the strength. w is a
kernel of any shape, w_v the weights of a group v of them and |v| their number; sqrt(|v|) makes groups of different
sizes pay alike. Where a norm is zero, so is its gradient.

A term of your own is any object with `acts_on`, `__call__` and `sizes`, as `Term` says.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from ..backend.tensorflow import tf
from .weight_scores import LEVELS, WEIGHT, axes_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["L1", "L2", "BatchNormL1", "GroupLasso", "Term", "tree_lasso", "WEIGHTS", "FILTERS", "SCALES"]

WEIGHTS, FILTERS, SCALES = "weights", "filters", "scales"


@runtime_checkable
class Term(Protocol):
    """A term of the loss; `acts_on` says what it is called with.

    WEIGHTS: a kernel of any shape. FILTERS: a matrix (weights of a filter and its bias, filters). SCALES: the scale
    of a batch normalization, (channels,).
    """

    @property
    def acts_on(self) -> str:
        """WEIGHTS, FILTERS or SCALES."""

    def __call__(self, values: Any) -> Any:
        """The term, a scalar tensor, before the strength."""

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """How large each unit is that may go: shape of `values` for WEIGHTS, else one entry a column or channel."""


def safe_norm(values: Any, axis: Any = None) -> Any:
    """||values||_2 along `axis`, whose gradient at zero is zero (a subgradient) and not NaN."""
    squared = tf.reduce_sum(values**2, axis=axis)
    positive = squared > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squared, tf.ones_like(squared))), tf.zeros_like(squared))


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
    term = tf.constant(0.0, kernel.dtype)
    for level in LEVELS:
        axes = axes_of(level, len(kernel.shape), output_axis)
        if level in levels and axes:
            size = math.prod(kernel.shape[axis] for axis in axes)
            term += math.sqrt(size) * tf.reduce_sum(safe_norm(kernel, axis=axes))
    return term + tf.reduce_sum(tf.abs(kernel)) if WEIGHT in levels else term


@dataclasses.dataclass(frozen=True)
class L1:
    """R(w) = sum |w| over a kernel of any shape; dR/dw = sign(w).

    Example:

    >>> float(L1()(tf.constant([[1.0, -2.0]])))
    3.0

    Reference: Tibshirani, "Regression shrinkage and selection via the lasso", 1996,
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """

    acts_on: ClassVar[str] = WEIGHTS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return tf.reduce_sum(tf.abs(values))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|w|."""
        return abs(values)


@dataclasses.dataclass(frozen=True)
class L2:
    """R(w) = sum w^2 over a kernel of any shape; dR/dw = 2 w.

    Example:

    >>> float(L2()(tf.constant([[1.0, -2.0]])))
    5.0

    Reference: Krogh and Hertz, "A simple weight decay can improve generalization", 1991,
    https://proceedings.neurips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html
    """

    acts_on: ClassVar[str] = WEIGHTS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return tf.reduce_sum(values**2)

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|w|."""
        return abs(values)


@dataclasses.dataclass(frozen=True)
class GroupLasso:
    """R(w) = sqrt(p) sum_j ||w_j||_2 over the filters j, each of p weights, its bias included; columns of (p, filters).

    dR/dw_j = sqrt(p) w_j / ||w_j||, and 0 where w_j is 0. sqrt(p) makes filters of different sizes pay alike.

    A BatchNormalization after the filter undoes the shrinking, since it divides by the size of what comes out: the
    order of filters still shows there, but `BatchNormL1` is the term that works.

    Example:

    >>> round(float(GroupLasso()(tf.constant([[3.0, 0.0], [4.0, 0.0]]))), 4)  # sqrt(2) * (5 + 0)
    7.0711

    References: Yuan and Lin, "Model selection and estimation in regression with grouped variables", 2006,
    https://doi.org/10.1111/j.1467-9868.2005.00532.x; Wen et al., "Learning structured sparsity in deep neural
    networks", 2016, https://arxiv.org/abs/1608.03665
    """

    acts_on: ClassVar[str] = FILTERS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return math.sqrt(values.shape[0]) * tf.reduce_sum(safe_norm(values, axis=0))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """||w_j||_2 / sqrt(p), shape (filters,)."""
        return (values**2).mean(axis=0) ** 0.5


@dataclasses.dataclass(frozen=True)
class BatchNormL1:
    """R(gamma) = sum |gamma| over the scales, shape (channels,), of each BatchNormalization; dR/dgamma = sign(gamma).

    Example:

    >>> float(BatchNormL1()(tf.constant([0.5, -0.25])))
    0.75

    Reference: Liu et al., "Learning efficient convolutional networks through network slimming", 2017,
    https://arxiv.org/abs/1708.06519
    """

    acts_on: ClassVar[str] = SCALES

    def __call__(self, values: Any) -> Any:
        """R(gamma)."""
        return tf.reduce_sum(tf.abs(values))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|gamma|, shape (channels,)."""
        return abs(values)
