"""Which layers: by name, pattern, class, or a function of the layer; the same wherever layers are chosen.

A selector is one of

- a text: a layer's name, or a pattern of names as of files (`*`, `?`, `[...]`). Where no name matches, it is the name
  of a class, or a pattern of such names: "conv*" selects the layers conv1 and conv2, "Conv2D" all layers of that class;
- a class: layers of this very class, by its name. A subclass is another class, as a DepthwiseConv2D or a
  Conv2DTranspose is no Conv2D, whatever they inherit; and Keras 2 and Keras 3 mean the same by a name;
- a function of the layer that says whether it is meant: `lambda layer: layer.name.endswith("dw")`.

Where values are given by layer, the first selector that matches a layer counts. One that matches no layer is an error:
it is a name misspelt, or a wish that cannot be met.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeAlias, TypeVar

from .errors import InvalidValue, expect

Value = TypeVar("Value")

Selector: TypeAlias = str | type | Callable[[Any], bool]
Selectors: TypeAlias = Selector | Sequence[Selector]
# Values by `Selectors`, several in one key as a tuple. Any: to a type checker the keys of a dict of names are no wider.
PerLayer: TypeAlias = Mapping[Any, Value]


def select(layers: Mapping[str, Any], selectors: Selectors, owner: str, expected: str = "layers") -> list[str]:
    """The names of the layers that one of `selectors` selects, in the order of `layers`.

    Args:
      layers: what there is to choose from, by name.
      selectors: one, or several.
      owner: whose setting it is, for the error: "PruneTree.keep".
      expected: what `layers` are, for the error. Defaults to "layers".

    Raises:
      InvalidValue: for a selector that matches no layer; names those near it.

    >>> class Dense: ...
    >>> class Conv2D: ...
    >>> layers = {"conv1": Conv2D(), "conv2": Conv2D(), "logits": Dense()}
    >>> select(layers, ("conv1", Dense), "Owner.keep"), select(layers, "conv*", "Owner.keep")
    (['conv1', 'logits'], ['conv1', 'conv2'])
    >>> select(layers, "Conv2D", "Owner.keep"), select(layers, lambda layer: isinstance(layer, Dense), "Owner.keep")
    (['conv1', 'conv2'], ['logits'])
    """
    found = {name for each in _each(selectors) for name in _matches(layers, each, owner, expected)}
    return [name for name in layers if name in found]


def by_layer(
    layers: Mapping[str, Any], default: Any, per_layer: PerLayer[Any], owner: str, expected: str = "layers"
) -> dict[str, Any]:
    """The value for each layer: of the first selector of `per_layer` that matches it, else `default`.

    >>> by_layer({"conv1": 1, "conv2": 2, "logits": 3}, 4, {"conv2": 6, "conv*": 8}, "QuantizeKernels.per_layer")
    {'conv1': 8, 'conv2': 6, 'logits': 4}

    Raises:
      InvalidValue: for a selector that matches no layer; names those near it.
    """
    values: dict[str, Any] = {}
    for selectors, value in per_layer.items():
        for name in select(layers, selectors, owner, expected):
            values.setdefault(name, value)
    return {name: values.get(name, default) for name in layers}


def expect_selectors(owner: object, field: str) -> None:
    """Raises `InvalidValue` unless the field of `owner` holds selectors, or has them as its keys."""
    value = getattr(owner, field)
    keys = list(value) if isinstance(value, Mapping) else [value]
    known = all(isinstance(each, str) or callable(each) for key in keys for each in _each(key))
    expect(known, owner, field, "must select layers by name, pattern or class, or by a function", 'Use ("conv*",).')


def near(wrong: str, names: Iterable[str]) -> str:
    """The names most like `wrong`, or the first six where none is like it.

    >>> near("conv9", ["conv1", "dense"]), near("x", ["conv1", "dense"])
    ('conv1', 'conv1, dense')
    """
    known = list(names)
    return ", ".join(difflib.get_close_matches(wrong, known, n=3) or known[:6])


def _each(selectors: Any) -> Sequence[Any]:
    several = isinstance(selectors, Sequence | set | frozenset) and not isinstance(selectors, str)
    return tuple(selectors) if several else (selectors,)


def _matches(layers: Mapping[str, Any], selector: Selector, owner: str, expected: str) -> list[str]:
    """The names that one selector matches, at least one."""
    types = {name: type(layer).__name__ for name, layer in layers.items()}
    if isinstance(selector, str):
        found = [name for name in layers if fnmatchcase(name, selector)]
        found = found or [name for name in layers if fnmatchcase(types[name], selector)]
        shown, known = repr(selector), [*layers, *dict.fromkeys(types.values())]
    elif isinstance(selector, type):
        found = [name for name in layers if types[name] == selector.__name__]
        shown, known = f"the class {selector.__name__}", list(dict.fromkeys(types.values()))
    else:
        found = [name for name, layer in layers.items() if selector(layer)]
        shown, known = f"the function {getattr(selector, '__name__', repr(selector))}", list(layers)
    if not found:
        like = near(getattr(selector, "__name__", str(selector)), known)
        raise InvalidValue(
            f"{owner} expects {expected}, by name, pattern, class or function. Received: {shown}, which matches none. "
            f"Near it: {like}."
        )
    return found
