"""What a model may be made of: the classes and functions that names in a configuration lead to, looked up by us first.

A configuration names each object by a class, a module and a registered name, and Keras imports the module and takes
what it finds there. So each name is looked up here beforehand, in modules of a short list that are imported already,
and what is found must be a layer, an initializer, a loss, or another kind of thing that a model is made of.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from ...backend.tensorflow import keras, tfmot
from ...layers.twins import keras3
from ..copying import prepared_scope

# Where Keras keeps what a model is made of, below its top and below "src". Its other modules hold functions that fetch
# and write files.
_ROOMS = frozenset(
    (
        *("layers", "initializers", "regularizers", "constraints", "activations", "models", "ops", "optimizers"),
        *("losses", "metrics", "dtype_policies", "engine", "random", "mixed_precision", "quantizers", "applications"),
    )
)
# What tf_keras makes models of besides: tfmot's wrappers, and TensorFlow's own initializers.
_INITIALIZERS = "tensorflow.python.ops.init_ops_v2"
_OTHERS = (
    *(f"tensorflow_model_optimization.python.core.{room}.keras" for room in ("quantization", "sparsity", "clustering")),
    _INITIALIZERS,
)
_NAMESPACES = (
    *("layers", "models", "initializers", "regularizers", "constraints", "activations", "losses", "metrics"),
    *("optimizers", "mixed_precision", "dtype_policies", "quantizers", "random"),
)
# Functions that a model may name stand in these; `get` and its like there make objects of names.
_FUNCTIONS = ("activations", "losses", "metrics", "regularizers")
_NO_PARTS = ("get", "serialize", "deserialize")


class Parts:
    """The parts that one Keras, 2 or 3, makes models of."""

    def __init__(self, major: int):
        self.major = major
        self.keras = keras if major == 2 else keras3()
        self._name = "tf_keras" if major == 2 else "keras"

    @contextlib.contextmanager
    def scope(self, custom_objects: Mapping[str, Any]) -> Iterator[None]:
        """The scope in which a file is opened: a user's own objects, and for Keras 2 tfmot's and this package's."""
        own = (keras.saving.custom_object_scope(custom_objects), keras3().saving.custom_object_scope(custom_objects))
        with prepared_scope() if self.major == 2 else contextlib.nullcontext(), own[0], own[1]:
            yield

    def registered(self, name: str | None) -> Any:
        """What is registered under exactly this name in the present scope, or None."""
        return None if name is None else self.keras.saving.get_registered_object(name)

    def allows(self, module: str) -> bool:
        """Whether a configuration may name this module."""
        root, *rest = module.split(".")
        if root not in (("keras", "tf_keras") if self.major == 2 else ("keras",)):
            return self.major == 2 and any(module == home or module.startswith(f"{home}.") for home in _OTHERS)
        rest = rest[1:] if rest[:1] == ["src"] else rest
        return not rest or rest[0] in _ROOMS

    def in_module(self, module: str, name: str) -> list[Any]:
        """All that `name` is in an allowed module, by its public path and by its file."""
        homes = (self._public(module), self._file(module))
        return [vars(home)[name] for home in homes if home is not None and vars(home).get(name) is not None]

    def built_in(self, name: str) -> Any:
        """The part of this name, as files of older versions name it, without a module; None when there is none."""
        return _built_in(self.major, name)

    def is_part(self, value: Any) -> bool:
        """Whether a model is made of such things: layers, losses and the like, and the functions that go with them."""
        if inspect.isclass(value):
            return issubclass(value, _bases(self.major))
        return inspect.isfunction(value) and id(value) in _functions(self.major)

    def _public(self, module: str) -> ModuleType | None:
        value: Any = self.keras
        for part in module.split(".")[1:]:
            value = getattr(value, part, None)
            if not inspect.ismodule(value):
                return None
        return importlib.import_module(self._name) if value is self.keras else value

    def _file(self, module: str) -> Any:
        # Keras has imported what it is made of. A file imports nothing, not even of Keras.
        root, dot, rest = module.partition(".")
        return sys.modules.get(f"{self._name if root in ('keras', 'tf_keras') else root}{dot}{rest}")


@functools.cache
def parts_of(major: int) -> Parts:
    """The parts of Keras `major`."""
    return Parts(major)


@functools.lru_cache(maxsize=4096)  # a file has few names, many times
def _built_in(major: int, name: str) -> Any:
    parts = parts_of(major)
    homes = [getattr(parts.keras, namespace, None) for namespace in _NAMESPACES]
    homes += [getattr(parts.keras.optimizers, inner, None) for inner in ("schedules", "legacy")]
    if major == 2:
        homes += [tfmot.sparsity.keras, tfmot.clustering.keras]
        found = [importlib.import_module(f"{keras.__name__}.src.layers.serialization").get_builtin_layer(name)]
    else:
        homes += [importlib.import_module(f"keras.src.{room}") for room in ("layers", "models")]
        found = []
    found += [getattr(home, name, None) for home in homes]
    return next((value for value in found if parts.is_part(value)), None)


@functools.cache
def _bases(major: int) -> tuple[type, ...]:
    which = parts_of(major).keras
    shared = (
        *(which.layers.Layer, which.initializers.Initializer, which.regularizers.Regularizer),
        *(which.constraints.Constraint, which.losses.Loss, which.metrics.Metric, which.optimizers.Optimizer),
        which.optimizers.schedules.LearningRateSchedule,
    )
    if major == 3:
        own = (which.Operation, which.DTypePolicy, which.dtype_policies.DTypePolicyMap, which.Quantizer)
        return (*shared, *own, which.random.SeedGenerator)
    quantization = tfmot.quantization.keras
    return (
        *shared,
        *(which.optimizers.legacy.Optimizer, which.mixed_precision.Policy, sys.modules[_INITIALIZERS].Initializer),
        *(quantization.QuantizeConfig, quantization.quantizers.Quantizer, tfmot.sparsity.keras.PruningSchedule),
    )


@functools.cache
def _functions(major: int) -> frozenset[int]:
    which = parts_of(major).keras
    found = {
        name: value
        for namespace in _FUNCTIONS
        for name, value in vars(getattr(which, namespace)).items()
        if inspect.isfunction(value) and name not in _NO_PARTS
    }
    operations = [getattr(which.ops, name, None) for name in found] if major == 3 else []  # keras.ops.relu, say
    return frozenset(id(value) for value in (*found.values(), *operations))
