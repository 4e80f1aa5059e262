"""The mean size of what is read of a channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import ACTIVATIONS, Slice, mean_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Activation:
    """A channel is worth the mean absolute value that the layers after it read of it, over training examples.

    s_i = mean_j a_j[i] / mean_i a_j[i] with a_j[i] = mean |x| of channel i where layer j reads it.

    Example:

    >>> import numpy as np
    >>> rows = np.zeros((2, 1))
    >>> Activation()([Slice("conv", "kernel", "takes", rows, activations=np.array([3.0, 1.0]))])
    array([1.5, 0.5])

    Reference: Hu, Peng, Tai and Tang, "Network trimming: a data-driven neuron pruning approach towards efficient deep
    architectures", 2016, https://arxiv.org/abs/1607.03250 (which counts zeros; here sizes are averaged, as in Molchanov
    et al., 2017, https://arxiv.org/abs/1611.06440)
    """

    @property
    def needs(self) -> str:
        """Activations on training examples."""
        return ACTIVATIONS

    @property
    def comparable(self) -> bool:
        """No: each layer's signal has a size of its own."""
        return False

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        return mean_of([part.activations for part in slices if part.activations is not None])
