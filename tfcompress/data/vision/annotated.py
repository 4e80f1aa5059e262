"""An image with boxes around objects, as files of annotations say it, and the boxes in shares of its sides."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataCorrupt
from ...core.remarks import remark
from ..images import upright_size

if TYPE_CHECKING:
    import numpy as np

ROW = 6  # x0, y0, x1, y1, class, weight
NO_BOX = -1.0  # in the place of a class
ROUNDING = 1.0  # pixels by which a box may stand out of its image and nobody says so


@dataclasses.dataclass(frozen=True)
class Object:
    """A box in pixels, x0, y0, x1, y1, and what is in it; `is_optional`: a detector need not find it."""

    box: tuple[float, float, float, float]
    label: str
    is_optional: bool = False


@dataclasses.dataclass(frozen=True)
class Annotated:
    """An image, the objects in it, the file that says so, and the split that its makers put it into; "" for none.

    `size` is (width, height) as that file says it; None where it says nothing.
    """

    picture: Path
    objects: tuple[Object, ...]
    said_by: Path
    size: tuple[int, int] | None = None
    split: str = ""


def rows_of(pictures: Sequence[Annotated], numbers: Mapping[str, int]) -> np.ndarray:
    """The objects of each image, (N, most, 6), float32: x0, y0, x1, y1 in shares of the sides, class and weight.

    Rows that are empty have the class -1. What stands out of its image is cut off; boxes without an area inside are
    left out; both are remarked.

    Args:
      pictures: whose files are there.
      numbers: of the classes by their names.

    Raises:
      DataCorrupt: for an image that cannot be read, or of another size than its file of annotations says.
    """
    import numpy as np

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes = list(pool.map(upright_size, [each.picture for each in pictures]))
    most = max((len(each.objects) for each in pictures), default=0)
    rows = np.zeros((len(pictures), max(1, most), ROW), "float32")
    rows[..., 4] = NO_BOX
    cut, empty = [], []
    for row, each, size in zip(rows, pictures, sizes, strict=True):
        if each.size not in (None, size):
            raise DataCorrupt(
                f"data must have annotations of their images' sizes. Received: {each.picture} of "
                f"{size[0]}x{size[1]}, of which {each.said_by} says {each.size[0]}x{each.size[1]}. "
                "Annotate it anew, or put the first image back."
            )
        place = 0
        for found in each.objects:
            limits = np.array([*size, *size], "float64")
            box = np.array(found.box)
            inside = np.clip(box, 0, limits)
            if (inside[2:] <= inside[:2]).any():
                empty.append((each, found))
                continue
            if (np.abs(inside - box) > ROUNDING).any():
                cut.append((each, found))
            row[place] = *(inside / limits), numbers[found.label], 0.0 if found.is_optional else 1.0
            place += 1
    for which, what in ((cut, "stand out of their images and are cut off"), (empty, "have no area and are left out")):
        if which:
            each, found = which[0]
            sides = ", ".join(f"{side:g}" for side in found.box)
            remark(
                f"{len(which)} boxes {what}: {found.label} at {sides} in {each.said_by}, for one", level=logging.WARNING
            )
    return rows
