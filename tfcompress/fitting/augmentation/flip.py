"""Left and right exchanged, in half of the images."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import uniform


@dataclasses.dataclass(frozen=True)
class Flip:
    """Mirrors an image left to right with a probability.

    Args:
      probability: in [0, 1]. Defaults to 0.5.

    Raises:
      InvalidValue: for a probability out of range.

    >>> Flip(probability=1.0)(tf.constant([[[[1], [2]]]]), (0, 0), tf.constant([0]))[0, 0, :, 0].numpy().tolist()
    [2, 1]
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        expect(0 <= self.probability <= 1, self, "probability", "must be in [0, 1]", "Use 0.5.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images (batch, height, width, channels) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        chosen = uniform("flip", key, indices) < self.probability
        return tf.where(chosen[:, None, None, None], tf.reverse(images, [2]), images)
