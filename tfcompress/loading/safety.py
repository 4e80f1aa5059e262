"""Code that a model file would run, found in its configuration before anything of it is made.

A configuration names classes and functions, and Keras imports what it names. What is outside of Keras, what holds
compiled Python, and what reads or writes files is refused unless the file is trusted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..core.errors import UnsupportedModel

# Where Keras 3, tf_keras, tfmot and this toolkit keep what a model is made of. Their other modules hold functions that
# fetch and write files, so "keras" as a whole is not on the list.
_PARTS = (
    *("layers", "initializers", "regularizers", "constraints", "activations", "models", "ops", "optimizers"),
    *("losses", "metrics", "dtype_policies", "engine", "random", "mixed_precision"),
)
_ROOTS = ("keras", "keras.src", "tf_keras", "tf_keras.src")
_TRUSTED_MODULES = tuple(f"{root}.{part}" for root in _ROOTS for part in _PARTS)
_TRUSTED_PACKAGES = ("tensorflow_model_optimization.", "tfcompress.core.")

# Layers whose settings hold, or lead to, code.
_CODE = {
    "Lambda": "call a Python function",
    "TFSMLayer": "load and call a SavedModel from a path that the file names",
    "TorchModuleWrapper": "unpickle Python objects",
    "JaxLayer": "unpickle Python functions",
    "FlaxLayer": "unpickle Python functions",
    "TensorFlowOpLayer": "run an arbitrary TensorFlow operation",
}
_VOCABULARY_LAYERS = ("StringLookup", "IntegerLookup", "TextVectorization", "IndexLookup")
_FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")
# TensorFlow's symbols that only compute; "io.write_file" and "py_function" are symbols of the same kind.
_COMPUTING = (
    *("math.", "nn.", "linalg.", "image.", "strings.", "signal.", "sparse.", "ragged.", "random.", "bitwise."),
    *("__operators__.", "dtypes.", "quantization.", "keras.backend.", "keras.activations."),
)
# Parts of names at TensorFlow's top and in its first version's: read_file, py_function, load_op_library, Print, ...
_NOT_COMPUTING = (
    "file",
    "read",
    "write",
    "load",
    "save",
    "librar",
    "py_func",
    "numpy_func",
    "print",
    "eval",
    "function",
)


@dataclasses.dataclass(frozen=True)
class Danger:
    """`where` in the model (a layer's name), and what would run as the end of "it would ..."."""

    where: str
    what: str


def refuse_code(config: Any, title: str, is_known: Callable[[str], bool]) -> None:
    """Refuses a configuration that would run code which neither Keras nor the user brings.

    Args:
      config: a model's configuration, as JSON gives it.
      title: the file, for the message.
      is_known: whether the user brought a class or function of this name.

    Raises:
      UnsupportedModel: names the layer and says what would run.

    >>> refuse_code({"class_name": "Dense", "config": {"units": 3}}, "model.keras", lambda name: False)
    """
    danger = next(dangers(config, is_known), None)
    if danger:
        raise UnsupportedModel(
            f"load_model: layer {danger.where!r} of {title} must not run code from the file. Received: one that would "
            f"{danger.what}. If you trust where the file comes from, load it with safe_mode=False (--trust)."
        )


def require_known_classes(config: Any, title: str, is_known: Callable[[str], bool]) -> None:
    """Refuses a configuration with classes of a user's own that the user did not bring. Raises `UnsupportedModel`."""
    for where, item in _items(config):
        module, name = item.get("module"), str(item.get("registered_name") or item["class_name"])
        if item["class_name"] == "function":
            name = str(item["config"]) if isinstance(item["config"], str) else name
        ours = name.startswith("tfcompress>") or any(str(module).startswith(package) for package in _TRUSTED_PACKAGES)
        if "module" not in item or ours or is_known(name) or is_known(str(item["class_name"])):
            continue
        if module is None or not _is_keras(str(module)):
            raise UnsupportedModel(
                f"load_model.custom_objects must bring the classes that {title} needs. Received: none of the name "
                f"{name!r}, for layer {where!r}. Give custom_objects={{{name!r}: ...}}, or the Python file that "
                "defines it (--custom FILE)."
            )


def dangers(config: Any, is_known: Callable[[str], bool]) -> Iterator[Danger]:
    """Everything in a configuration that would run code or read files."""
    for where, item in _items(config):
        name, module, settings = str(item["class_name"]), item.get("module"), item.get("config")
        if name in _CODE and not (name != "Lambda" and is_known(name)):
            yield Danger(where, _function_call(settings) if name == "Lambda" else _CODE[name])
        if name == "__lambda__":
            yield Danger(where, "run Python bytecode that the file holds")
        if name in _FUNCTION_LAYERS and not _computes(settings):
            yield Danger(where, f"call tf.{_symbol(settings)}, which does more than compute")
        if name in _VOCABULARY_LAYERS and isinstance(settings, Mapping) and isinstance(settings.get("vocabulary"), str):
            yield Danger(where, f"read the file {settings['vocabulary']!r}")
        wanted = str(settings) if name == "function" else name
        if isinstance(module, str) and _is_keras(module) and not _is_part(module, name) and not is_known(wanted):
            yield Danger(where, f"use {module}.{wanted}, which is no part of a model")


def _function_call(settings: Any) -> str:
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
    if settings and settings.get("function_type") == "function":
        return f"call the Python function {settings.get('module')}.{function}"
    return f"run Python bytecode that the file holds ({len(str(function)) * 3 // 4} bytes)"


def _items(config: Any, where: str = "the model") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each serialized object in a configuration, with the name of the layer that it belongs to."""
    if isinstance(config, list):
        for value in config:
            yield from _items(value, where)
    elif isinstance(config, Mapping):
        settings = config.get("config")
        if "class_name" in config:
            named = isinstance(settings, Mapping) and isinstance(settings.get("name"), str)
            where = settings["name"] if named else where
            yield where, config
        for value in config.values():
            yield from _items(value, where)


def _is_keras(module: str) -> bool:
    return module.split(".")[0] in ("keras", "tf_keras", "builtins")


def _is_part(module: str, name: str) -> bool:
    if module in _ROOTS or module == "builtins":  # classes at the top, such as keras.Sequential; no functions
        return name != "function"
    return any(module == part or module.startswith(part + ".") for part in _TRUSTED_MODULES)


def _symbol(settings: Any) -> str:
    return str(settings.get("function") or settings.get("cls_symbol") or "") if isinstance(settings, Mapping) else ""


def _computes(settings: Any) -> bool:
    symbol = _symbol(settings).removeprefix("compat.v1.")
    name = symbol.rpartition(".")[2].lower()
    return (symbol.startswith(_COMPUTING) or "." not in symbol) and not any(part in name for part in _NOT_COMPUTING)
