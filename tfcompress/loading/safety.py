"""Code that a model file would run, found in its configuration before anything of it is made.

Keras makes whatever a configuration names: it imports the module that stands there and calls what it finds. So each
object must be a part of a model (parts.py), or be registered under exactly the name by which Keras will ask for it, and
each operation of a graph must be one that computes (tensor_operations.py). All else is refused unless the file is
trusted. The rules hold for every way in which either Keras reads a configuration, so that it does not matter which one
a file leads to.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.errors import UnsupportedModel
from .parts import CODE, Parts, code_of, parts_of
from .tensor_operations import KERAS_3, LAYERS, forbidden_call

# Values that are written as objects. Keras looks for a class of this name all the same where a module is given.
_VALUES = frozenset(
    (
        *("__tuple__", "__ellipsis__", "__bytes__", "__tensor__", "__numpy__", "__slice__", "__keras_tensor__"),
        *("TensorShape", "CompositeTensor"),
    )
)
_SPECS = ("TensorSpec", "RaggedTensorSpec", "SparseTensorSpec")
_SPEC_MODULES = (
    *("tensorflow.python.framework.tensor", "tensorflow.python.framework.tensor_spec"),
    *("tensorflow.python.framework.sparse_tensor", "tensorflow.python.ops.ragged.ragged_tensor"),
)
_VOCABULARY_LAYERS = frozenset(("StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup"))


@dataclasses.dataclass(frozen=True)
class Danger:
    """`where` in the model ("layer 'conv'"), and what would run as the end of "it would ..."."""

    where: str
    what: str


@dataclasses.dataclass(frozen=True)
class Stranger:
    """`where` in the model ("layer 'conv'"), and the name of an object that neither Keras nor the user brings."""

    where: str
    name: str
    module: str | None


def require_safe(
    config: Any,
    title: str,
    major: int,
    custom_objects: Mapping[str, Any] | None = None,
    training: Any = None,
    caller: str = "load_model",
) -> None:
    """Refuses a configuration that would run code which neither Keras nor the user brings.

    Args:
      config: a model's configuration, as JSON gives it.
      title: the file, for the message.
      major: the Keras that will make the model, 2 or 3.
      custom_objects: the user's own classes and functions by name. Defaults to none.
      training: what an .h5 file says of compile. A name without a module leads nowhere there, and may be any.
      caller: who has `custom_objects` and `safe_mode` from the user, for the message.

    Raises:
      UnsupportedModel: names the object and its layer, and says what would run, or what the user has to bring.

    >>> require_safe({"class_name": "Dense", "config": {"units": 3}}, "model.keras", 2)
    """
    parts = parts_of(major)
    with parts.scope(custom_objects or {}):
        compiled = (found for found in findings(training, parts, "the settings of compile") if _leads_on(found))
        found = next(itertools.chain(findings(config, parts), compiled), None)
    if isinstance(found, Danger):
        raise UnsupportedModel(
            f"{caller}: {found.where} of {title} must not run code from the file. Received: one that would "
            f"{found.what}. If you trust where the file comes from, load it with safe_mode=False (--trust)."
        )
    if found:
        module = f" (module {found.module!r})" if found.module else ""
        raise UnsupportedModel(
            f"{caller}.custom_objects must bring the classes that {title} needs. Received: none of the name "
            f"{found.name!r}{module}, for {found.where}. Give custom_objects={{{found.name!r}: ...}}, or the "
            "Python file that defines it (--custom FILE)."
        )


def findings(config: Any, parts: Parts, where: str = "the model") -> Iterator[Danger | Stranger]:
    """Everything in a configuration that would run code, read files, or come from elsewhere; in the present scope."""
    waiting = [(config, where, parts)]
    while waiting:  # no recursion: a file may nest deeper than Python does
        value, where, parts = waiting.pop()
        children: list[tuple[Any, str, Parts]] = []
        if isinstance(value, Mapping):
            if "class_name" in value:
                settings = value.get("config")
                named = isinstance(settings, Mapping) and isinstance(settings.get("name"), str)
                where = f"layer {settings['name']!r}" if named else where
                yield from _judge(value, where, parts)
            children = [(member, where, parts) for member in value.values()]
            if _key(value) == "tfcompress>Hosted":
                children = _hosted(value.get("config"), where, parts)
        elif isinstance(value, (list, tuple)):
            children = [(member, where, parts) for member in value]
        waiting.extend(reversed(children))


def _leads_on(found: Danger | Stranger) -> bool:
    return isinstance(found, Danger) or found.module is not None


def _hosted(settings: Any, where: str, parts: Parts) -> list[tuple[Any, str, Parts]]:
    """What is in the settings of a `Hosted` layer: its operation is one of Keras 3."""
    if not isinstance(settings, Mapping):
        return [(settings, where, parts)]
    return [(member, where, parts_of(3) if key == "operation" else parts) for key, member in settings.items()]


def _key(item: Mapping[str, Any]) -> Any:
    """The name under which Keras looks for an object among the registered ones."""
    if item.get("class_name") == "function":
        return item.get("config")
    return item.get("registered_name", item.get("class_name"))  # an explicit None leads to the module


def _judge(item: Mapping[str, Any], where: str, parts: Parts) -> Iterator[Danger | Stranger]:
    """What is wrong with one object."""
    name, module, settings = item["class_name"], item.get("module"), item.get("config")
    wanted = settings if name == "function" else name
    others = (item.get("registered_name"), module)
    if not isinstance(name, str) or not isinstance(wanted, str) or not all(isinstance(o, str | None) for o in others):
        yield Danger(where, f"make an object that has no name ({str(name)[:60]})")
    elif name == "__lambda__":
        yield Danger(where, "run Python bytecode that the file holds")
    elif name in CODE and parts.registered(name) is None:
        yield Danger(where, _lambda_call(settings) if name == "Lambda" else CODE[name])
    elif name in LAYERS and forbidden_call(name, settings):
        yield Danger(where, f"call {forbidden_call(name, settings)}, which does more than compute")
    elif name in ("__typespec__", "TypeSpec"):
        if not _is_known_spec(item):
            yield Stranger(where, str(item.get("spec_name") or item.get("type_spec")), module)
    elif name in _VALUES and module is None:
        return
    elif (key := _key(item)) is not None and parts.registered(key) is not None:
        return  # Keras takes this one, whatever else the file says of it
    else:
        yield from _judge_part(item, wanted, where, parts)


def _judge_part(item: Mapping[str, Any], name: str, where: str, parts: Parts) -> Iterator[Danger | Stranger]:
    """What is wrong with an object that is not registered, and so must be a part that Keras has."""
    module, settings = item.get("module"), item.get("config")
    if module is None or (module == "builtins" and item["class_name"] == "function"):
        found = [value for value in (parts.built_in(name),) if value is not None]
    elif not parts.allows(module) or "." in name:  # a dotted name leads on from what the module imports
        found = []
    else:
        found = parts.in_module(module, dict.fromkeys((name, item.get("registered_name") or name)))
    names = {kind.__name__ for value in found for kind in getattr(value, "__mro__", ())}
    code = next(filter(None, map(code_of, found)), None)
    call = next(filter(None, (forbidden_call(layer, settings) for layer in LAYERS if layer in names)), None)
    if not found and (module is None or parts.allows(module) or module.split(".")[0] not in ("keras", "tf_keras")):
        yield Stranger(where, name, module)
    elif not found or not all(_is_sound(value, parts) for value in found):
        yield Danger(where, f"use {module}.{name}, which is no part of a model")
    elif code:
        yield Danger(where, code)
    elif call:
        yield Danger(where, f"call {call}, which does more than compute")
    elif names & _VOCABULARY_LAYERS and isinstance(settings, Mapping) and isinstance(settings.get("vocabulary"), str):
        yield Danger(where, f"read the file {settings['vocabulary']!r}")


def _is_sound(value: Any, parts: Parts) -> bool:
    """Whether something is a part of a model and, if it is an operation of Keras 3, one that only computes."""
    is_operation = ".ops." in getattr(value, "__module__", "") and isinstance(value, type)
    return parts.is_part(value) and not (is_operation and value.__name__ not in KERAS_3)


def _is_known_spec(item: Mapping[str, Any]) -> bool:
    """Whether the specification of a tensor is one of TensorFlow's."""
    if item["class_name"] == "TypeSpec":
        return item.get("module") is None and str(item.get("type_spec")).removeprefix("tf.") in _SPECS
    is_plain = item.get("registered_name") is None and item.get("module") in _SPEC_MODULES
    return is_plain and item.get("spec_name") in _SPECS


def _lambda_call(settings: Any) -> str:
    """What a Lambda layer would run: bytecode that the file holds, or a function that it names."""
    function = settings.get("function") if isinstance(settings, Mapping) else None
    if isinstance(function, Mapping):
        if function.get("class_name") == "function":
            return f"call the Python function {function.get('module')}.{function.get('config')}"
        code = function.get("config", {})
        function = code.get("code", "") if isinstance(code, Mapping) and "code" in code else function
    if isinstance(function, Mapping):  # how a SavedModel writes a tuple
        function = function.get("items", [])
    if isinstance(function, list):
        function = function[0] if function else ""
    if isinstance(settings, Mapping) and settings.get("function_type") == "function":
        return f"call the Python function {settings.get('module')}.{function}"
    return f"run Python bytecode that the file holds ({len(str(function)) * 3 // 4} bytes)"
