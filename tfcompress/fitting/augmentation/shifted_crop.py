"""Images moved by a few pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import below


@dataclasses.dataclass(frozen=True)
class ShiftedCrop:
    """Moves an image by up to `most` pixels up or down and left or right; what is uncovered is the edge, mirrored.

    Args:
      most: pixels, at least 1 and below the images' sides. Defaults to 4.

    Raises:
      InvalidValue: for a value out of range.

    >>> ShiftedCrop(2)(tf.zeros((5, 8, 8, 3), tf.uint8), (0, 0), tf.range(5)).shape
    TensorShape([5, 8, 8, 3])

    Reference: He et al., "Deep residual learning for image recognition" (section 4.2, which pads with zeros), 2016,
    https://arxiv.org/abs/1512.03385
    """

    most: int = 4

    def __post_init__(self) -> None:
        expect(self.most >= 1, self, "most", "must be at least 1", "Use 4.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images (batch, height, width, channels) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        _, height, width, _ = images.shape
        fix = f"Use {max(1, min(height, width) // 8)}."
        expect(self.most < min(height, width), self, "most", f"must be below the sides {height} x {width}", fix)
        wide = tf.pad(images, [[0, 0], [self.most] * 2, [self.most] * 2, [0, 0]], mode="REFLECT")
        down, right = (below(2 * self.most + 1, f"crop {way}", key, indices)[:, None] for way in ("down", "right"))
        rows = tf.gather(wide, down + tf.range(height), axis=1, batch_dims=1)
        return tf.gather(rows, right + tf.range(width), axis=2, batch_dims=1)

    def of_masks(self, masks: Any, key: Any, indices: Any) -> Any:
        """Masks (batch, height, width, 1) moved as their images are."""
        return self(masks, key, indices)
