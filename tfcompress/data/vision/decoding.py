"""What a detector gives as boxes: offsets decoded, sure enough ones kept, and of those that overlap the surest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .anchors import Anchors

CANDIDATES = 400  # of a class and an image, the surest


@dataclasses.dataclass(frozen=True)
class Detections:
    """Of one image, the surest first: `boxes` (n, 4), x0, y0, x1, y1 in shares of its sides, `classes`, `scores`."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def decode_detections(
    boxes: np.ndarray,
    scores: np.ndarray,
    anchors: Anchors,
    least_score: float = 0.3,
    overlap: float = 0.5,
    most: int = 100,
) -> list[Detections]:
    """The objects in images, of the two outputs of an `ssd` network or of the file made of it.

    Offsets are decoded by the anchors, logits become sigmoids, and of two boxes of a class that overlap by more than
    `overlap` the surer one is kept (greedy non-maximum suppression).

    Args:
      boxes: the output "boxes", offsets (N, anchors, 4), as real numbers: of an int8 file scale (q - zero_point).
      scores: the output "scores", logits (N, anchors, classes).
      anchors: those that the network was trained with: `DetectionFolder.anchors`, or of a file's metadata
        `Anchors(**settings["anchors"])`.
      least_score: in [0, 1], below which nothing is given. Defaults to 0.3.
      overlap: intersection over union, in (0, 1]. Defaults to 0.5.
      most: objects of an image. Defaults to 100.

    Returns:
      Of each image its `Detections`.

    Example:

    >>> import numpy as np
    >>> from .anchors import Anchors
    >>> anchors = Anchors(((1, 2),), (((0.5, 1.0),),))
    >>> (found,) = decode_detections(np.zeros((1, 2, 4)), np.array([[[3.0], [-9.0]]]), anchors)
    >>> found.boxes.tolist(), found.classes.tolist(), found.scores.round(2)
    ([[0.0, 0.0, 0.5, 1.0]], [0], array([0.95], dtype=float32))
    """
    import numpy as np

    return [
        _of_one(anchors.decode(offsets), _sigmoid(np.asarray(logits, "float32")), least_score, overlap, most)
        for offsets, logits in zip(boxes, scores, strict=True)
    ]


def _of_one(corners: np.ndarray, scores: np.ndarray, least_score: float, overlap: float, most: int) -> Detections:
    import numpy as np

    kept = []
    for number in range(scores.shape[-1]):
        sure = np.flatnonzero(scores[:, number] >= least_score)
        order = sure[np.argsort(-scores[sure, number], kind="stable")][:CANDIDATES]
        order = order[suppressed(corners[order], overlap)]
        kept.append((order, np.full(len(order), number), scores[order, number]))
    places, classes, found = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.argsort(-found, kind="stable")[:most]
    return Detections(np.clip(corners[places[order]], 0, 1), classes[order], found[order])


def suppressed(corners: np.ndarray, overlap: float) -> np.ndarray:
    """The places of the boxes that are kept of (n, 4), which come the surest first.

    >>> import numpy as np
    >>> suppressed(np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [0.6, 0, 1.6, 1]]), 0.5).tolist()
    [0, 2]
    """
    import numpy as np

    near, left, kept = overlaps(corners, corners) > overlap, np.ones(len(corners), bool), []
    for number in range(len(corners)):
        if left[number]:
            kept.append(number)
            left &= ~near[number]
    return np.array(kept, "int64")


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of (n, 4) with each of (m, 4): (n, m)."""
    import numpy as np

    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0), -1)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), -1) for boxes in (first, second)]
    found: np.ndarray = common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-12)
    return found


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    import numpy as np

    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return found
