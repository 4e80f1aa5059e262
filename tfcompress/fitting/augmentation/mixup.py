"""Two examples laid over each other, and their labels with them."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import below, uniform

if TYPE_CHECKING:
    import numpy as np

_NUM_QUANTILES = 4096


@dataclasses.dataclass(frozen=True)
class Mixup:
    """Makes of each example s x_i + (1 - s) x_j, and of its label the same mixture, so that a model is less sure.

    The partner j is drawn from all training examples, the share s from Beta(alpha, alpha), both by (seed, epoch, i); x
    are inputs as the model sees them, after all other augmentation.

    Args:
      alpha: above 0; small values leave most examples nearly as they were, 1 makes all shares alike. Defaults to 0.2.

    Raises:
      InvalidValue: for a value out of range.

    >>> others, share = Mixup().partners(1000, (0, 0), tf.range(3))
    >>> others.shape, share.shape
    (TensorShape([3]), TensorShape([3]))

    Reference: Zhang et al., "mixup: beyond empirical risk minimization", 2018, https://arxiv.org/abs/1710.09412
    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        expect(self.alpha > 0, self, "alpha", "must be above 0", "Use 0.2.")

    def partners(self, num_examples: int, key: Any, indices: Any) -> tuple[Any, Any]:
        """Another example for each of `indices` (batch,), and the first one's share, float32, as `key` draws them."""
        others = tf.cast(below(num_examples, "mixup partner", key, indices), indices.dtype)
        quantile = tf.cast(uniform("mixup share", key, indices) * _NUM_QUANTILES, tf.int32)
        return others, tf.gather(tf.constant(_beta_quantiles(self.alpha)), quantile)


@functools.cache
def _beta_quantiles(alpha: float) -> np.ndarray:
    """The quantiles of Beta(alpha, alpha) at the middles of equal parts of [0, 1], float32."""
    import numpy as np
    from scipy.special import betaincinv

    return betaincinv(alpha, alpha, (np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES).astype("float32")
