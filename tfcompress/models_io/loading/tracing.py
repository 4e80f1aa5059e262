"""Graphs of models and layers that have only a `call` method: called once on symbolic tensors, of their own Keras.

A trace sees one way through Python's branches. It counts only when everything with weights appears in it, and when the
way is the same in training.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

from ...backend.calls import Call, is_tensor
from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...layers.twins import keras3
from .both_keras import functional, needed_calls

ADVICE = "Build it as a functional model: keras.Model(inputs, outputs)."


def trace_layer(layer: Any, call: Call) -> Any:
    """The graph inside of a user's Keras 3 layer of layers, as a functional Keras 3 model; None when it has none.

    Args:
      layer: a built layer that is called as `call` says, with tensors as positional arguments only.
    """
    tensors = [value for value in tf.nest.flatten(call.args) if is_tensor(value)]
    plain = not call.kwargs and len(tensors) == len(call.args) and layer._layers
    if not plain or layer._trainable_variables or layer._non_trainable_variables:
        return None
    try:
        return _trace(keras3(), layer, [(tuple(tensor.shape), tensor.dtype) for tensor in tensors], spread=True)
    except _NoGraph:
        return None


def trace_inner_model(model: Any, call: Call) -> Any:
    """The graph of a subclassed tf_keras model within another model, as a functional one; None when it has none.

    Args:
      model: is called as `call` says, with tensors as positional arguments only.
    """
    tensors = [value for value in tf.nest.flatten(call.args) if is_tensor(value)]
    if len(tensors) != len(call.args) or call.kwargs.keys() - {"training"}:
        return None
    try:
        return _trace(keras, model, [(tuple(tensor.shape), tensor.dtype) for tensor in tensors], spread=True)
    except _NoGraph:
        return None


def trace_model(model: Any) -> Any:
    """The graph of a subclassed model of either Keras, as a functional model of the same Keras.

    Raises:
      UnsupportedModel: when it was never built, or cannot be traced.
    """
    framework = keras if isinstance(model, keras.Model) else keras3()
    shapes = _input_shapes(model)
    if shapes is None:
        raise UnsupportedModel(
            f"load_model: model {model.name!r} ({type(model).__name__}) must be built. Received: one that no data has "
            "been through, so its shapes are unknown. Call it on one example first."
        )
    try:
        signatures = [((None, *shape[1:]), _input_dtype(model)) for shape in shapes]
        return _trace(framework, model, signatures, spread=_takes_several(model))
    except _NoGraph as error:
        raise UnsupportedModel(
            f"load_model: model {model.name!r} ({type(model).__name__}) must have a graph, or a traceable call(). "
            f"Received: one where {error}. {ADVICE}"
        ) from error


class _NoGraph(Exception):
    """Why a call cannot be traced, as the end of "Received: one where ..."."""


def _trace(framework: Any, layer: Any, signatures: Sequence[tuple[tuple[Any, ...], Any]], spread: bool) -> Any:
    graph = _called(framework, layer, signatures, spread, training=None)
    traced = _operations(graph)
    own = {id(weight) for member in traced for weight in getattr(member, "weights", [])}
    missing = next((weight for weight in layer.weights if id(weight) not in own), None)
    if missing is not None:
        raise _NoGraph(f"the weights {getattr(missing, 'path', missing.name)!r} appear in no layer that call() calls")
    if "training" in inspect.signature(layer.call).parameters:
        other = _operations(_called(framework, layer, signatures, spread, training=True))
        if [_identity(member) for member in traced] != [_identity(member) for member in other]:
            raise _NoGraph("call() does something else in training")
    return graph


def _called(framework: Any, layer: Any, signatures: Any, spread: bool, training: Any) -> Any:
    inputs = [framework.Input(batch_shape=shape, dtype=dtype) for shape, dtype in signatures]
    kwargs = {"training": training} if "training" in inspect.signature(layer.call).parameters else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = inputs if spread or len(inputs) == 1 else [inputs]
            outputs = layer.call(*given, **kwargs)
            return framework.Model(inputs, outputs, name=layer.name)
    except Exception as error:  # call() is the user's own: whatever it raises means that it cannot be traced
        raise _NoGraph(f"call() raised {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def _operations(graph: Any) -> list[Any]:
    found = []
    for call in needed_calls(graph):
        inner = functional(call.layer)
        found += [call.layer] + (_operations(inner) if inner is not None else [])
    return found


def _identity(operation: Any) -> Any:
    return id(operation) if hasattr(operation, "weights") else type(operation).__name__


def _takes_several(model: Any) -> bool:
    parameters = list(inspect.signature(model.call).parameters.values())
    positional = [
        value for value in parameters if value.default is value.empty and value.kind is value.POSITIONAL_OR_KEYWORD
    ]
    return len(positional) > 1


def _input_dtype(model: Any) -> str:
    """Whole numbers when the first layer with weights looks them up, else the model's own dtype."""
    flat = model._flatten_layers(include_self=False) if isinstance(model, keras.Model) else model._flatten_layers(False)
    first = next((layer for layer in flat if layer.weights), None)
    return "int32" if type(first).__name__ == "Embedding" else "float32"


def _input_shapes(model: Any) -> list[tuple[Any, ...]] | None:
    """The shapes that a subclassed model was built with, the batch first."""
    shapes = getattr(model, "_build_shapes_dict", None)  # Keras 3
    if shapes:
        return _shapes(list(shapes.values()))
    return _shapes(getattr(model, "_build_input_shape", None))  # tf_keras


def _shapes(value: Any) -> list[tuple[Any, ...]] | None:
    if value is None:
        return None
    if isinstance(value, tf.TensorShape):
        return [tuple(value.as_list())]
    if isinstance(value, (list, tuple)) and all(length is None or isinstance(length, int) for length in value):
        return [tuple(value)] if value else None
    members = list(value.values()) if isinstance(value, dict) else list(value)
    flat = [shape for member in members for shape in _shapes(member) or []]
    return flat or None
