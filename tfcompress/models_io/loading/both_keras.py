"""One view of the graphs of both Keras: calls of operations, in an order in which each has what it needs."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...backend.calls import Call, calls, has_calls, is_tensor
from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel


def functional(model: Any) -> Any:
    """The functional model inside of a Functional or Sequential model of either Keras, or None."""
    graph = getattr(model, "_functional", None) or model  # Keras 3's Sequential has one inside
    has_graph = has_calls(graph) and bool(getattr(graph, "outputs", None))
    call = getattr(type(model), "call", None)
    is_own_call = getattr(call, "__module__", "").split(".")[0] in ("keras", "tf_keras")
    return graph if has_graph and is_own_call else None


def needed_calls(graph: Any) -> list[Call]:
    """The calls that the outputs of a functional model need, without inputs, automatic masks and defaults."""
    needed = {id(tensor) for tensor in graph.outputs}
    kept = []
    for call in reversed([_as_tf_keras_has_it(call) for call in calls(graph) if call.inputs]):
        if needed.isdisjoint(id(tensor) for tensor in call.outputs):
            continue
        needed.update(id(tensor) for tensor in call.inputs)
        kept.append(call)
    return kept[::-1]


def structures(graph: Any) -> tuple[Any, Any]:
    """The inputs and the outputs of a functional model as its maker gave them: a tensor, or lists and dictionaries."""
    if hasattr(graph, "_inputs_struct"):
        return graph._inputs_struct, graph._outputs_struct
    return graph._nested_inputs, graph._nested_outputs


def maker_name(tensor: Any) -> str:
    """The name of the layer, or operation, that makes a tensor of either Keras."""
    history = tensor._keras_history
    return str((getattr(history, "operation", None) or history.layer).name)


def caller_of(model: Any) -> Callable[[list[Any]], list[Any]]:
    """Calls a model of either Keras on a list of inputs in the order of its graph, and lists its outputs."""
    graph = functional(model)
    given = structures(graph)[0] if graph is not None else None

    def outputs(inputs: list[Any]) -> list[Any]:
        if isinstance(given, Mapping):
            shaped = tf.nest.pack_sequence_as(given, inputs)
        else:
            shaped = inputs if len(inputs) > 1 else inputs[0]
        return tf.nest.flatten(model(shaped, training=False))

    return outputs


def training_default(operation: Any) -> Any:
    """The value of `training` with which an operation's call is made when nobody says otherwise."""
    parameters = inspect.signature(operation.call).parameters
    return parameters["training"].default if "training" in parameters else None


def _as_tf_keras_has_it(call: Call) -> Call:
    """A call without what Keras 3 has entered by itself."""
    if isinstance(call.layer, keras.layers.Layer):
        return call
    kwargs = dict(call.kwargs)
    for key in [key for key in kwargs if key == "mask" or key.endswith("_mask")]:
        if _is_automatic(kwargs[key], call.args, kwargs):
            del kwargs[key]
    # Keras 3 records the default of the call's signature as if it had been given. A True that was given counts for a
    # plain call only: fit and predict overrule it, and so tf_keras must not have it, which would heed it in predict.
    if kwargs.get("training") is not False or training_default(call.layer) is False:
        kwargs.pop("training", None)
    return dataclasses.replace(call, kwargs={key: value for key, value in kwargs.items() if value is not None})


def _is_automatic(mask: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether Keras 3 filled a mask in by itself; tf_keras will do so again."""
    from keras.src.backend import get_keras_mask

    masks = [value for value in tf.nest.flatten(mask) if value is not None]
    inputs = [value for key, value in kwargs.items() if not key.endswith("mask")]
    own = [get_keras_mask(value) for value in tf.nest.flatten((args, inputs)) if is_tensor(value)]
    return all(any(_are_same(value, known) for known in own if known is not None) for value in masks)


def _are_same(first: Any, second: Any) -> bool:
    """Whether two tensors are one, or were computed in the same way of the same."""
    if first is second:
        return True
    if not (is_tensor(first) and is_tensor(second)):
        return type(first) is type(second) and not hasattr(first, "shape") and first == second
    one, other = first._keras_history, second._keras_history
    if one.operation is None or other.operation is None or type(one.operation) is not type(other.operation):
        return False
    if one.operation is not other.operation and not _is_stateless(one.operation):
        return False
    nodes = [history.operation._inbound_nodes[history.node_index].arguments for history in (one, other)]
    flat = [tf.nest.flatten((node.args, node.kwargs)) for node in nodes]
    return bool(flat[0]) and len(flat[0]) == len(flat[1]) and all(map(_are_same, *flat))


def _is_stateless(operation: Any) -> bool:
    return not hasattr(operation, "weights")


def require_tensors(values: Any, where: str) -> None:
    """Refuses variables among the arguments of a call. Raises `UnsupportedModel`."""
    from keras import Variable

    for value in tf.nest.flatten(values):
        if isinstance(value, (Variable, tf.Variable)):
            raise UnsupportedModel(
                f"load_model: {where} must use tensors. Received: the variable {value.name!r}, which belongs to no "
                "layer of the graph. Move it into a layer of its own."
            )
