"""Image files to pixels: decoded, turned upright and resized, several at a time; all at once, or as a `Source`."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import DataCorrupt
from ..core.examples.source import Indices
from .kept_rows import KeptRows

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

UNREADABLE = (OSError, ValueError, SyntaxError, Warning)  # what Pillow raises over damaged files, PNGs the third
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # of EXIF: those that exchange width and height
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # Pillow's names, by number of channels


def read_images(paths: Sequence[Path], shape: tuple[int, int, int], resize: str = "stretch") -> np.ndarray:
    """Reads image files into an array of bytes (N, height, width, channels), values from 0 to 255.

    Args:
      paths: files that Pillow can read.
      shape: (height, width, channels) of the result, with 1, 3 or 4 channels.
      resize: "stretch" ignores an image's proportions, as Keras does by default; "crop" keeps them, and cuts what
        then stands out on both sides.

    Raises:
      DataCorrupt: names the files that cannot be decoded.
    """
    import numpy as np

    pixels = np.empty((len(paths), *shape), "uint8")
    damaged: dict[Path, str] = {}

    def read(position: int) -> None:
        try:
            pixels[position] = _read(paths[position], shape, resize)
        except UNREADABLE as error:
            damaged[paths[position]] = reason_of(error)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding and resizing leave Python's lock to others
        list(pool.map(read, range(len(paths))))
    if damaged:
        path, reason = min(damaged.items())
        raise DataCorrupt(
            f"data must hold images that can be decoded. Received: {len(damaged)} of {len(paths)} that cannot, "
            f"{path} for one ({reason}). Mend them or take them out."
        )
    return pixels


class Images:
    """Image files as a `Source` of bytes (N, height, width, channels): each is decoded once, when first asked for.

    Args:
      paths: files that Pillow can read.
      targets: of each image, (N, ...).
      shape: (height, width, channels) that images are resized to.
      resize: "stretch" or "crop" (see `read_images`). Defaults to "stretch".
      reverses_channels: whether blue comes first. Defaults to False.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        targets: np.ndarray,
        shape: tuple[int, int, int],
        resize: str = "stretch",
        reverses_channels: bool = False,
    ):
        self.paths, self.targets, self.shape, self.resize = tuple(paths), targets, shape, resize
        self.reverses_channels = reverses_channels
        decode = partial(_decoded, self.paths, shape, resize, reverses_channels)
        self._pixels = KeptRows(len(self.paths), ("uint8", shape), decode)

    def __len__(self) -> int:
        return len(self.paths)

    def identity(self) -> dict[str, Any]:
        """The files with their sizes and times of change, and what is made of them."""
        made = {"shape": self.shape, "resize": self.resize, "reverses_channels": self.reverses_channels}
        return {**made, "files": self.paths, "targets": self.targets}

    def batch(self, indices: Indices) -> tuple[np.ndarray, np.ndarray]:
        """These images and their targets. Raises `DataCorrupt` for an image that cannot be decoded."""
        import numpy as np

        return self._pixels.rows(indices), self.targets[np.asarray(indices)]

    def bytes_to_keep(self, indices: Indices) -> int:
        """What is written when these are asked for."""
        return self._pixels.bytes_to_keep(indices)


def sized(image: Image, shape: tuple[int, int, int], resize: str) -> np.ndarray:
    """An image as bytes of `shape`."""
    import numpy as np
    from PIL import Image, ImageOps

    height, width, channels = shape
    converted = image.convert(MODES[channels])
    if resize == "crop":
        fitted = ImageOps.fit(converted, (width, height), Image.Resampling.BILINEAR)
    else:
        fitted = converted.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(fitted, "uint8").reshape(shape)


def _decoded(
    paths: Sequence[Path], shape: tuple[int, int, int], resize: str, reverses_channels: bool, number: int
) -> np.ndarray:
    try:
        pixels = _read(paths[number], shape, resize)
    except UNREADABLE as error:
        raise DataCorrupt(
            f"data must hold images that can be decoded. Received: {paths[number]}, which cannot ({reason_of(error)}). "
            "Mend it or take it out."
        ) from error
    return pixels[..., ::-1] if reverses_channels else pixels


def read_upright(path: Path, as_stored: bool = False) -> Image:
    """An image file, turned upright, in bytes; `as_stored`: in whatever numbers it has. Raises one of `UNREADABLE`."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            require_size(image)
            is_png = image.format == "PNG"
            turned = ImageOps.exif_transpose(image)
            return turned if as_stored else _in_bytes(turned, is_png)
    except Image.DecompressionBombError as error:  # a few bytes that unpack to gigabytes
        raise ValueError(f"{error}, more than {Image.MAX_IMAGE_PIXELS:,}: make it smaller") from error


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of an image file when it is upright, by its header alone. Raises `DataCorrupt`."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            require_size(image)
            width, height = image.size
            turned = image.getexif().get(_ORIENTATION, 1) in _TURNED
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        limit = f": at most {Image.MAX_IMAGE_PIXELS:,} are read" if "pixels" in str(error) else ""
        raise DataCorrupt(
            f"data must hold images that can be read. Received: {path}, which cannot ({reason_of(error)}{limit}). Mend "
            "it, make it smaller, or take it out."
        ) from error
    return (height, width) if turned else (width, height)


def require_size(image: Image) -> None:
    """Raises Pillow's `DecompressionBombError` for more pixels than `PIL.Image.MAX_IMAGE_PIXELS`."""
    from PIL import Image

    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError(f"it has {image.width:,}x{image.height:,} pixels")


def _read(path: Path, shape: tuple[int, int, int], resize: str) -> np.ndarray:
    return sized(read_upright(path), shape, resize)


def _in_bytes(image: Image, is_png: bool) -> Image:
    """An image of 16 bits or of numbers as one of bytes; Pillow's own conversion cuts off what is above 255.

    Raises:
      ValueError: for numbers of which nobody says what is white.
    """
    import numpy as np
    from PIL import Image as images

    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    white = 1.0 if image.mode == "F" else 65535.0
    known = image.mode != "I" or is_png  # a PNG of 16 bits may come as 32, which it does not have
    if not known or not 0 <= low <= high <= white:
        raise ValueError(
            f"its pixels are {'numbers' if image.mode == 'F' else 'whole numbers of 32 bits'} from {low:g} to "
            f"{high:g}, and nobody says which is white: save it with 8 or 16 bits"
        )
    return images.fromarray(np.rint(values * (255.0 / white)).astype("uint8"))


def reason_of(error: Exception) -> str:
    """What Pillow says of a file, in one line."""
    return " ".join(str(error).split())
