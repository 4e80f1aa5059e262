"""Values in words: as JSON for a report, and in one line as one would type them. Their keys are in identity.py."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .identity import has_identity


def describe(value: Any) -> Any:
    """`value` as JSON that a person can read.

    A dataclass is its class and fields (or what its own `identity()` gives), a builder its name and arguments, an array
    its type and shape; of anything else there is the class alone.

    >>> describe(functools.partial(round, ndigits=2))
    {'call': 'round', 'ndigits': 2}
    """
    kind = type(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, type):
        return {"call": value.__name__}
    if has_identity(kind) and (own := value.identity()) is not None:
        return describe(own)
    if dataclasses.is_dataclass(value):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": kind.__name__, **fields}
    if isinstance(value, functools.partial):
        arguments = {"arguments": describe(value.args)} if value.args else {}
        return {"call": short(value.func), **arguments, **describe(value.keywords)}
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else short(name): describe(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((describe(item) for item in value), key=json.dumps)
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if _is_array(value):
        return {"type": kind.__name__, "dtype": str(value.dtype), "shape": [int(length) for length in value.shape]}
    return {"call": value.__name__} if hasattr(value, "__name__") else {"type": kind.__name__}


def short(value: Any, defaults: bool = False) -> str:
    """A value as one would type it: a dataclass with what differs from its defaults (or all), a builder by name.

    >>> from tfcompress.pruning.schedules import PolynomialDecay
    >>> short(PolynomialDecay(end=0.5))
    'PolynomialDecay(end=0.5)'
    """
    if dataclasses.is_dataclass(value):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        named = [f"{field.name}={short(item)}" for field, item in fields if defaults or _differs(item, _default(field))]
        return f"{type(value).__name__}({', '.join(named)})"
    if isinstance(value, functools.partial):
        return short(value.func)
    if _is_array(value):
        return f"{type(value).__name__}{tuple(int(length) for length in value.shape)}"
    name = getattr(value, "__name__", None)
    written: Any = type(value).__repr__
    if name is None and written is object.__repr__:  # which would name a place in memory
        return f"{type(value).__name__}()"
    return name or repr(value)


def _is_array(value: Any) -> bool:
    return hasattr(type(value), "dtype") and hasattr(type(value), "shape")


def _differs(value: Any, default: Any) -> bool:
    """Whether a value is another than the default; an array, which compares by element, is."""
    return _is_array(value) or type(value) is not type(default) or value != default


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
