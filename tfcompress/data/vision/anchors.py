"""Anchors of an SSD head: boxes that a network's offsets start from, on one grid for each feature map."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2  # SSD's: offsets are about as large as 1, which int8 resolves evenly
MOST_EXPONENT = 4.0  # of e: what an untrained network says is no number else
_ROUNDS = 30


@dataclasses.dataclass(frozen=True)
class Anchors:
    """Boxes of a few sizes around the middle of each cell of each grid, in shares of the image's sides.

    They go by grid, row, column and size, as the outputs of a head do.

    Args:
      grids: (rows, columns) of each feature map.
      sizes: of each map the (width, height) of its anchors, in shares of the image's sides.

    Raises:
      InvalidValue: for another number of sizes than of grids, or of sizes by grid.

    >>> anchors = Anchors(grids=((1, 2),), sizes=(((0.5, 1.0),),))
    >>> anchors.boxes().tolist()  # middle, width and height
    [[0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.5, 1.0]]

    Reference: Liu et al., "SSD: single shot multibox detector", 2016, https://arxiv.org/abs/1512.02325
    """

    grids: tuple[tuple[int, int], ...]
    sizes: tuple[tuple[tuple[float, float], ...], ...]

    def __post_init__(self) -> None:
        # From JSON, as a file's metadata has them, they come as lists.
        object.__setattr__(self, "grids", tuple((int(rows), int(columns)) for rows, columns in self.grids))
        sizes = tuple(tuple((float(width), float(height)) for width, height in of_map) for of_map in self.sizes)
        object.__setattr__(self, "sizes", sizes)
        if len(sizes) != len(self.grids) or len({len(of_map) for of_map in sizes}) != 1 or not sizes[0]:
            raise InvalidValue(
                f"Anchors.sizes must have as many sizes for each of {len(self.grids)} grids. Received: {sizes}. Give "
                "each the same number."
            )

    @property
    def per_cell(self) -> int:
        """Sizes at each place."""
        return len(self.sizes[0])

    @property
    def count(self) -> int:
        """Of all anchors."""
        return sum(rows * columns for rows, columns in self.grids) * self.per_cell

    def boxes(self) -> np.ndarray:
        """(count, 4), float32: x and y of the middle, width and height."""
        import numpy as np

        found = []
        for (rows, columns), sizes in zip(self.grids, self.sizes, strict=True):
            boxes = np.empty((rows, columns, len(sizes), 4), "float32")
            boxes[..., 0] = ((np.arange(columns) + 0.5) / columns)[None, :, None]
            boxes[..., 1] = ((np.arange(rows) + 0.5) / rows)[:, None, None]
            boxes[..., 2:] = np.array(sizes, "float32")
            found.append(boxes.reshape(-1, 4))
        return np.concatenate(found)

    def encode(self, corners: np.ndarray) -> np.ndarray:
        """Boxes (count, 4) of x0, y0, x1, y1, one for each anchor, as the offsets that a network gives for them.

        With a the anchor: ((x - x_a) / w_a / 0.1, (y - y_a) / h_a / 0.1, ln(w / w_a) / 0.2, ln(h / h_a) / 0.2).

        >>> import numpy as np
        >>> anchors = Anchors(((1, 1),), (((0.5, 0.5),),))
        >>> anchors.encode(np.array([[0.25, 0.3, 0.75, 0.8]])).round(3).tolist()
        [[0.0, 1.0, 0.0, 0.0]]
        """
        import numpy as np

        anchors, corners = self.boxes(), np.asarray(corners, "float32")
        middles, sizes = (corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]
        moved = (middles - anchors[:, :2]) / anchors[:, 2:] / CENTRE_VARIANCE
        return np.concatenate([moved, np.log(sizes / anchors[:, 2:]) / SIZE_VARIANCE], -1)

    def decode(self, offsets: np.ndarray) -> np.ndarray:
        """What a network gives, (..., count, 4), as boxes x0, y0, x1, y1 in shares of the image's sides.

        >>> import numpy as np
        >>> anchors = Anchors(((1, 1),), (((0.5, 0.5),),))
        >>> anchors.decode(np.array([[[0.0, 1.25, 0.0, 0.0]]])).tolist()
        [[[0.25, 0.3125, 0.75, 0.8125]]]
        """
        import numpy as np

        anchors, offsets = self.boxes(), np.asarray(offsets, "float32")
        middles = anchors[:, :2] + offsets[..., :2] * CENTRE_VARIANCE * anchors[:, 2:]
        exponents = np.clip(offsets[..., 2:] * SIZE_VARIANCE, -MOST_EXPONENT, MOST_EXPONENT)
        half = anchors[:, 2:] * np.exp(exponents) / 2
        return np.concatenate([middles - half, middles + half], -1)


def fitted_anchors(
    sizes: np.ndarray, labels: Sequence[int] | np.ndarray, grids: Sequence[tuple[int, int]], per_cell: int
) -> Anchors:
    """Anchors of the sizes that boxes have: the middles of clusters of ln(width), ln(height), small ones on fine grids.

    Each class counts alike, however many boxes it has: the few large ones would have no anchor else.

    Args:
      sizes: (boxes, 2), width and height of each in shares of its image's sides.
      labels: the class of each.
      grids: (rows, columns) of the feature maps, the finest first.
      per_cell: anchors at each place.

    >>> import numpy as np
    >>> fitted_anchors(np.array([[0.1, 0.1], [0.4, 0.4]]), [0, 0], [(8, 8), (4, 4)], 1).sizes
    (((0.1, 0.1),), ((0.4, 0.4),))

    Reference: Redmon and Farhadi, "YOLO9000" (dimension clusters), 2017, https://arxiv.org/abs/1612.08242
    """
    import numpy as np

    points, classes = np.log(np.asarray(sizes, "float64")), np.asarray(labels)
    weights = 1.0 / np.bincount(classes)[classes]
    order = np.argsort(points.sum(1), kind="stable")
    points, weights = points[order], weights[order]
    number = len(grids) * per_cell
    shares = np.cumsum(weights) / weights.sum()
    middles = points[np.minimum(np.searchsorted(shares, (np.arange(number) + 0.5) / number), len(points) - 1)]
    for _ in range(_ROUNDS):
        nearest = ((points[:, None] - middles[None]) ** 2).sum(-1).argmin(1)
        for each in range(number):
            mine = nearest == each
            if mine.any():
                middles[each] = np.average(points[mine], axis=0, weights=weights[mine])
    found = np.exp(middles[np.argsort(middles.sum(1), kind="stable")]).round(4)
    by_map = found.reshape(len(grids), per_cell, 2)
    return Anchors(tuple(grids), tuple(tuple((float(w), float(h)) for w, h in of_map) for of_map in by_map))
