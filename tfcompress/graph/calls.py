"""A functional model as calls of layers and what is read by whom; and the same model without some of its layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..backend.tensorflow import is_quantization_aware, keras
from ..core.errors import UnsupportedModel
from ..models_io.copying import prepared_scope

KERNELS = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "DepthwiseConv2D": "depthwise_kernel",
    "Conv2DTranspose": "kernel",
    "Dense": "kernel",
}  # by the exact class: what a subclass computes is not known


def kernel_of(layer: Any) -> Any | None:
    """The variable of the layer's kernel; None for a layer that is not known."""
    name = KERNELS.get(type(layer).__name__)
    known = name is not None and type(layer).__module__.startswith("tf_keras.")
    return getattr(layer, name) if known else None


def is_channels_last(layer: Any) -> bool:
    """Whether the layer's channels lie along the last axis of its outputs."""
    return getattr(layer, "data_format", "channels_last") == "channels_last"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer: the tensors, as (layer, call, output), that it reads, and those that it gives."""

    layer: Any
    reads: tuple[tuple[str, int, int], ...]
    gives: tuple[tuple[str, int, int], ...]


class Network:
    """The calls of a model in the order in which they are made.

    Raises:
      UnsupportedModel: for a quantization-aware model, and for one without a graph.
    """

    def __init__(self, model: Any, owner: str) -> None:
        require_float_graph(model, owner)
        self.calls = tuple(_calls(model))
        self.outputs = frozenset(_identity(tensor) for tensor in model.outputs)
        self._of: dict[str, list[Call]] = {}
        self._readers: dict[tuple[str, int, int], list[Call]] = {}
        for call in self.calls:
            self._of.setdefault(call.layer.name, []).append(call)
            for tensor in call.reads:
                self._readers.setdefault(tensor, []).append(call)

    def layers(self) -> list[Any]:
        """The layers in the order of their first calls."""
        return list(dict.fromkeys(call.layer for call in self.calls))

    def only_call(self, layer: Any) -> Call | None:
        """The layer's call, when it is one with one output; None otherwise."""
        calls = self._of.get(layer.name, [])
        return calls[0] if len(calls) == 1 and len(calls[0].gives) == 1 else None

    def only_reader(self, call: Call) -> Any | None:
        """The layer that alone reads what `call` gives, and reads nothing else; None when there is no such layer."""
        (tensor,) = call.gives
        readers = self._readers.get(tensor, [])
        if tensor in self.outputs or len(readers) != 1 or readers[0].reads != (tensor,):
            return None
        return readers[0].layer


def require_float_graph(model: Any, owner: str) -> None:
    """Raises `UnsupportedModel` for what cannot be walked."""
    if is_quantization_aware(model):
        raise UnsupportedModel(
            f"{owner} expects a float model. Received: {model.name!r}, which is quantization-aware, and whose training "
            "has done this work. Use it on the stage before, or not at all."
        )
    if not getattr(model, "_nodes_by_depth", None):
        raise UnsupportedModel(
            f"{owner} expects a functional model. Received: {type(model).__name__} {model.name!r}. "
            "Bring it in with tfc.load_model."
        )


def rebuilt(model: Any, dropped: Collection[str], settings: Mapping[str, Mapping[str, Any]]) -> Any:
    """A model without the `dropped` layers, each of one input, and with other `settings` by layer name.

    Weights are copied where a layer's shapes are as before; the caller sets the others.
    """
    whole = model
    if isinstance(model, keras.Sequential):  # whose configuration has neither its input nor what reads what
        whole = keras.Model(model.inputs, model.outputs, name=model.name)
    config = whole.get_config()
    before = {}
    for entry in config["layers"]:
        entry["config"] = {**entry["config"], **settings.get(entry["name"], {})}
        if entry["name"] in dropped:
            (before[entry["name"]],) = _references(entry["inbound_nodes"])
    config["layers"] = [entry for entry in config["layers"] if entry["name"] not in dropped]
    with prepared_scope():
        made = keras.Model.from_config(_rewired(config, before))
    for layer in made.layers:
        old = whole.get_layer(layer.name).get_weights()
        if [values.shape for values in old] == [tuple(weight.shape) for weight in layer.weights]:
            layer.set_weights(old)
    return made


def _calls(model: Any) -> Iterator[Call]:
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            reads = () if node.is_input else tuple(map(_identity, node.keras_inputs))
            outputs = node.outputs if isinstance(node.outputs, (list, tuple)) else [node.outputs]
            yield Call(node.layer, reads, tuple(map(_identity, keras_tensors(outputs))))


def keras_tensors(outputs: Any) -> list[Any]:
    """The tensors of a call, in whatever lists and dictionaries they come."""
    if isinstance(outputs, dict):
        return [tensor for value in outputs.values() for tensor in keras_tensors(value)]
    if isinstance(outputs, (list, tuple)):
        return [tensor for value in outputs for tensor in keras_tensors(value)]
    return [outputs]


def _identity(tensor: Any) -> tuple[str, int, int]:
    history = tensor._keras_history
    return history.layer.name, history.node_index, history.tensor_index


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


def _references(value: Any) -> list[tuple[Any, ...]]:
    if _is_reference(value):
        return [tuple(value[:3])]
    return [found for part in value for found in _references(part)] if isinstance(value, (list, tuple)) else []


def _rewired(value: Any, before: Mapping[str, tuple[Any, ...]]) -> Any:
    """A configuration in which what read a dropped layer reads what that layer read."""
    if _is_reference(value):
        source = tuple(value[:3])
        while source[0] in before:
            source = before[source[0]]
        return [*source, *value[3:]]
    if isinstance(value, dict):
        return {key: _rewired(part, before) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_rewired(part, before) for part in value])
    return value
