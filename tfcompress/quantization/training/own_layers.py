"""Which of Keras's layers have an int8 form of our own where tfmot has none, under what conditions, and what it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...backend.tensorflow import keras, tf

# What TFLite computes in int8 inside of a layer; another activation is refused, or makes the whole layer float
# ("swish"). In a layer of its own it may do.
INSIDE = ("linear", "relu", "softmax", "sigmoid", "tanh", "gelu")
# Operations on two tensors, which Keras has layers for.
MERGING = {
    "__operators__.add": "Add",
    "math.add": "Add",
    "math.multiply": "Multiply",
    "math.subtract": "Subtract",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
}
# The converter multiplies a BatchNormalization into their kernels.
FIRST_OF_A_FOLD = ("Conv1D", "DepthwiseConv1D", "SeparableConv1D")


def is_aware(layer: Any) -> bool:
    """Whether the layer is one of ours already."""
    from ...layers.int8.aware import Aware

    return isinstance(layer, Aware)


def has_own(layer: Any) -> bool:
    """Whether there is an int8 form of ours for layers of this kind."""
    if type(layer).__name__ == "TFOpLambda":
        return layer.symbol in MERGING and _num_tensors(layer) == 2
    if type(layer).__name__ == "Rescaling" and not np.any(layer.offset):
        return False  # a product alone needs no more than the range of its output
    return type(layer).__name__ in _OBJECTIONS and type(layer).__module__.startswith("tf_keras.")


def objection(layer: Any) -> str:
    """Why our form cannot take this very layer's place; empty when it can.

    >>> layer = keras.layers.Embedding(10, 4, mask_zero=True)
    >>> objection(layer)
    'it makes a mask'
    """
    return _OBJECTIONS.get(type(layer).__name__, lambda layer: "")(layer)


def own(layer: Any) -> Any:
    """The layer that takes the place of `layer`, with its name and settings; weights of the same order and shapes."""
    from ...layers.int8 import all_layers as ours

    kind = type(layer).__name__
    if kind == "TFOpLambda":
        return getattr(keras.layers, MERGING[layer.symbol])(name=layer.name)
    if kind == "MultiHeadAttention":
        return _attention(layer, ours)
    config = layer.get_config()
    if kind in ("LSTM", "GRU"):
        from ...layers.int8.recurrent import NAMES

        config = {name: config[name] for name in ("name", "trainable", "dtype", *NAMES)}
    return getattr(ours, f"Aware{kind}").from_config(config)


def arguments(layer: Any) -> dict[str, Any]:
    """What the layer is called on, by the name of the argument; of a layer that is called once."""
    (node,) = layer.inbound_nodes[:1]
    named = dict(zip(layer._call_spec.arg_names, node.call_args, strict=False))
    return {name: value for name, value in {**named, **node.call_kwargs}.items() if value is not None}


def is_masked(layer: Any) -> bool:
    """Whether a mask reaches the layer, from an Embedding with mask_zero or a Masking layer before it."""
    given = [tensor for node in layer.inbound_nodes[:1] for tensor in node.keras_inputs]
    return any(getattr(tensor, "_keras_mask", None) is not None for tensor in given)


def _num_tensors(layer: Any) -> int:
    return len(layer.inbound_nodes[0].keras_inputs)


def _attention(layer: Any, ours: Any) -> Any:
    return ours.AwareAttention(
        layer._num_heads,
        layer._key_dim,
        layer._value_dim,
        output_dim=layer._output_dense.kernel.shape[-1],
        use_bias=layer._use_bias,
        dropout=layer._dropout,
        name=layer.name,
        trainable=layer.trainable,
    )


def _inside(layer: Any) -> str:
    name = getattr(layer.activation, "__name__", "linear")
    kind = type(layer).__name__
    return "" if name in INSIDE else f"{name} inside of {kind} is not int8; put it into a layer of its own"


def _of_convolution(layer: Any) -> str:
    if layer.data_format != "channels_last":
        return "its channels come first"
    if layer.groups != 1 and type(layer).__name__ == "Conv1D":
        return "its channels are in groups"
    return _inside(layer)


def _of_batch_normalization(layer: Any) -> str:
    return "" if list(layer.axis) == [_rank(layer) - 1] else "its channels do not come last"


def _rank(layer: Any) -> int:
    return len(layer.inbound_nodes[0].keras_inputs[0].shape)


def _of_layer_normalization(layer: Any) -> str:
    return "" if list(layer.axis) == [_rank(layer) - 1] else "it normalizes over other axes than the last"


def _of_embedding(layer: Any) -> str:
    return "it makes a mask" if layer.mask_zero else ""


def _of_einsum(layer: Any) -> str:
    from ...layers.int8.all_layers import split_equation

    split = split_equation(layer.equation)
    if split is None:
        return f"{layer.equation} is no product with a matrix"
    if layer.bias is not None:
        shape = layer.kernel.shape[split[0] :]
        if tf.broadcast_static_shape(layer.bias.shape, shape) != shape:
            return "its bias differs from place to place"
    return _inside(layer)


def _of_attention(layer: Any) -> str:
    given = arguments(layer)
    if given.get("attention_mask") is not None or given.get("use_causal_mask"):
        return "it is given a mask"
    if given.get("return_attention_scores"):
        return "its scores are an output"
    if len(layer._query_shape) != 3 or len(layer._output_dense.kernel.shape) != 3:
        return "it is over more than one axis"
    return ""


def _of_recurrent(layer: Any) -> str:
    reasons = {
        "its state is an output": layer.return_state,
        "it keeps its state between batches": layer.stateful,
        "it is given a state": _num_tensors(layer) > 1,
        "its length is not fixed": layer.inbound_nodes[0].keras_inputs[0].shape[1] is None,
        "its activations are not tanh and sigmoid": (layer.activation, layer.recurrent_activation)
        != (keras.activations.tanh, keras.activations.sigmoid),
        "it resets before the product; use reset_after=True": not getattr(layer, "reset_after", True),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


_OBJECTIONS: dict[str, Callable[[Any], str]] = {
    "Conv1D": _of_convolution,
    "DepthwiseConv1D": _of_convolution,
    "SeparableConv1D": _of_convolution,
    "BatchNormalization": _of_batch_normalization,
    "LayerNormalization": _of_layer_normalization,
    "Rescaling": lambda layer: "",
    "Embedding": _of_embedding,
    "EinsumDense": _of_einsum,
    "MultiHeadAttention": _of_attention,
    "LSTM": _of_recurrent,
    "GRU": _of_recurrent,
}
