"""The textbook's L1 term: it pulls every weight towards zero with the same force, and small ones arrive."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core.keras import tf
from .term import WEIGHTS

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L1:
    """R(w) = sum |w| over a kernel of any shape; dR/dw = sign(w).

    Example:

    >>> float(L1()(tf.constant([[1.0, -2.0]])))
    3.0

    Reference: Tibshirani, "Regression shrinkage and selection via the lasso", 1996,
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    """

    @property
    def acts_on(self) -> str:
        """Each weight of a kernel."""
        return WEIGHTS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return tf.reduce_sum(tf.abs(values))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|w|."""
        return abs(values)
