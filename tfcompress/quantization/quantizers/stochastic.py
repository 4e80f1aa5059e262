"""Stochastic rounding: up or down at random, so that the mean is the number itself."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Twice the relative error of a level that was multiplied out in float32: nearer to a whole number is that number.
SNAP = 2.0**-22


def round_stochastically(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rounds to one of the two whole numbers around each value x: up with probability p = x - floor(x), else down.

    E[round(x)] = x, so that errors average out over many weights, or many steps, where rounding to the nearest loses
    every change below half a step. The variance is p (1 - p), at most 1/4 of a squared step. Whole numbers stay.

    A textbook that multiplies the weight by a random number before it rounds means this: it is the random threshold
    that makes rounding unbiased. Multiplied noise r w has the mean E[r] w, which is biased unless E[r] = 1, and an
    error that grows with the weight instead of the step; nobody would want it.

    Args:
      values: numbers in units of a step, of any shape.
      random: where chance comes from; the same seed gives the same rounding.

    >>> import numpy as np
    >>> rounded = round_stochastically(np.full(10_000, 0.25), np.random.default_rng(0))
    >>> sorted(set(rounded.tolist())), round(float(rounded.mean()), 2)
    ([0.0, 1.0], 0.25)

    Reference: Gupta et al., "Deep learning with limited numerical precision", 2015, https://arxiv.org/abs/1502.02551
    """
    import numpy as np

    whole = np.rint(values)
    is_whole = np.abs(values - whole) <= np.abs(values) * SNAP
    return np.where(is_whole, whole, np.floor(values + random.random(values.shape)))


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers of a kernel's own: by its name, so that no other kernel's size changes them."""
    import numpy as np

    return np.random.default_rng([seed, zlib.crc32(name.encode())])
