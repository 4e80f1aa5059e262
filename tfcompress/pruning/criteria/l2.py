"""The L2 norm of a channel's weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice, mean_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L2Norm:
    """A channel is worth the root of the sum of its squared weights, over all kernels of its group.

    For kernels K_1..K_m of a family, K_j of shape (channels, entries): s_i = mean_j |K_j[i]|_2 / mean_i |K_j[i]|_2.

    Args:
      readers: whether the kernels that read the channel count beside those that make it. Defaults to True.

    Example:

    >>> import numpy as np
    >>> L2Norm()([Slice("conv", "kernel", "makes", np.array([[3.0, -4.0], [0.0, 15.0]]))])
    array([0.5, 1.5])

    Reference: Fang, Ma, Song, Mi and Wang, "DepGraph: towards any structural pruning", 2023,
    https://arxiv.org/abs/2301.12900
    """

    readers: bool = True

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """No: kernels of other shapes have other norms."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        roles = ("makes", "takes") if self.readers else ("makes",)
        return mean_of([part.sums(2) ** 0.5 for part in slices if part.is_kernel and part.role in roles])
