"""Masks: files whose pixels are classes, as indices or as black and white, read and checked."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataCorrupt
from ..images import UNREADABLE, read_upright, reason_of, upright_size
from .pairs import Pair

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

AUTO, BINARY, INDICES = "auto", "binary", "indices"
IGNORE = 255  # the index of pixels that do not count, as in PASCAL VOC
MOST_CLASSES = 64  # that are believed without their names: grey values of blurred masks are many more


@dataclasses.dataclass(frozen=True)
class Coding:
    """What the numbers in masks mean: BINARY, 1 from 128 on; or INDICES, a class each, and 255 for none."""

    kind: str
    num_classes: int
    ignores: bool = False  # whether some pixels are 255, of indices

    def classes(self, values: np.ndarray, path: Path) -> np.ndarray:
        """The classes of a mask's numbers, bytes. Raises `DataCorrupt` for an index that there is not."""
        if self.kind == BINARY:
            return (values >= 128).astype("uint8")
        wrong = (values < 0) | ((values >= self.num_classes) & (values != IGNORE))
        if wrong.any():
            raise DataCorrupt(
                f"data must have masks with classes from 0 to {self.num_classes - 1}, or {IGNORE} for pixels that do "
                f"not count. Received: {path}, with {values[wrong][0]}. Mend it, name more classes, or use "
                "masks=binary for black and white."
            )
        return values.astype("uint8")


def read_mask(path: Path) -> Image:
    """A mask with one number a pixel: palette indices, 0 and 1, or grey values; colours only where all are grey.

    Raises:
      DataCorrupt: for a file that cannot be read, or has colours.
    """
    import numpy as np
    from PIL import Image as images

    try:
        mask = read_upright(path, as_stored=True)
        values = np.asarray(mask)
    except UNREADABLE as error:
        raise DataCorrupt(
            f"data must hold masks that can be read. Received: {path}, which cannot ({reason_of(error)}). Mend it or "
            "take it out."
        ) from error
    if values.ndim == 3:  # LA, RGB, RGBA
        colours = values[..., :3] if values.shape[-1] >= 3 else values[..., :1]
        if (colours != colours[..., :1]).any():
            raise DataCorrupt(
                f"data must have masks of one number a pixel: palette indices or grey values. Received: {path}, of "
                "colours, and nobody says which is which class. Save it with a palette."
            )
        values = colours[..., 0]
    if values.dtype.kind == "f" or values.min(initial=0) < 0 or values.max(initial=0) > IGNORE:
        raise DataCorrupt(
            f"data must have masks of whole numbers from 0 to {IGNORE}. Received: {path}, of {values.dtype} up to "
            f"{values.max():g}. Save it with 8 bits."
        )
    return images.fromarray(values.astype("uint8"))


def require_sizes(pairs: Sequence[Pair]) -> None:
    """Compares each image's size with its mask's, as their headers say. Raises `DataCorrupt`."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pair, picture, mask in zip(
            pairs,
            pool.map(upright_size, [pair.picture for pair in pairs]),
            pool.map(upright_size, [pair.mask for pair in pairs]),
            strict=True,
        ):
            if picture != mask:
                raise DataCorrupt(
                    f"data must have masks of their images' sizes. Received: {pair.picture} of "
                    f"{picture[0]}x{picture[1]} and {pair.mask} of {mask[0]}x{mask[1]}. Make the mask anew, or resize "
                    "one of them."
                )


def coding_of(paths: Sequence[Path], kind: str, num_classes: int | None) -> Coding:
    """What the numbers in these masks mean; they are all read where `kind` or the number of classes is not given.

    Raises:
      DataCorrupt: for a mask that cannot be read, or numbers that may be shades as well as classes.
    """
    if kind == BINARY:
        return Coding(BINARY, 2)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen: dict[int, Path] = {}
        for path, values in zip(paths, pool.map(_values, paths), strict=True):
            for value in values:
                seen.setdefault(value, path)
    if kind == AUTO and IGNORE in seen and set(seen) <= {0, IGNORE}:
        return Coding(BINARY, 2)
    indices = sorted(set(seen) - {IGNORE})
    found = max(2, indices[-1] + 1) if indices else 2
    if num_classes is None and kind == AUTO and found > MOST_CLASSES:
        raise DataCorrupt(
            f"data must have masks of at most {MOST_CLASSES} classes where nobody names these. Received: "
            f"{seen[indices[-1]]}, with {indices[-1]}, as shades of grey have it. Use masks=binary for black and "
            "white, or masks=indices."
        )
    coding = Coding(INDICES, num_classes or found, IGNORE in seen)
    for value, path in seen.items():
        import numpy as np

        coding.classes(np.array([value]), path)
    return coding


def _values(path: Path) -> list[int]:
    return [value for value, count in enumerate(read_mask(path).histogram()) if count]
