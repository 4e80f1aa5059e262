"""Distance from the geometric median of the filters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice, mean_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class GeometricMedian:
    """A channel is worth the distance of its filter from all others: one in their midst can be replaced by them.

    s_i = sum_k |K[i] - K[k]|_2 for a kernel K of shape (channels, entries); over several kernels, their mean.

    Example:

    >>> import numpy as np
    >>> GeometricMedian()([Slice("conv", "kernel", "makes", np.array([[0.0], [1.0], [5.0]]))]) * 20 / 3
    array([6., 5., 9.])

    Reference: He, Liu, Wang, Hu and Yang, "Filter pruning via geometric median for deep convolutional neural networks
    acceleration", 2019, https://arxiv.org/abs/1811.00250
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """No: kernels of other shapes have other distances."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        return mean_of([distances(part.rows) for part in slices if part.is_kernel and part.role == "makes"])


def distances(rows: np.ndarray) -> np.ndarray:
    """The sum of each row's distances from all rows, by |a - b|^2 = |a|^2 + |b|^2 - 2 a b."""
    import numpy as np

    rows = rows.astype("float64")
    products = rows @ rows.T
    squares = np.diag(products)
    return np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * products, 0)).sum(axis=1)
