"""Network slimming: L1 on the scales of batch normalisation, so that training itself says which channels it needs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ...core.keras import tf
from .term import SCALES

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class BatchNormL1:
    """R(gamma) = sum |gamma| over the scales, shape (channels,), of each BatchNormalization; dR/dgamma = sign(gamma).

    Example:

    >>> float(BatchNormL1()(tf.constant([0.5, -0.25])))
    0.75

    Reference: Liu et al., "Learning efficient convolutional networks through network slimming", 2017,
    https://arxiv.org/abs/1708.06519
    """

    @property
    def acts_on(self) -> str:
        """Scales of batch normalisation."""
        return SCALES

    def __call__(self, values: Any) -> Any:
        """R(gamma)."""
        return tf.reduce_sum(tf.abs(values))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """|gamma|, shape (channels,)."""
        return abs(values)
