"""What an object holds: the fields of a dataclass, what `pickle` would keep of others, the configuration of Keras's."""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import sys
from collections.abc import Mapping
from typing import Any

from .code import library

_NAMING = ("name", "inbound_nodes", "input_layers", "output_layers")  # where a configuration names layers


class NotCopied(Exception):
    """An object's state cannot be read; the message says why."""


def state_of(value: Any) -> dict[str, Any]:
    """What an object holds, by name; what it has only kept of its own computing (`cached_property`) is left out.

    Raises:
      NotCopied: for what lives in this process alone, such as a connection or a generator.

    >>> state_of(complex(1, 2))
    {'made by': <class 'complex'>, 'arguments': (1.0, 2.0)}
    """
    if dataclasses.is_dataclass(value):
        names = [*(field.name for field in dataclasses.fields(value)), *getattr(value, "__dict__", {})]
        return _without_kept({name: getattr(value, name, None) for name in names}, type(value))
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        reduced = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:  # whatever a library raises when asked for a copy
        raise NotCopied(" ".join(str(error).split()) or type(error).__name__) from error
    if isinstance(reduced, str):
        return _known_by_name(value, reduced)
    make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    parts = {"made by": make, "arguments": arguments, "items": items and list(items), "pairs": pairs and list(pairs)}
    return {name: part for name, part in parts.items() if part is not None} | _attributes(state, type(value))


def _known_by_name(value: Any, name: str) -> dict[str, Any]:
    """A library's own object; or a function of the user's that `functools.lru_cache` has wrapped."""
    wrapped = getattr(value, "__dict__", {}).get("__wrapped__")
    if wrapped is not None:
        return {"wrapped": wrapped}
    home = library(getattr(value, "__module__", None) or type(value).__module__)
    if home is None:
        raise NotCopied("it is known by name alone")
    return {"library": home, "name": name}


def _attributes(state: Any, kind: type) -> dict[str, Any]:
    """State as `pickle` has it: attributes, attributes and slots, or anything else."""
    if isinstance(state, tuple) and len(state) == 2 and all(isinstance(part, dict | None) for part in state):
        state = {**(state[0] or {}), **(state[1] or {})}
    if isinstance(state, dict) and all(isinstance(name, str) for name in state):
        return _without_kept(state, kind)
    return {} if state is None else {"state": state}


def _without_kept(attributes: Mapping[str, Any], kind: type) -> dict[str, Any]:
    kept = {
        name for each in kind.__mro__ for name, value in vars(each).items() if type(value) is functools.cached_property
    }
    return {name: value for name, value in attributes.items() if name not in kept}


def is_array(value: Any) -> bool:
    """Whether a value is a NumPy array, in memory or mapped from a file; imports nothing."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) in (numpy.ndarray, numpy.memmap)


def has_config(kind: type) -> bool:
    """Whether `get_config` says what a Keras object of this class is.

    That of a layer does, or refuses; what other objects of a user's own class inherit knows nothing of their settings.
    """
    owner = next((each for each in kind.__mro__ if "get_config" in vars(each)), None)
    if owner is None:
        return False
    return hasattr(kind, "get_weights") or library(kind.__module__) == library(owner.__module__)


def parts_of_keras(value: Any) -> dict[str, Any]:
    """What a Keras object computes: its settings, however its layers are called, its weights, and layers of the user's.

    Of these their classes count, and their plain attributes, as a configuration may leave them out.
    """
    try:
        parts = {"config": _unnamed(value.get_config())}
    except (NotImplementedError, ValueError):  # a layer of the user's own, or an operation, that tells no settings
        parts = {"config": [type(layer).__name__ for layer in getattr(value, "layers", ())]}
    if hasattr(value, "get_weights"):
        parts["weights"] = value.get_weights()
    inner = [value, *getattr(value, "submodules", ())]
    return {**parts, "own layers": [_own(layer) for layer in inner if library(type(layer).__module__) is None]}


def _own(layer: Any) -> tuple[type, dict[str, Any]]:
    plain = (bool, int, float, str)
    return type(layer), {
        name: item for name, item in sorted(vars(layer).items()) if name[0] != "_" and isinstance(item, plain)
    }


def _unnamed(config: Any) -> Any:
    """A configuration with numbers for the layers' names: Keras counts on over a session, dense, dense_1, dense_2."""
    names: dict[str, str] = {}

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("name"), str):
                names.setdefault(value["name"], f"#{len(names)}")
            for item in value.values():
                gather(item)
        elif isinstance(value, list | tuple):
            for item in value:
                gather(item)

    def replaced(value: Any, wiring: bool = False) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item, wiring or key in _NAMING) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [replaced(item, wiring) for item in value]
        return names.get(value, value) if wiring and isinstance(value, str) else value

    gather(config)
    return replaced(config)
