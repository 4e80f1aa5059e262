"""What a term of the loss has to say of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ...core.keras import tf

if TYPE_CHECKING:
    import numpy as np

WEIGHTS, FILTERS, SCALES = "weights", "filters", "scales"


@runtime_checkable
class Term(Protocol):
    """A term of the loss; `acts_on` says what it is called with.

    WEIGHTS: a kernel of any shape. FILTERS: a matrix (weights of a filter and its bias, filters). SCALES: the scale
    of a batch normalisation, (channels,).
    """

    @property
    def acts_on(self) -> str:
        """WEIGHTS, FILTERS or SCALES."""

    def __call__(self, values: Any) -> Any:
        """The term, a scalar tensor, before the strength."""

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """How large each unit is that may go: shape of `values` for WEIGHTS, else one entry a column or channel."""


def safe_norm(values: Any, axis: Any = None) -> Any:
    """||values||_2 along `axis`, whose gradient at zero is zero (a subgradient) and not NaN."""
    squared = tf.reduce_sum(values**2, axis=axis)
    positive = squared > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squared, tf.ones_like(squared))), tf.zeros_like(squared))
