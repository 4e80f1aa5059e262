"""Which examples stand for all: places spread evenly, as the order of a data set may be that of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def spread(size: int, num_examples: int) -> np.ndarray:
    """The places of `num_examples` of `size` examples, or of all, spread evenly.

    >>> spread(10, 4).tolist()
    [0, 3, 6, 9]
    """
    import numpy as np

    return np.linspace(0, size - 1, min(num_examples, size)).round().astype(int)
