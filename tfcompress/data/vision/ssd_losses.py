"""The two losses of an SSD head: of the classes at all anchors, and of the offsets at those that lie on an object."""

from __future__ import annotations

import dataclasses
from typing import Any

from .anchors import CENTRE_VARIANCE, SIZE_VARIANCE, Anchors

ON, OFF = 0.5, 0.4  # overlaps with an object: from ON an anchor is its, below OFF background, between neither


@dataclasses.dataclass(frozen=True)
class FocalLoss:
    """Of logits (batch, anchors, classes): -alpha_t (1 - p_t)^gamma ln p_t, the sum over an image by its positives.

    With p the sigmoid: p_t = p and alpha_t = alpha where an anchor is of a class, else 1 - p and 1 - alpha. An anchor
    is of the object that it overlaps most, by 0.5 or more; the best anchor of an object always is. Between 0.4 and 0.5,
    and on objects of weight 0, it does not count.

    Args:
      anchors: of the network.
      alpha: weight of what is an object. Defaults to 0.25.
      gamma: how little the easy ones count. Defaults to 2.

    Reference: Lin et al., "Focal loss for dense object detection", 2017, https://arxiv.org/abs/1708.02002
    """

    anchors: Anchors
    alpha: float = 0.25
    gamma: float = 2.0

    def __call__(self, rows: Any, logits: Any) -> Any:
        """(batch,), of rows (batch, boxes, 6) of x0, y0, x1, y1, class and weight; class -1 is no box."""
        from ...backend.tensorflow import tf

        owner, is_object, counts = matched(self.anchors, rows)
        labels = tf.gather(tf.cast(rows[..., 4], tf.int32), owner, batch_dims=1)
        wanted = tf.one_hot(tf.where(is_object, labels, -1), logits.shape[-1], dtype=logits.dtype)
        cross = tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits)  # -ln p_t
        miss = 1 - tf.exp(-cross)
        alpha = wanted * self.alpha + (1 - wanted) * (1 - self.alpha)
        each = tf.reduce_sum(alpha * miss**self.gamma * cross, -1) * tf.cast(counts, logits.dtype)
        return tf.reduce_sum(each, -1) / _number(is_object)


@dataclasses.dataclass(frozen=True)
class BoxLoss:
    """Of offsets (batch, anchors, 4): smooth L1 at the anchors that are of an object, the sum by their number.

    Args:
      anchors: of the network.

    Reference: Girshick, "Fast R-CNN", 2015, https://arxiv.org/abs/1504.08083
    """

    anchors: Anchors

    def __call__(self, rows: Any, offsets: Any) -> Any:
        """(batch,), of rows (batch, boxes, 6) of x0, y0, x1, y1, class and weight; class -1 is no box."""
        from ...backend.tensorflow import tf

        owner, is_object, _ = matched(self.anchors, rows)
        corners = tf.gather(rows[..., :4], owner, batch_dims=1)
        boxes = tf.constant(self.anchors.boxes())
        middles, sizes = (corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]
        moved = (middles - boxes[:, :2]) / boxes[:, 2:] / CENTRE_VARIANCE
        scaled = tf.math.log(tf.maximum(sizes, 1e-4) / boxes[:, 2:]) / SIZE_VARIANCE
        error = tf.abs(tf.concat([moved, scaled], -1) - offsets)
        smooth = tf.where(error < 1, 0.5 * error**2, error - 0.5)
        return tf.reduce_sum(tf.reduce_sum(smooth, -1) * tf.cast(is_object, offsets.dtype), -1) / _number(is_object)


def matched(anchors: Anchors, rows: Any) -> tuple[Any, Any, Any]:
    """For each anchor the object that it overlaps most, whether it is that one's, and whether it counts for classes.

    Args:
      anchors: of the network.
      rows: (batch, boxes, 6) of x0, y0, x1, y1, class and weight; class -1 is no box.

    Returns:
      Three tensors (batch, anchors): the place in `rows`, and two of truth values.
    """
    from ...backend.tensorflow import tf

    boxes = tf.constant(anchors.boxes())
    low, high = boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2
    there = rows[:, None, :, 4] >= 0
    sides = tf.minimum(high[None, :, None], rows[:, None, :, 2:4]) - tf.maximum(
        low[None, :, None], rows[:, None, :, :2]
    )
    common = tf.reduce_prod(tf.maximum(sides, 0), -1)
    areas = tf.reduce_prod(tf.maximum(rows[..., 2:4] - rows[..., :2], 0), -1)[:, None]
    union = tf.reduce_prod(boxes[:, 2:], -1)[None, :, None] + areas - common
    overlap = tf.where(there, common / tf.maximum(union, 1e-9), 0)  # (batch, anchors, boxes)
    best = tf.one_hot(tf.argmax(overlap, 1), anchors.count, axis=1, dtype=overlap.dtype)
    overlap += 2 * best * tf.cast(overlap > 0, overlap.dtype)  # each object's best anchor is its own
    owner, highest = tf.argmax(overlap, -1, output_type=tf.int32), tf.reduce_max(overlap, -1)
    wanted = tf.gather(rows[..., 5], owner, batch_dims=1) > 0
    is_object = (highest >= ON) & wanted
    return owner, is_object, is_object | (highest < OFF)


def _number(is_object: Any) -> Any:
    from ...backend.tensorflow import tf

    return tf.maximum(tf.reduce_sum(tf.cast(is_object, tf.float32), -1), 1)
