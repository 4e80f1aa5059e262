"""Which examples stand for all, and a few at a time: spread evenly, as the order of a data set may be by class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.examples.nests import Nest, leaves, mapped
from ..core.examples.source import Source, Split, Stream, taken

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


def batches(examples: Nest, size: int) -> Iterator[Nest]:
    """The examples of an array, or of a nest of arrays, `size` at a time; the last batch has what is left.

    >>> import numpy as np
    >>> [batch.tolist() for batch in batches(np.arange(5), 2)]
    [[0, 1], [2, 3], [4]]
    """
    for begin in range(0, len(leaves(examples)[0]), size):
        yield mapped(lambda array: array[begin : begin + size], examples)  # noqa: B023


def sampled(data: Data, num_examples: int) -> Split:
    """Examples spread evenly over the training split, as stored; of a stream the first ones."""
    return taken(data.train, num_examples, spread)


def drawn(data: Data, num_examples: int, seed: int) -> Split:
    """Examples of the training split drawn at random, as stored; of a stream the first ones."""
    import numpy as np

    return taken(data.train, num_examples, lambda size, count: np.random.default_rng(seed).permutation(size)[:count])


def sampled_batches(data: Data, num_examples: int, size: int) -> Iterator[tuple[Nest, Nest]]:
    """(inputs as stored, targets) of `num_examples` spread evenly over the training split."""
    source: Source = sampled(data, num_examples) if isinstance(data.train, Stream) else data.train
    for places in batches(spread(len(source), num_examples), size):
        stored, *rest = source.batch(places)
        yield stored, rest[0] if rest else None
