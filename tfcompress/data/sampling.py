"""Which examples stand for all, and a few at a time: spread evenly, as the order of a data set may be by class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ..core.types import Data


def spread(size: int, num_examples: int) -> np.ndarray:
    """The places of `num_examples` of `size` examples, or of all, spread evenly.

    >>> spread(10, 4).tolist()
    [0, 3, 6, 9]
    """
    import numpy as np

    return np.linspace(0, size - 1, min(num_examples, size)).round().astype(int)


def batches(examples: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """An array's examples, or places of examples, `size` at a time; the last batch has what is left.

    >>> import numpy as np
    >>> [batch.tolist() for batch in batches(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    for begin in range(0, len(examples), size):
        yield examples[begin : begin + size]


def sampled_batches(data: Data, num_examples: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(inputs as the model sees them, labels) of `num_examples` spread evenly over the training split."""
    for places in batches(spread(len(data.train), num_examples), size):
        yield data.model_inputs(data.train.inputs[places]), data.train.labels[places]
