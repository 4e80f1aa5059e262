"""The L1 norm of a channel's weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice, mean_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L1Norm:
    """A channel is worth the sum of its absolute weights, in all kernels that make it.

    For kernels K_1..K_m of a family, K_j of shape (channels, entries): s_i = mean_j |K_j[i]|_1 / mean_i |K_j[i]|_1.

    Args:
      readers: whether the kernels that read the channel count too. Defaults to False.

    Example:

    >>> import numpy as np
    >>> L1Norm()([Slice("conv", "kernel", "makes", np.array([[1.0, -2.0], [0.0, 1.0]]))])
    array([1.5, 0.5])

    Reference: Li, Kadav, Durdanovic, Samet and Graf, "Pruning filters for efficient ConvNets", 2017,
    https://arxiv.org/abs/1608.08710
    """

    readers: bool = False

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
        return mean_of([part.sums(1) for part in slices if part.is_kernel and part.role in roles])
