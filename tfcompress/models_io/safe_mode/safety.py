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
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...core.errors import UnsupportedModel
from ...layers.twins import Hosted
from .parts import Parts, parts_of
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
# Classes whose settings hold, or lead to, code.
CODE = {
    "__lambda__": "run Python bytecode that the file holds",
    "TFSMLayer": "load and call a SavedModel from a path that the file names",
    "TorchModuleWrapper": "unpickle Python objects",
    "ModuleWrapper": "call a method that the file names",
    "JaxLayer": "unpickle Python functions",
    "FlaxLayer": "unpickle Python functions",
    "TensorFlowOpLayer": "run an arbitrary TensorFlow operation",
    "DenseFeatures": "read the files that its feature columns name",
    "DropoutWrapper": "run Python bytecode that the file holds",
    "ResidualWrapper": "run Python bytecode that the file holds",
    "SequenceFeatures": "read the files that its feature columns name",
}
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
    registered_name: str | None
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
            f"{caller}: {_line(found.where)} of {title} must not run code from the file. Received: one that would "
            f"{_line(found.what)}. If you trust where the file comes from, load it with safe_mode=False (--trust)."
        )
    if found:
        named = {"registered name": found.registered_name, "module": found.module}
        more = ", ".join(
            f"{what} {_line(repr(name))}" for what, name in named.items() if name not in (None, found.name)
        )
        key = _line(repr(found.registered_name or found.name))
        raise UnsupportedModel(
            f"{caller}.custom_objects must bring the classes that {title} needs. Received: none of the name "
            f"{_line(repr(found.name))}{f' ({more})' if more else ''}, for {_line(found.where)}. Give "
            f"custom_objects={{{key}: ...}}, or the Python file that defines it (--custom FILE)."
        )


def _line(text: str, num_characters: int = 120) -> str:
    """What a file says of itself, as a part of one line for a terminal."""
    cut = text if len(text) <= num_characters else f"{text[:num_characters]}..."
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut)


def _leads_on(found: Danger | Stranger) -> bool:
    return isinstance(found, Danger) or found.module is not None


def findings(config: Any, parts: Parts, where: str = "the model") -> Iterator[Danger | Stranger]:
    """Everything in a configuration that would run code, read files, or come from elsewhere; in the present scope."""
    waiting = [(config, where, parts)]
    while waiting:  # no recursion: a file may nest deeper than Python does
        value, where, parts = waiting.pop()
        if isinstance(value, dict) and "class_name" in value:
            settings = value.get("config")
            if isinstance(settings, Mapping) and isinstance(settings.get("name"), str):
                where = f"layer {settings['name']!r}"
            problem = _problem(value, where, parts)
            if problem:
                yield problem
            members = [(member, where, inside) for member, inside in _members(value, parts)]
        elif isinstance(value, (dict, list, tuple)):
            inner = value.values() if isinstance(value, dict) else value
            members = [(member, where, parts) for member in inner]
        else:
            continue
        waiting.extend(member for member in reversed(members) if isinstance(member[0], (dict, list, tuple)))


def _members(item: Mapping[str, Any], parts: Parts) -> Iterator[tuple[Any, Parts]]:
    """What is inside of an object, each with the Keras that makes it: Keras 3 makes what a `Hosted` layer holds."""
    settings = item.get("config")
    hosts = isinstance(settings, Mapping) and _has_names(item) and _found(item, parts) == [Hosted]
    for key, member in item.items():
        if hosts and key == "config":
            yield from ((inner, parts_of(3) if name == "operation" else parts) for name, inner in member.items())
        else:
            yield member, parts


def _problem(item: Mapping[str, Any], where: str, parts: Parts) -> Danger | Stranger | None:
    """What is wrong with one object."""
    name, module, settings = item["class_name"], item.get("module"), item.get("config")
    if not _has_names(item):
        return Danger(where, f"make an object that has no name ({str(name)[:60]})")
    wanted, alias = _wanted(item), item.get("registered_name")
    found = _found(item, parts)
    effect = _effect(_kinds(item, found, parts), settings)
    if effect:
        return Danger(where, effect)
    if _is_value(item):
        return None
    if not found and module and module.split(".")[0] in ("keras", "tf_keras") and not parts.allows(module):
        return Danger(where, f"use {module}.{wanted}, which is no part of a model")
    if not found:
        return Stranger(where, str(item.get("spec_name") or item.get("type_spec") or wanted), alias, module)
    if not all(_is_sound(value, parts) or value is parts.registered(_key(item)) for value in found):
        return Danger(where, f"use {module}.{wanted}, which is no part of a model")
    return None


