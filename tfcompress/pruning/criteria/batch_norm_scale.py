"""The scale of the batch normalization that follows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class BatchNormScale:
    """A channel is worth the absolute scale that its batch normalization gives it.

    s_i = mean_j |gamma_j[i]| over the normalizations j of the channel. Layers without one are left whole.

    Example:

    >>> import numpy as np
    >>> BatchNormScale()([Slice("bn", "gamma", "makes", np.array([[-2.0], [0.5]]))])
    array([2. , 0.5])

    Reference: Liu, Li, Shen, Huang, Yan and Zhang, "Learning efficient convolutional networks through network
    slimming", 2017, https://arxiv.org/abs/1708.06519
    """

    @property
    def needs(self) -> str:
        """Nothing but the weights."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes: normalized signals have one unit."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel; None without a scale."""
        import numpy as np

        scales = [abs(part.rows).mean(axis=1) for part in slices if part.weight == "gamma"]
        return np.mean(scales, axis=0) if scales else None
