"""Who reads what in a functional model: each layer's one call, and the one layer that reads what it gives."""

from __future__ import annotations

from typing import Any

from ..backend.calls import Call, calls, has_calls
from ..backend.tensorflow import is_quantization_aware
from ..core.errors import UnsupportedModel

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


class Network:
    """What the calls of a model read and give.

    Raises:
      UnsupportedModel: for a quantization-aware model, and for one without a graph.
    """

    def __init__(self, model: Any, owner: str) -> None:
        require_float_graph(model, owner)
        self._outputs = {id(tensor) for tensor in model.outputs}
        self._calls: dict[str, list[Call]] = {}  # by the name of the layer
        self._maker: dict[int, Any] = {}  # by the identity of a tensor, the layer that gives it
        self._readers: dict[int, list[Call]] = {}  # and the calls that read it
        for call in calls(model):
            self._calls.setdefault(call.layer.name, []).append(call)
            self._maker.update((id(tensor), call.layer) for tensor in call.outputs)
            for tensor in call.inputs:
                self._readers.setdefault(id(tensor), []).append(call)

    def layers(self) -> list[Any]:
        """The layers in the order of their first calls."""
        return [found[0].layer for found in self._calls.values()]

    def only_call(self, layer: Any) -> Call | None:
        """The layer's call, when it is one with one output; None otherwise."""
        found = self._calls.get(layer.name, [])
        return found[0] if len(found) == 1 and len(found[0].outputs) == 1 else None

    def makers(self, call: Call) -> list[Any]:
        """The layers that give what `call` reads, in its order."""
        return [self._maker[id(tensor)] for tensor in call.inputs]

    def only_reader(self, call: Call) -> Any | None:
        """The layer that alone reads what `call` gives, and reads nothing else; None when there is no such layer."""
        (tensor,) = call.outputs
        readers = self._readers.get(id(tensor), [])
        if id(tensor) in self._outputs or len(readers) != 1 or len(readers[0].inputs) != 1:
            return None
        return readers[0].layer


def require_float_graph(model: Any, owner: str) -> None:
    """Raises `UnsupportedModel` for what cannot be walked."""
    if is_quantization_aware(model):
        raise UnsupportedModel(
            f"{owner} expects a float model. Received: {model.name!r}, which is quantization-aware, and whose training "
            "has done this work. Use it on the stage before, or not at all."
        )
    if not has_calls(model):
        raise UnsupportedModel(
            f"{owner} expects a functional model. Received: {type(model).__name__} {model.name!r}. "
            "Bring it in with tfc.load_model."
        )
