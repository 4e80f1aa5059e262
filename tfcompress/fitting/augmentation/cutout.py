"""A square taken out of each image."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import below


@dataclasses.dataclass(frozen=True)
class Cutout:
    """Sets a square to zero, its middle anywhere in the image, so that a model looks at all of it.

    Args:
      size: side of the square in pixels, at least 1. Defaults to 8.

    Raises:
      InvalidValue: for a value out of range.

    >>> int(tf.reduce_sum(Cutout(4)(tf.ones((1, 8, 8, 1), tf.int32), (0, 0), tf.constant([7])))) < 64
    True

    Reference: DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017,
    https://arxiv.org/abs/1708.04552
    """

    size: int = 8

    def __post_init__(self) -> None:
        expect(self.size >= 1, self, "size", "must be at least 1", "Use 8.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images (batch, height, width, channels) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        _, height, width, _ = images.shape
        rows = self._covered(height, "down", key, indices)
        columns = self._covered(width, "right", key, indices)
        inside = tf.logical_and(rows[:, :, None, None], columns[:, None, :, None])
        return tf.where(inside, tf.zeros_like(images), images)

    def _covered(self, length: int, way: str, key: Any, indices: Any) -> Any:
        """Which rows, or columns, the square covers: (batch, length), bool."""
        begin = below(length, f"cutout {way}", key, indices)[:, None] - self.size // 2
        places = tf.range(length)[None]
        return tf.logical_and(places >= begin, places < begin + self.size)
