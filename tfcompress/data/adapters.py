"""Whatever examples come in, as a `Source` or a `Stream`: arrays, tf.data, generators, data sets of Keras and torch."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..core.errors import DataUnavailable, InvalidValue
from ..core.examples.nests import Nest, mapped
from ..core.examples.source import Indices, Source, Split, Stream

ACCEPTED = (
    "arrays (inputs, targets), a tf.data.Dataset of batches, a keras PyDataset, a function that gives a generator of "
    "batches, a torch-style data set or loader, or an .npz file with x and y"
)
INFINITE = -1  # tf.data.INFINITE_CARDINALITY
KEYS = (("x", "y"), ("inputs", "targets"), ("image", "label"), ("text", "label"))  # of dicts that name their parts


def as_source(value: Any, what: str, keys: Sequence[str] | None = None) -> Source | Stream:
    """The examples of `value`.

    Args:
      value: what the user has.
      what: as messages call it: "dataset.train".
      keys: where examples are dicts, the names of inputs and targets (and weights). Defaults to None: inputs by these
        names, or as in `KEYS`.

    Raises:
      InvalidValue: for something else than `ACCEPTED`.
      DataUnavailable: for a file that is not there.

    >>> import numpy as np
    >>> len(as_source((np.zeros((5, 2)), np.zeros(5)), "dataset.train"))
    5
    """
    if isinstance(value, str | Path):
        return _npz(Path(value), what, keys)
    kinds = type(value).__mro__
    if "DatasetV2" in {kind.__name__ for kind in kinds}:  # tf.data
        return _of_tensorflow(value, what, keys)
    if any(kind.__name__ in ("PyDataset", "Sequence") and "keras" in kind.__module__ for kind in kinds):
        return _of_keras(value, what)
    if isinstance(value, Stream | Source):
        return value
    if isinstance(value, Iterator):
        raise InvalidValue(
            f"{what} must give its examples again in each epoch. Received: {type(value).__name__}, which is "
            "read once. Give the function that makes it."
        )
    if isinstance(value, tuple) and len(value) in (2, 3):
        return Split(*(_arrays(part, what) for part in value))
    if hasattr(value, "shape"):
        return Split(_arrays(value, what))
    if isinstance(value, Mapping) and all(hasattr(part, "shape") for part in value.values()):
        names_its_parts = keys or any(set(pair) <= set(value) for pair in KEYS)
        return Split(*(_parts(value, keys, what) if names_its_parts else (_arrays(value, what),)))
    if callable(value) and not hasattr(value, "__len__"):
        return Stream(partial(_batches, value, keys, what))
    if hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        return Stacked(value, tuple(keys) if keys else None, what)
    if isinstance(value, Iterable):  # of batches, as a torch DataLoader
        return Stream(partial(_batches, value.__iter__, keys, what), _length(value))
    raise InvalidValue(f"{what} must be {ACCEPTED}. Received: a {type(value).__name__}. Convert it to one.")


@dataclasses.dataclass(frozen=True)
class Stacked:
    """A torch-style data set, of which `data[i]` is one example, as batches of stacked examples."""

    dataset: Any
    keys: tuple[str, ...] | None
    what: str

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """These examples, stacked."""
        return stacked([_parts(self.dataset[int(index)], self.keys, self.what) for index in indices])


def stacked(examples: Sequence[tuple[Nest, ...]]) -> tuple[Nest, ...]:
    """Examples as one batch. Raises `InvalidValue` where they differ in shape.

    >>> stacked([({"a": 1}, 0), ({"a": 2}, 1)])
    ({'a': array([1, 2])}, array([0, 1]))
    """
    import numpy as np

    def joined(nests: Sequence[Nest]) -> Nest:
        if isinstance(nests[0], Mapping):
            return {name: joined([nest[name] for nest in nests]) for name in nests[0]}
        if isinstance(nests[0], list | tuple):
            return tuple(joined(column) for column in zip(*nests, strict=True))
        arrays = [np.asarray(nest) for nest in nests]
        other = next((array.shape for array in arrays if array.shape != arrays[0].shape), None)
        if other is not None:
            raise InvalidValue(
                f"data must give examples of one shape. Received: one of {arrays[0].shape}, and one of {other}. Pad or "
                "resize them where they are read."
            )
        return np.stack(arrays)

    return tuple(None if part[0] is None else joined(part) for part in zip(*examples, strict=True))


def _parts(example: Any, keys: Sequence[str] | None, what: str) -> tuple[Nest, ...]:
    """An example, or a batch, as (inputs, targets) or with weights."""
    if isinstance(example, Mapping):
        known = keys or next((pair for pair in KEYS if set(pair) <= set(example)), None)
        if known is None or not set(known) <= set(example):
            raise InvalidValue(
                f"dataset.keys must name inputs and targets among {', '.join(map(str, example))}. Received: {keys}. "
                f'Use keys=("image", "label") with the names of {what}.'
            )
        return tuple(example[key] for key in known)
    if isinstance(example, list | tuple) and len(example) in (2, 3):
        return tuple(example)
    return (example, None)


def _batches(make: Callable[[], Iterable[Any]], keys: Sequence[str] | None, what: str) -> Iterator[tuple[Nest, ...]]:
    """What a function gives, one batch after another, as nests of arrays."""
    for batch in make():
        yield tuple(_arrays(part, what) for part in _parts(batch, keys, what))


def _of_tensorflow(dataset: Any, what: str, keys: Sequence[str] | None) -> Stream:
    count = int(dataset.cardinality())
    shapes = [spec.shape for spec in _specs(dataset.element_spec) if spec.shape.rank is not None]
    first = {shape[0] for shape in shapes if shape.rank} - {None}  # of the batch, in all parts
    if len(first) > 1 or any(shape.rank == 0 for shape in shapes):
        raise InvalidValue(
            f"{what} must be a tf.data.Dataset of batches, as Keras's fit wants it. Received: one of single "
            "examples. Add .batch(64)."
        )
    if count == INFINITE:
        _require_end(what, "a tf.data.Dataset that repeats for ever", "Take out .repeat(), or add .take(batches)")
    return Stream(partial(_batches, dataset.as_numpy_iterator, keys, what), count if count >= 0 else None)


def _specs(nest: Any) -> list[Any]:
    if isinstance(nest, Mapping):
        return [spec for value in nest.values() for spec in _specs(value)]
    if isinstance(nest, list | tuple):
        return [spec for value in nest for spec in _specs(value)]
    return [nest]


def _of_keras(sequence: Any, what: str) -> Stream:
    count = sequence.num_batches if hasattr(type(sequence), "num_batches") else len(sequence)
    if count is None:
        _require_end(what, "a PyDataset whose num_batches is None", "Give it __len__")

    def batches() -> Iterator[tuple[Nest, ...]]:
        for number in range(count) if count is not None else itertools.count():
            batch = sequence[number]
            parts = batch if isinstance(batch, list | tuple) else (batch, None)
            yield tuple(_arrays(part, what) for part in parts)
        sequence.on_epoch_end()

    return Stream(batches, count)


def _require_end(what: str, given: str, fix: str) -> None:
    """Training may go on for ever by steps; what is evaluated is read to its end."""
    if what in ("dataset.test", "dataset.validation"):
        raise InvalidValue(f"{what} must have an end. Received: {given}. {fix}.")


def _length(value: Any) -> int | None:
    try:
        return len(value)
    except TypeError:  # a loader of an iterable data set has the method, and raises
        return None


def _npz(path: Path, what: str, keys: Sequence[str] | None) -> Split:
    import numpy as np

    if not path.is_file():
        raise DataUnavailable(f"{what} must be a file that is there. Received: {path}. Look at its name.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise InvalidValue(
            f"{what} must be an .npz file with x and y. Received: {path}, of which NumPy says: {error}. Write "
            "it with numpy.savez(path, x=inputs, y=targets)."
        ) from error
    return Split(*_parts(arrays, keys, what))


def _arrays(nest: Nest, what: str) -> Nest:
    """A nest of NumPy arrays, of whatever can become one: tensors of TensorFlow and torch, frames of pandas."""
    import numpy as np

    def array(value: Any) -> Any:
        found = None if value is None else np.asarray(value)
        if found is not None and not found.ndim:
            raise InvalidValue(
                f"{what} must hold arrays, whose first axis is the examples. Received: one element of type "
                f"{type(value).__name__}. Use numpy.asarray(...) for a list of numbers."
            )
        return found

    return mapped(array, nest)
