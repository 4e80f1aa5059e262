"""Whether the kernels in a file are those of a Keras model: another model's file is known by its weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .layer_map import layer_in
from .tflite import Contents, Kernel

if TYPE_CHECKING:
    import numpy as np

LEAST_COSINE = 0.9  # int4 has 0.99, another training of the same network about 0.3
SMALLEST = 32  # entries, below which chance alone can make two kernels alike


@dataclasses.dataclass(frozen=True)
class Match:
    """How near a layer's kernel in the file comes to the Keras model's: the mean |cosine| over its output channels."""

    layer: str
    cosine: float


def match_kernels(contents: Contents, kernels: Mapping[str, np.ndarray]) -> list[Match]:
    """Compares each kernel of a file whose layer its name tells with the Keras model's.

    Scales do not count, by channel or in all: the converter folds batch normalization and rescaling into kernels.

    Args:
      contents: of the file.
      kernels: the Keras model's, by "layer/kernel" as `measure.kernels` names them.
    """
    by_layer: dict[str, list[np.ndarray]] = {}
    for name, values in kernels.items():
        by_layer.setdefault(name.rpartition("/")[0], []).append(values)
    found = []
    for kernel in contents.kernels:
        layer = layer_in(kernel.name, by_layer)
        if layer is None or kernel.values.size < SMALLEST:
            continue
        values = kernel.values.astype("float32") - kernel.zero_point
        rows = [values.reshape(len(values), -1), values.reshape(-1, values.shape[-1]).T]
        same_size = [each for each in by_layer[layer] if each.size == values.size]
        cosines = [_cosine(stored, ours) for each in same_size for ours in _rows(each) for stored in rows]
        if cosines:
            found.append(Match(layer, max(cosines)))
    return found


def _rows(kernel: np.ndarray) -> Iterator[np.ndarray]:
    """A Keras kernel as one row for each output channel, whichever of the last axes that is, and as one a row."""
    import numpy as np

    yield kernel.reshape(-1, kernel.shape[-1]).T
    if kernel.ndim > 2:
        yield np.moveaxis(kernel, -2, 0).reshape(kernel.shape[-2], -1)
        yield kernel.reshape(-1, kernel.shape[-1] * kernel.shape[-2]).T  # depthwise: channels times multiplier
    yield kernel.reshape(len(kernel), -1)


def _cosine(stored: np.ndarray, ours: np.ndarray) -> float:
    """The mean over rows of the |cosine| of their angle, rows that are zero in both left out; -1 for another shape."""
    import numpy as np

    if stored.shape != ours.shape:
        return -1.0
    norms = np.linalg.norm(stored, axis=1) * np.linalg.norm(ours, axis=1)
    products = abs((stored * ours).sum(axis=1))
    either = (np.linalg.norm(stored, axis=1) > 0) | (np.linalg.norm(ours, axis=1) > 0)
    if not either.any():
        return 1.0
    return float((products[either] / np.maximum(norms[either], np.finfo("float32").tiny)).clip(0, 1).mean())


@dataclasses.dataclass(frozen=True)
class Aligned:
    """A kernel of a file beside the Keras model's, both as rows of an output channel each, in the model's unit.

    `stored` is divided by the factor of each row that comes nearest to `ours`: the file's scale, and a
    BatchNormalization that was folded into it. `steps` is then the distance between two integers, (channels,).
    """

    name: str  # of the tensor in the file
    layer: str
    ours: np.ndarray
    stored: np.ndarray
    steps: np.ndarray
    is_integer: bool

    @property
    def sqnr_db(self) -> float:
        """10 log10 of the kernel's power over that of what rounding changed; infinite where nothing did."""
        noise = float(((self.stored - self.ours) ** 2).sum())
        signal = float((self.ours**2).sum())
        return 10 * math.log10(signal / noise) if noise and signal else math.inf


def aligned_kernels(contents: Contents, kernels: Mapping[str, np.ndarray]) -> list[Aligned]:
    """Each kernel of a file whose layer its name tells, brought to the unit of the Keras model's kernel.

    Args:
      contents: of the file.
      kernels: the Keras model's, by "layer/kernel".
    """
    by_layer: dict[str, list[np.ndarray]] = {}
    for name, values in kernels.items():
        by_layer.setdefault(name.rpartition("/")[0], []).append(values)
    found = []
    for kernel in contents.kernels:
        layer = layer_in(kernel.name, by_layer)
        if layer is None:
            continue
        values = kernel.values.astype("float32") - kernel.zero_point
        rows = [values.reshape(len(values), -1), values.reshape(-1, values.shape[-1]).T]
        same_size = [each for each in by_layer[layer] if each.size == values.size]
        pairs = [(_cosine(stored, ours), stored, ours) for each in same_size for ours in _rows(each) for stored in rows]
        if pairs and max(pair[0] for pair in pairs) >= LEAST_COSINE:
            # Of layouts that are as near, the first: rows are then output channels, each with its scale.
            _, stored, ours = max(pairs, key=lambda pair: round(pair[0], 3))
            found.append(_aligned(kernel, layer, ours.astype("float64"), stored.astype("float64")))
    return found


def _aligned(kernel: Kernel, layer: str, ours: np.ndarray, stored: np.ndarray) -> Aligned:
    """With the factor g of each row for which g * ours is nearest to what is stored; rows of zeros stay zeros."""
    import numpy as np

    power = (ours**2).sum(axis=1)
    gains = (stored * ours).sum(axis=1) / np.where(power > 0, power, 1)
    safe = np.where(gains != 0, gains, 1)[:, None]
    steps, is_integer = np.abs(1 / safe[:, 0]), kernel.values.dtype.kind in "iu"
    return Aligned(kernel.name, layer, ours, np.where(gains[:, None] != 0, stored / safe, 0), steps, is_integer)
