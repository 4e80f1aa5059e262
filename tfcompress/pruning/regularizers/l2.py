"""The textbook's L2 term: it pulls every weight towards zero in proportion to its size; none arrives by it alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core.keras import tf
from .term import WEIGHTS

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L2:
    """R(w) = sum w^2 over a kernel of any shape; dR/dw = 2 w.

    Example:

    >>> float(L2()(tf.constant([[1.0, -2.0]])))
    5.0

    Reference: Krogh and Hertz, "A simple weight decay can improve generalization", 1991,
    https://proceedings.neurips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html
    """

    @property
    def acts_on(self) -> str:
        """Each weight of a kernel."""
        return WEIGHTS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return tf.reduce_sum(values**2)

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|w|."""
        return abs(values)
