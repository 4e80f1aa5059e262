"""Image files to pixels: decoded, turned upright, resized and put into one array, several at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DataCorrupt

if TYPE_CHECKING:
    import numpy as np

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
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises over damaged files, PNGs the last
            damaged[paths[position]] = " ".join(str(error).split())

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding and resizing leave Python's lock to others
        list(pool.map(read, range(len(paths))))
    if damaged:
        path, reason = min(damaged.items())
        raise DataCorrupt(
            f"data must hold images that can be decoded. Received: {len(damaged)} of {len(paths)} that cannot, "
            f"{path} for one ({reason}). Mend them or take them out."
        )
    return pixels


def _read(path: Path, shape: tuple[int, int, int], resize: str) -> np.ndarray:
    import numpy as np
    from PIL import Image, ImageOps

    height, width, channels = shape
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert(MODES[channels])
        if resize == "crop":
            sized = ImageOps.fit(upright, (width, height), Image.Resampling.BILINEAR)
        else:
            sized = upright.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(sized, "uint8").reshape(shape)
