"""The two levels that a weight can be rounded to, and the soft choice between them that AdaRound learns."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from ..core.keras import tf
from .affine import Affine

if TYPE_CHECKING:
    import numpy as np

OVER, UNDER = 1.1, -0.1  # the sigmoid is stretched to this range and cut to [0, 1], so that it gets to both ends


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """Where each weight of a kernel can go: to `floor` or one above, in steps of `scale`, which broadcasts over it.

    Where `free` is False it stays at `nearest`: zeros, so that they stay zeros, and the entry of largest magnitude in
    each channel, from which the converter tells the scale.
    """

    scale: np.ndarray
    floor: np.ndarray
    nearest: np.ndarray
    free: np.ndarray
    fraction: np.ndarray


def choice(kernel: np.ndarray, axes: tuple[int, ...], name: str = "kernel") -> Choice:
    """The two levels of each weight on the grid of TFLite's int8 kernels: scale = max |w| / 127 for each channel.

    Raises:
      InvalidValue: for NaN and infinity, by `name`.

    >>> import numpy as np
    >>> found = choice(np.array([[1.27, 0.0], [0.014, -0.504]], "float32"), ())
    >>> found.nearest.tolist(), found.floor.tolist()
    ([[127, 0], [1, -50]], [[126, 0], [1, -51]])
    >>> found.free.tolist()
    [[False, False], [True, True]]
    """
    import numpy as np

    nearest, grid = Affine(per_channel=bool(axes)).quantize(kernel, axes or (-1,), name)
    nearest = nearest.astype(np.int32)
    scale = grid.scale.reshape(kernel.shape[-len(axes) :]) if axes else grid.scale[0]
    steps = kernel / scale
    floor = np.clip(np.floor(steps), -127, 126).astype(np.int32)
    free = (kernel != 0) & (np.abs(nearest) != 127)
    return Choice(np.asarray(scale, np.float32), floor, nearest, free, np.clip(steps - floor, 0, 1).astype(np.float32))


def rectified_sigmoid(value: Any) -> Any:
    """h(v) = clip(sigmoid(v) (1.1 + 0.1) - 0.1, 0, 1): how far up a weight goes.

    >>> [round(float(h), 3) for h in rectified_sigmoid(tf.constant([-9.0, 0.0, 9.0]))]
    [0.0, 0.5, 1.0]
    """
    return tf.clip_by_value(tf.sigmoid(value) * (OVER - UNDER) + UNDER, 0.0, 1.0)


def inverse_sigmoid(fraction: np.ndarray) -> np.ndarray:
    """The v of which h(v) is this fraction, where rounding starts: the soft weights are then the weights themselves."""
    import numpy as np

    return -np.log((OVER - UNDER) / (fraction - UNDER) - 1)


def sharpness(done: float, begin: float = 20.0, end: float = 2.0) -> float:
    """The exponent beta of 1 - |2h - 1|^beta after a fraction `done` of its way: half a cosine from begin to end.

    >>> [sharpness(done) for done in (0.0, 0.5, 1.0)]
    [20.0, 11.0, 2.0]
    """
    return end + (begin - end) * (1 + math.cos(math.pi * done)) / 2
