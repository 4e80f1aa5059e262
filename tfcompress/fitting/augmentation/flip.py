"""Left and right exchanged, or top and bottom, in half of the images."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import uniform


@dataclasses.dataclass(frozen=True)
class Flip:
    """Mirrors an image left to right, or top to bottom, with a probability.

    In `WithMasks` and `WithBoxes` it mirrors masks and boxes too.

    Args:
      probability: in [0, 1]. Defaults to 0.5.
      vertical: whether top and bottom are exchanged; False: left and right. Defaults to False.

    Raises:
      InvalidValue: for a probability out of range.

    >>> Flip(probability=1.0)(tf.constant([[[[1], [2]]]]), (0, 0), tf.constant([0]))[0, 0, :, 0].numpy().tolist()
    [2, 1]
    """

    probability: float = 0.5
    vertical: bool = False

    def __post_init__(self) -> None:
        expect(0 <= self.probability <= 1, self, "probability", "must be in [0, 1]", "Use 0.5.")

    def __call__(self, images: Any, key: Any, indices: Any) -> Any:
        """Images (batch, height, width, channels) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        return tf.where(
            self._chosen(key, indices)[:, None, None, None], tf.reverse(images, [1 if self.vertical else 2]), images
        )

    def of_masks(self, masks: Any, key: Any, indices: Any) -> Any:
        """Masks (batch, height, width, 1) mirrored where their images are."""
        return self(masks, key, indices)

    def of_boxes(self, boxes: Any, key: Any, indices: Any) -> Any:
        """Boxes (batch, boxes, 4 or more) of x0, y0, x1, y1 in shares of the sides, mirrored where their images are."""
        x0, y0, x1, y1 = tf.unstack(boxes[..., :4], axis=-1)
        turned = (x0, 1 - y1, x1, 1 - y0) if self.vertical else (1 - x1, y0, 1 - x0, y1)
        mirrored = tf.concat([tf.stack(turned, -1), boxes[..., 4:]], -1)
        return tf.where(self._chosen(key, indices)[:, None, None], mirrored, boxes)

    def _chosen(self, key: Any, indices: Any) -> Any:
        return uniform("flip down" if self.vertical else "flip", key, indices) < self.probability
