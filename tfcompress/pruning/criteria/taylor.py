"""First-order Taylor expansion of the loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import GRADIENTS, Slice

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Taylor:
    """A channel is worth what the loss would change, to first order, were its weights zero.

    s_i = mean_b (sum over the weights w that make channel i of w * dL_b/dw)^2, over batches b of training examples.

    Example:

    >>> import numpy as np
    >>> rows, gradients = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, -1.0], [1.0, 5.0]])
    >>> Taylor()([Slice("conv", "kernel", "makes", rows, gradients)])
    array([1., 9.])

    Reference: Molchanov, Mallya, Tyree, Frosio and Kautz, "Importance estimation for neural network pruning", 2019,
    https://arxiv.org/abs/1906.10771
    """

    @property
    def needs(self) -> str:
        """Gradients of the loss on training examples."""
        return GRADIENTS

    @property
    def comparable(self) -> bool:
        """Yes: all are changes of the one loss."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel on one batch."""
        import numpy as np

        made = [part for part in slices if part.role == "makes" and part.gradients is not None]
        return np.square(sum((part.rows * part.gradients).sum(axis=1) for part in made)) if made else None