def _has_names(item: Mapping[str, Any]) -> bool:
    """Whether what has to be a name is one."""
    optional = (item.get("registered_name"), item.get("module"))
    return (
        isinstance(item["class_name"], str)
        and isinstance(_wanted(item), str)
        and all(isinstance(name, str | None) for name in optional)
    )


def _wanted(item: Mapping[str, Any]) -> Any:
    """The name of the class or function."""
    return item.get("config") if item["class_name"] == "function" else item["class_name"]


def _key(item: Mapping[str, Any]) -> Any:
    """The name under which Keras looks for it among what is registered; None, which a file may say, leads nowhere."""
    return _wanted(item) if item["class_name"] == "function" else item.get("registered_name", item["class_name"])


def _found(item: Mapping[str, Any], parts: Parts) -> list[Any]:
    """What an object is, in whichever way it is read; empty when that is unknown, or another in each way."""
    found = _readings(item, parts)
    # Older formats would call a function with the settings, and take what it gives for the object.
    return found if all(isinstance(value, type) != (item["class_name"] == "function") for value in found) else []


def _readings(item: Mapping[str, Any], parts: Parts) -> list[Any]:
    """What each way of reading an object leads to; empty when one leads elsewhere.

    Newer formats go by the registered name, and then by the module; where the class is not found there, by the
    registered name in the module. Older ones go by the class's name alone.
    """
    name, module, alias, wanted = item["class_name"], item.get("module"), item.get("registered_name"), _wanted(item)
    is_function = name == "function"
    registered = parts.registered(_key(item))
    if registered is not None:
        names = (_key(item), getattr(registered, "__name__", None))
        others = (parts.registered(name), parts.built_in(name))
        return [registered] if is_function or name in names or registered in others else []
    if alias not in (None, wanted, name) or "." in wanted or name.startswith("__"):
        return []
    if module is None or (module == "builtins" and is_function):
        value = None if is_function else parts.registered(name)
        value = parts.built_in(wanted) if value is None else value
        return [] if value is None else [value]
    return parts.in_module(module, wanted) if parts.allows(module) else []


def _kinds(item: Mapping[str, Any], found: Collection[Any], parts: Parts) -> set[str]:
    """The names of all classes that an object is made by, in whichever way it is read; registered ones are left out."""
    name = item["class_name"]
    classes = [value for value in found if value is not parts.registered(_key(item)) and parts.is_part(value)]
    names = {name} if name == "__lambda__" or parts.registered(name) is None else set()
    if names and parts.built_in(name) is not None:
        classes.append(parts.built_in(name))
    return names | {kind.__name__ for value in classes for kind in getattr(value, "__mro__", ())}


def _effect(kinds: Collection[str], settings: Any) -> str | None:
    """What classes of these names would do beyond computing, as the end of "it would ..."; None for nothing."""
    if "Lambda" in kinds:
        return _lambda_call(settings)
    vocabulary = settings.get("vocabulary") if isinstance(settings, Mapping) else None
    is_words = vocabulary is None or isinstance(vocabulary, list) or _is_tuple(vocabulary)
    if not is_words and not _VOCABULARY_LAYERS.isdisjoint(kinds):
        return f"read the file {vocabulary!r}"
    code = next((what for kind, what in CODE.items() if kind in kinds), None)
    call = next(filter(None, (forbidden_call(layer, settings) for layer in LAYERS if layer in kinds)), None)
    return code or (call and f"call {call}, which is not on the list of operations that only compute")


def _is_tuple(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("class_name") == "__tuple__"


def _is_value(item: Mapping[str, Any]) -> bool:
    """Whether an object is a value that is written as one: a tuple, a tensor, the specification of a tensor."""
    name, module, alias = item["class_name"], item.get("module"), item.get("registered_name")
    if alias is not None:
        return False
    if name == "__typespec__":
        return module in _SPEC_MODULES and item.get("spec_name") in _SPECS
    if name == "TypeSpec":
        return module is None and str(item.get("type_spec")).removeprefix("tf.") in _SPECS
    return module is None and name in _VALUES


def _is_sound(value: Any, parts: Parts) -> bool:
    """Whether something is a part of a model and, if it is an operation of Keras 3, one that only computes."""
    is_operation = isinstance(value, type) and value.__module__.startswith("keras.src.ops.")
    return parts.is_part(value) and not (is_operation and value.__name__ not in KERAS_3)


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
