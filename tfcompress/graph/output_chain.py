"""What TFLite makes one operation of: a layer with a kernel, the normalization after it, and the activation after that.

Only the last of them gives a tensor of the file; what lies between exists in Keras alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backend.tensorflow import keras
from .network import Network


def graphs(model: Any) -> Iterator[Any]:
    """The model and the models nested in it, each once."""
    yield model
    for layer in dict.fromkeys(model.layers):
        if isinstance(layer, keras.Model):
            yield from graphs(layer)


def output_chains(model: Any, owner: str) -> dict[str, tuple[Any, ...]]:
    """For each layer of `model`, by name: the layer, and as far as they follow a BatchNormalization and a ReLU.

    They follow where each alone reads what the one before gives. A ReLU may have any bound; other activations are
    operations of their own.

    Raises:
      UnsupportedModel: in the name of `owner`, for a quantization-aware model, and for one without a graph.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for graph in graphs(model):
        network = Network(graph, owner)
        for layer in network.layers():
            if not isinstance(layer, keras.Model):
                found.setdefault(layer.name, tuple(_chain(network, layer)))
    return found


def is_rectifier(layer: Any) -> bool:
    """Whether a layer is a ReLU, bounded or not, that an operation can have built in."""
    if isinstance(layer, keras.layers.ReLU):
        return layer.threshold == 0 and layer.negative_slope == 0
    return isinstance(layer, keras.layers.Activation) and rectifies(layer.activation)


def rectifies(function: Any) -> bool:
    """The same of a function.

    >>> rectifies(keras.activations.relu), rectifies(keras.activations.linear)
    (True, False)
    """
    return getattr(function, "__name__", "") in ("relu", "relu6")


def _chain(network: Network, layer: Any) -> Iterator[Any]:
    yield layer
    reader = _next(network, layer)
    if getattr(layer, "activation", None) in (None, keras.activations.linear) and isinstance(
        reader, keras.layers.BatchNormalization
    ):
        yield reader
        layer, reader = reader, _next(network, reader)
    if getattr(layer, "activation", None) in (None, keras.activations.linear) and is_rectifier(reader):
        yield reader


def _next(network: Network, layer: Any) -> Any | None:
    call = network.only_call(layer)
    return None if call is None else network.only_reader(call)
