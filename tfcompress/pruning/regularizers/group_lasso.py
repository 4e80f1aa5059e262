"""Group lasso over filters: the weights of a filter and its bias reach zero together, or not at all."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from ...core.keras import tf
from .term import FILTERS, safe_norm

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class GroupLasso:
    """R(w) = sqrt(p) sum_j ||w_j||_2 over the filters j, each of p weights, its bias included; columns of (p, filters).

    dR/dw_j = sqrt(p) w_j / ||w_j||, and 0 where w_j is 0. sqrt(p) makes filters of different sizes pay alike.

    A BatchNormalization after the filter undoes the shrinking, since it divides by the size of what comes out: there
    the order of filters is still told, but `BatchNormL1` is the term that works.

    Example:

    >>> round(float(GroupLasso()(tf.constant([[3.0, 0.0], [4.0, 0.0]]))), 4)  # sqrt(2) * (5 + 0)
    7.0711

    References: Yuan and Lin, "Model selection and estimation in regression with grouped variables", 2006,
    https://doi.org/10.1111/j.1467-9868.2005.00532.x; Wen et al., "Learning structured sparsity in deep neural
    networks", 2016, https://arxiv.org/abs/1608.03665
    """

    @property
    def acts_on(self) -> str:
        """Whole filters."""
        return FILTERS

    def __call__(self, values: Any) -> Any:
        """R(w)."""
        return math.sqrt(values.shape[0]) * tf.reduce_sum(safe_norm(values, axis=0))

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """||w_j||_2 / sqrt(p), shape (filters,)."""
        return (values**2).mean(axis=0) ** 0.5
