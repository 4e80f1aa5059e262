"""Layer-adaptive magnitude."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Lamp:
    """A channel is worth its squared norm over that of all channels of its layer that are at least as large.

    s_i = |K[i]|^2 / sum of |K[k]|^2 over the k with |K[k]| >= |K[i]|; so each layer's largest channel is worth 1, and
    no layer is emptied. The paper scores single weights; here the squares of a channel's group are summed first.

    Example:

    >>> import numpy as np
    >>> Lamp()([Slice("conv", "kernel", "makes", np.array([[1.0], [2.0], [3.0]]))]).round(4)
    array([0.0714, 0.3077, 1.    ])

    Reference: Lee, Park, Mo, Ahn and Shin, "Layer-adaptive sparsity for the magnitude-based pruning", 2021,
    https://arxiv.org/abs/2010.07611
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes: that is what the score is made for."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        kernels = [part for part in slices if part.is_kernel and part.role == "makes"]
        return lamp(sum(part.sums(2) for part in kernels)) if kernels else None


def lamp(squares: np.ndarray) -> np.ndarray:
    """Each square over the sum of those that come after it in ascending order, itself included."""
    import numpy as np

    order = np.argsort(squares, kind="stable")
    ascending = squares[order].astype("float64")
    scores = np.empty(len(squares))
    scores[order] = ascending / np.maximum(np.cumsum(ascending[::-1])[::-1], np.finfo(float).tiny)
    return scores
