"""A detector that gives boxes: offsets decoded and non-maximum suppression done inside of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..backend.tensorflow import keras, tf
from ..core.errors import InvalidValue, UnsupportedModel

if TYPE_CHECKING:
    import numpy as np

CENTRE_VARIANCE, SIZE_VARIANCE, MOST_EXPONENT = 0.1, 0.2, 4.0  # as `Anchors.decode` has them
GONE = -1e4  # a logit that no network gives
APART = 1e-2  # over all anchors: equal logits, which int8 gives often, are told apart by their places


class HasBoxes(Protocol):
    """Anchors: `Anchors`, or whatever gives their middles and sizes."""

    def boxes(self) -> np.ndarray:
        """(anchors, 4): x and y of the middle, width and height, in shares of the image's sides."""


def with_suppression(model: Any, anchors: HasBoxes, overlap: float = 0.5, most: int = 20) -> Any:
    """Puts decoding and greedy non-maximum suppression behind an `ssd` network: a model, and a file, that gives boxes.

    It is a loop of `most` rounds, laid out: each takes the surest box that is left, and those of its class that overlap
    it go. All of it is arithmetic, maxima and sums over fixed shapes, in TensorFlow Lite's own operations: no custom
    operation, no Flex, no WHILE, no TOPK and no GATHER. It is for float files: rounding exchanges boxes that are about
    equally sure, so that an int8 file gives them in another order, and exporters refuse it as another model.

    Args:
      model: with outputs `boxes` (batch, anchors, 4) and `scores` (batch, anchors, classes).
      anchors: those that it was trained with (`DetectionFolder.anchors`).
      overlap: intersection over union beyond which the less sure box goes, in (0, 1]. Defaults to 0.5.
      most: boxes that are given, from 1 to 100; each costs some twenty small operations. Defaults to 20.

    Returns:
      A functional tf_keras model with the layers of `model`: (batch, most, 6) of x0, y0, x1, y1 in shares of the sides,
      class, and score in [0, 1], the surest first; rows with score 0 are no objects.

    Raises:
      UnsupportedModel: for a model with other outputs.
      InvalidValue: for a value out of range.

    Example:

    >>> from tfcompress.data.vision.anchors import Anchors
    >>> from tfcompress.models.ssd import ssd
    >>> anchors = Anchors(((4, 4),), (((0.2, 0.2),),))
    >>> with_suppression(ssd((32, 32, 3), 2, 1, (8,), width=4), anchors, most=5).output_shape
    (None, 5, 6)
    """
    if not 0 < overlap <= 1 or not 1 <= most <= 100:
        raise InvalidValue(
            f"with_suppression.overlap must be in (0, 1] and most from 1 to 100. Received: {overlap} and {most}. Use "
            "0.5 and 20."
        )
    number = len(anchors.boxes())
    shapes = [tuple(output.shape[1:]) for output in model.outputs]
    if len(shapes) != 2 or shapes[0] != (number, 4) or len(shapes[1]) != 2 or shapes[1][0] != number:
        raise UnsupportedModel(
            f"with_suppression expects outputs boxes ({number}, 4) and scores ({number}, classes), as there are "
            f"{number} anchors. Received: {shapes}. Use the anchors of this model."
        )
    found = Suppression(anchors.boxes().tolist(), overlap, most, name="detections")(model.outputs)
    return keras.Model(model.inputs, found, name=f"{model.name}_with_suppression")


@keras.utils.register_keras_serializable("tfcompress")
class Suppression(keras.layers.Layer):
    """The layer behind `with_suppression`: offsets and logits to rows of box, class and score."""

    def __init__(self, anchors: list[list[float]], overlap: float, most: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.anchors, self.overlap, self.most = anchors, overlap, most

    def get_config(self) -> dict[str, Any]:
        """What makes it again."""
        return {**super().get_config(), "anchors": self.anchors, "overlap": self.overlap, "most": self.most}

    def call(self, inputs: Any) -> Any:
        """(batch, most, 6), of offsets (batch, anchors, 4) and logits (batch, anchors, classes)."""
        offsets, logits = inputs
        anchors = tf.constant(self.anchors, tf.float32)
        places = tf.constant([[APART * row / len(self.anchors) for row in range(len(self.anchors))]], tf.float32)
        middles = anchors[:, :2] + offsets[..., :2] * CENTRE_VARIANCE * anchors[:, 2:]
        exponents = tf.clip_by_value(offsets[..., 2:] * SIZE_VARIANCE, -MOST_EXPONENT, MOST_EXPONENT)
        half = anchors[:, 2:] * tf.exp(exponents) / 2
        x0, y0 = tf.unstack(middles - half, axis=-1)  # (batch, anchors) each
        x1, y1 = tf.unstack(middles + half, axis=-1)
        areas = (x1 - x0) * (y1 - y0)
        best = tf.reduce_max(logits, -1)
        of_class = tf.cast(logits >= best[..., None], tf.float32)
        numbers = tf.range(logits.shape[-1], dtype=tf.float32)
        label = tf.reduce_sum(of_class * numbers, -1) / tf.reduce_sum(of_class, -1)
        left, rows = best - places, []
        for _ in range(self.most):
            highest = tf.reduce_max(left, -1, keepdims=True)  # (batch, 1)
            is_it = tf.cast(left >= highest, tf.float32)
            share = is_it / tf.reduce_sum(is_it, -1, keepdims=True)
            box = [tf.reduce_sum(share * side, -1, keepdims=True) for side in (x0, y0, x1, y1, label, best)]
            width = tf.maximum(tf.minimum(x1, box[2]) - tf.maximum(x0, box[0]), 0.0)
            height = tf.maximum(tf.minimum(y1, box[3]) - tf.maximum(y0, box[1]), 0.0)
            common, own = width * height, (box[2] - box[0]) * (box[3] - box[1])
            near = tf.cast(common > self.overlap * (areas + own - common), tf.float32)
            same = tf.cast(tf.abs(label - box[4]) < 0.5, tf.float32)
            there = tf.cast(highest > GONE / 2, tf.float32)
            sides = [tf.clip_by_value(side, 0.0, 1.0) for side in box[:4]]
            rows.append(tf.concat([*sides, box[4], tf.sigmoid(box[5]) * there], -1))
            left = left + tf.maximum(near * same, is_it) * (2 * GONE)
        return tf.stack(rows, 1)
