"""Nests: what a Keras model takes and gives, one array or several in a list, a tuple or a dict by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidValue
from ..selection import near

if TYPE_CHECKING:
    import numpy as np

Nest = Any  # an array, or a list, tuple or dict of nests


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model: its name, its shape with the batch (None: open), and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    def __str__(self) -> str:
        axes = ", ".join("N" if number == 0 else str(size or "any") for number, size in enumerate(self.shape))
        return f"{self.name!r} of shape ({axes}) and dtype {self.dtype}"


def leaves(nest: Nest) -> list[Any]:
    """The arrays of a nest, in order.

    >>> leaves({"a": 1, "b": (2, [3])})
    [1, 2, 3]
    """
    if isinstance(nest, Mapping):
        return [leaf for value in nest.values() for leaf in leaves(value)]
    if isinstance(nest, list | tuple):
        return [leaf for value in nest for leaf in leaves(value)]
    return [nest]


def mapped(function: Callable[[Any], Any], nest: Nest) -> Nest:
    """The same nest with `function` applied to each array.

    >>> mapped(lambda number: number + 1, {"a": 1, "b": (2, 3)})
    {'a': 2, 'b': (3, 4)}
    """
    if isinstance(nest, Mapping):
        return {name: mapped(function, value) for name, value in nest.items()}
    if isinstance(nest, list | tuple):
        parts = [mapped(function, value) for value in nest]
        return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)  # a namedtuple takes its fields
    return function(nest)


def by_name(nest: Nest, names: Sequence[str], what: str) -> dict[str, Any]:
    """The arrays of a nest by the names that a model has for them, in the model's order.

    A dict goes by its keys, a list or tuple by position, and a lone array is the only one.

    >>> by_name((1, 2), ["left", "right"], "inputs")
    {'left': 1, 'right': 2}

    Raises:
      InvalidValue: for another number of arrays, or other names.
    """
    if isinstance(nest, Mapping):
        wrong = [name for name in nest if name not in names]
        if wrong or len(nest) != len(names):
            hint = f" Near {wrong[0]!r}: {near(wrong[0], names)}." if wrong else ""
            raise InvalidValue(
                f"{what} must go by the model's names, {', '.join(names)}. Received: {', '.join(map(str, nest))}."
                f"{hint} Rename them in the data."
            )
        return {name: nest[name] for name in names}
    listed = list(nest) if isinstance(nest, list | tuple) else [nest]
    if len(listed) != len(names):
        raise InvalidValue(
            f"{what} must be {len(names)}, as the model has {', '.join(names)}. Received: {len(listed)}. Give them in "
            "that order, or by name in a dict."
        )
    return dict(zip(names, listed, strict=True))


def fitted(nest: Nest, specs: Sequence[TensorSpec], what: str = "inputs") -> list[np.ndarray]:
    """The arrays of a nest as a model with these inputs takes them, in its order: whole numbers become its dtype.

    Args:
      nest: of arrays (batch, ...).
      specs: the model's inputs.
      what: as messages call it. Defaults to "inputs".

    Raises:
      InvalidValue: for a shape, or fractions where the model takes whole numbers; the line names both sides.

    >>> import numpy as np
    >>> fitted(np.array([[1, 2]], "uint8"), [TensorSpec("x", (None, 2), "float32")])[0].dtype
    dtype('float32')
    """
    import numpy as np

    named = by_name(nest, [spec.name for spec in specs], what)
    found = []
    for spec in specs:
        array = np.asarray(named[spec.name])
        sizes = len(array.shape) == len(spec.shape) and all(
            wanted in (None, given) for wanted, given in zip(spec.shape[1:], array.shape[1:], strict=True)
        )
        kinds = (array.dtype.kind, np.dtype(spec.dtype).kind if spec.dtype not in ("bfloat16", "string") else "f")
        if not sizes or (kinds[0] == "f" and kinds[1] in "iu"):
            given = TensorSpec("data", (None, *array.shape[1:]), str(array.dtype))
            raise InvalidValue(
                f"{what} must fit the model's {spec}. Received: {given}. Change the data, or the model's Input."
            )
        found.append(array if array.dtype == spec.dtype or spec.dtype == "string" else array.astype(spec.dtype))
    return found
