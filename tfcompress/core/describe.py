"""Values as JSON: what a stage was made from, so that a report can say it and a later run can compare it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def describe(value: Any) -> Any:
    """`value` as something JSON can hold, equal for equal settings.

    Dataclasses tell their class and fields (or what their own `identity()` returns), builders their name and arguments.

    >>> describe(functools.partial(round, ndigits=2))
    {'call': 'round', 'ndigits': 2}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "identity"):
        return describe(value.identity())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, functools.partial):
        arguments = {"arguments": describe(value.args)} if value.args else {}
        return {"call": value.func.__name__, **arguments, **describe(value.keywords)}
    if isinstance(value, Mapping):
        return {str(name): describe(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(describe(item) for item in value)
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if callable(value):
        return {"call": value.__name__}
    raise TypeError(f"describe() knows no JSON for {type(value).__name__}. Give it an identity() method.")


def fingerprint(value: Any) -> str:
    """A short name for what `value` describes: equal for equal settings, else different.

    >>> [fingerprint({"epochs": 1}) == fingerprint({"epochs": epochs}) for epochs in (1, 2)]
    [True, False]
    """
    text = json.dumps(describe(value), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def short(value: Any, defaults: bool = False) -> str:
    """A value as one would type it: a dataclass with what differs from its defaults (or all), a builder by name.

    >>> from tfcompress.pruning.schedules import PolynomialDecay
    >>> short(PolynomialDecay(end=0.5))
    'PolynomialDecay(end=0.5)'
    """
    if dataclasses.is_dataclass(value):
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
        named = [f"{field.name}={short(item)}" for field, item in fields if defaults or item != _default(field)]
        return f"{type(value).__name__}({', '.join(named)})"
    if isinstance(value, functools.partial):
        return value.func.__name__
    return getattr(value, "__name__", None) or repr(value)


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
