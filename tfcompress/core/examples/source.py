"""Where examples come from: a `Source` gives any of them by number, a `Stream` gives batches one after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, overload, runtime_checkable

from ..errors import InvalidValue
from .nests import Nest, leaves, mapped

if TYPE_CHECKING:
    import numpy as np

Indices: TypeAlias = "Sequence[int] | np.ndarray"  # numbers of examples


@runtime_checkable
class Source(Protocol):
    """Examples by number, 0 to `len(source) - 1`: each may be asked for at any time, and is always the same."""

    def __len__(self) -> int:
        """How many there are."""

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """(inputs, targets), or (inputs, targets, weights), of these examples: nests of arrays (batch, ...)."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples as arrays in memory: `inputs` and `targets` are nests of arrays (N, ...), inputs as stored (compact).

    >>> import numpy as np
    >>> Split(np.arange(6).reshape(3, 2), np.array([0, 1, 0])).batch([2])
    (array([[4, 5]]), array([0]))
    """

    inputs: Nest
    targets: Nest = None
    weights: Any = None  # of each example, (N,); None: all 1

    def __post_init__(self) -> None:
        counts = {len(array) for array in leaves((self.inputs, self.targets, self.weights)) if array is not None}
        if len(counts) > 1:
            raise InvalidValue(
                f"A split must have as many targets as inputs. Received: {' and '.join(map(str, sorted(counts)))}. "
                "Give one of each for every example."
            )

    def __len__(self) -> int:
        return len(leaves(self.inputs)[0])

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """These examples."""
        import numpy as np

        chosen = np.asarray(indices)
        taken = (self.inputs, self.targets) if self.weights is None else (self.inputs, self.targets, self.weights)
        return tuple(mapped(lambda array: None if array is None else array[chosen], part) for part in taken)

    def head(self, num_examples: int | None) -> Split:
        """The first `num_examples` (all when None)."""
        first = (
            mapped(lambda array: None if array is None else array[:num_examples], part)
            for part in (self.inputs, self.targets, self.weights)
        )
        return Split(*first)


@dataclasses.dataclass(frozen=True)
class Subset:
    """The examples of a source at `indices`."""

    source: Source
    indices: Any

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """These examples."""
        import numpy as np

        return self.source.batch(np.asarray(self.indices)[np.asarray(indices)])

    def bytes_to_keep(self, indices: Indices) -> int:
        """What is written when these are asked for, where the source keeps what it read (`KeepsRows`)."""
        import numpy as np

        of_source = getattr(self.source, "bytes_to_keep", None)
        return of_source(np.asarray(self.indices)[np.asarray(indices)]) if of_source else 0


@dataclasses.dataclass(frozen=True)
class Stream:
    """Batches one after another, anew each time that it is iterated: (inputs, targets) or with weights.

    Examples of a stream have no numbers: what asks for one again (views, Mixup, a teacher's cache) needs a `Source`.

    Args:
      make: gives an iterable of batches, each time from the beginning.
      num_batches: in one pass. None: not known, and the fit must say how many steps an epoch has.
    """

    make: Callable[[], Iterable[tuple[Nest, ...]]]
    num_batches: int | None = None

    def __iter__(self) -> Iterator[tuple[Nest, ...]]:
        return iter(self.make())


@overload
def head(source: Source, num_examples: int | None) -> Source: ...
@overload
def head(source: Stream, num_examples: int | None) -> Stream: ...
def head(source: Source | Stream, num_examples: int | None) -> Source | Stream:
    """The first `num_examples` of a source or a stream, all when None or when there are fewer.

    >>> import numpy as np
    >>> stream = Stream(lambda: iter([(np.arange(4),), (np.arange(4, 8),)]), num_batches=2)
    >>> [batch[0].tolist() for batch in head(stream, 5)], head(stream, 3).num_batches
    ([[0, 1, 2, 3], [4]], 1)
    """
    if num_examples is None:
        return source
    if isinstance(source, Stream):
        make = partial(_first_batches, source, num_examples)
        return Stream(make, None if source.num_batches is None else sum(1 for _ in make()))
    if num_examples >= len(source):
        return source
    return source.head(num_examples) if isinstance(source, Split) else Subset(source, range(num_examples))


def _first_batches(stream: Stream, num_examples: int) -> Iterator[tuple[Nest, ...]]:
    left = num_examples
    for batch in stream:
        size = len(leaves(batch[0])[0])
        cut = slice(min(size, left))
        yield tuple(mapped(lambda array: None if array is None else array[cut], part) for part in batch)  # noqa: B023
        left -= size
        if left <= 0:
            return


def taken(source: Source | Stream, count: int, choose: Callable[[int, int], Any]) -> Split:
    """At most `count` examples in memory: those that `choose(number of all, count)` names, or a stream's first ones.

    >>> import numpy as np
    >>> taken(Stream(lambda: iter([(np.arange(4), None), (np.arange(4, 8), None)])), 6, None).inputs
    array([0, 1, 2, 3, 4, 5])
    """
    if not isinstance(source, Stream):
        return Split(*source.batch(choose(len(source), count)))
    batches: list[tuple[Nest, ...]] = []
    for batch in source:
        batches.append(batch)
        if sum(len(leaves(part[0])[0]) for part in batches) >= count:
            break
    return Split(*(joined(column) for column in zip(*batches, strict=True))).head(count)


def joined(nests: Sequence[Nest]) -> Nest:
    """Nests of one form as one, their arrays laid end to end.

    >>> import numpy as np
    >>> joined([{"x": np.array([1])}, {"x": np.array([2])}])
    {'x': array([1, 2])}
    """
    import numpy as np

    if nests[0] is None:
        return None
    columns = iter([np.concatenate(column) for column in zip(*(leaves(nest) for nest in nests), strict=True)])
    return mapped(lambda _: next(columns), nests[0])


def batches_of(source: Source | Stream, size: int) -> Iterator[tuple[Nest, ...]]:
    """All examples in order, `size` at a time; of a stream in its own batches."""
    if isinstance(source, Stream):
        yield from source
        return
    for begin in range(0, len(source), size):
        yield source.batch(range(begin, min(begin + size, len(source))))
