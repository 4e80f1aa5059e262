"""Pictures of blood with boxes around three kinds of cells (BCCD), read for four of the rows."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = ("RBC", "WBC", "Platelets")
WIDTH, HEIGHT = 640, 480


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture, and its cells: boxes (n, 4) of x0, y0, x1, y1 in pixels of 640 x 480, and kinds (n,)."""

    image: Image.Image
    boxes: np.ndarray
    kinds: np.ndarray

    def shares(self, part: tuple[float, ...]) -> np.ndarray:
        """How much of each cell's box lies in a part of the picture, (n,)."""
        sides = np.minimum(self.boxes[:, 2:], part[2:]) - np.maximum(self.boxes[:, :2], part[:2])
        areas = np.prod(self.boxes[:, 2:] - self.boxes[:, :2], 1)
        return np.prod(np.maximum(sides, 0), 1) / np.maximum(areas, 1)

    def pixels(self, box: tuple[float, ...], size: tuple[int, int]) -> np.ndarray:
        """What is in `box`, as a picture of `size` (width, height): (height, width, 3), uint8."""
        return np.asarray(self.image.resize(size, Image.Resampling.BILINEAR, box=box))


def pictures(folder: Path, split: str, limit: int | None = None) -> Iterator[Picture]:
    """The pictures of a split: "trainval" (292) or "test" (72)."""
    root = folder / "detection" / "bccd"
    names = (root / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
    for name in names[:limit]:
        cells = ElementTree.parse(root / "Annotations" / f"{name}.xml").getroot().findall("object")
        boxes = [
            [float(cell.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")] for cell in cells
        ]
        kinds = [KINDS.index(cell.findtext("name")) for cell in cells]
        with Image.open(root / "JPEGImages" / f"{name}.jpg") as image:
            yield Picture(image.convert("RGB"), np.array(boxes, "float64").reshape(-1, 4), np.array(kinds, "int64"))


def tiles(columns: int, rows: int) -> Iterator[tuple[float, float, float, float]]:
    """The boxes that a picture is cut into."""
    width, height = WIDTH / columns, HEIGHT / rows
    for row in range(rows):
        for column in range(columns):
            yield column * width, row * height, (column + 1) * width, (row + 1) * height
