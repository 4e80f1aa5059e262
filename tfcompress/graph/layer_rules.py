"""How each layer of Keras treats the channels of its inputs: one small function a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend.tensorflow import keras
from .atoms import Channels
from .normalization_rules import batch_normalization, group_normalization, layer_normalization, unit_normalization
from .operation_rules import follow_operation
from .shape_rules import combined, joined, product, reshaped, total
from .trace import TracedCall, Tracer, Untraceable, applied
from .unit_rules import attention, bidirectional, embedding, recurrent

Outputs = list[Channels | None]
Rule = Callable[[Tracer, TracedCall], Outputs]


def follow(tracer: Tracer, call: TracedCall) -> Outputs:
    """The channels of a call's outputs; what is not known here is pinned, its inputs and outputs."""
    kind, home = type(call.layer).__name__, type(call.layer).__module__
    try:
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            return follow_operation(tracer, call)
        handler = _HANDLERS.get(kind) if home.startswith("tf_keras.") else None
        return handler(tracer, call) if handler else tracer.unknown(call)
    except Untraceable as reason:
        return tracer.unknown(call, str(reason))


def _channel_axis(layer: Any, rank: int) -> int:
    return 1 if getattr(layer, "data_format", None) == "channels_first" else rank - 1


def _convolution(tracer: Tracer, call: TracedCall) -> Outputs:
    layer = call.layer
    channels = tracer.along(call, _channel_axis(layer, call.rank))
    transposed = "Transpose" in type(layer).__name__
    into, out = (-1, -2) if transposed else (-2, -1)
    atoms = tracer.own(layer, layer.filters)
    if layer.groups == 1:
        tracer.weight(layer, layer.kernel, into, "takes", channels.atoms)
        tracer.read(call, channels, layer.kernel, into)
    else:
        tracer.read(call, channels)
        for read, made in zip(np.split(channels.atoms, layer.groups), np.split(atoms, layer.groups), strict=True):
            tracer.atoms.unite_all([*read, *made])
        tracer.setting(layer, ("groups",), channels.atoms[:: channels.size // layer.groups])
    tracer.setting(layer, ("filters",), atoms)
    return _made(tracer, call, atoms, layer.kernel, out)


def _made(tracer: Tracer, call: TracedCall, atoms: np.ndarray, kernel: Any, out: int) -> Outputs:
    """The output of a layer with a kernel, a bias and an activation."""
    layer, tensor = call.layer, call.outputs[0]
    tracer.weight(layer, kernel, out, "makes", atoms)
    tracer.weight(layer, layer.bias, 0, "makes", atoms)
    values = tracer.made(atoms, kernel, out, layer.bias)
    axis = _channel_axis(layer, len(tensor.shape))
    return _activated(tracer, call, Channels(axis, atoms, values), layer.activation)


def _activated(tracer: Tracer, call: TracedCall, channels: Channels, activation: Any) -> Outputs:
    if activation is None:
        return [channels]
    name = getattr(activation, "__name__", "")
    if name in ("softmax", "log_softmax", "glu"):
        tracer.pin(channels, f"{call} has the activation {name}, which mixes channels")
        return [tracer.pinned(call.outputs[0], f"{call} has the activation {name}, which mixes channels")]
    return [channels.valued(applied(activation, channels.values, tracer.activated))]


def _dense(tracer: Tracer, call: TracedCall) -> Outputs:
    layer = call.layer
    channels = tracer.along(call, -1)
    tracer.weight(layer, layer.kernel, 0, "takes", channels.atoms)
    tracer.read(call, channels, layer.kernel, 0)
    atoms = tracer.own(layer, layer.units)
    tracer.setting(layer, ("units",), atoms)
    return _made(tracer, call, atoms, layer.kernel, 1)


def _depthwise(tracer: Tracer, call: TracedCall) -> Outputs:
    layer = call.layer
    channels = tracer.along(call, _channel_axis(layer, call.rank))
    tracer.read(call, channels, layer.depthwise_kernel, -2)
    tracer.weight(layer, layer.depthwise_kernel, -2, "makes", channels.atoms)
    atoms = np.repeat(channels.atoms, layer.depth_multiplier)
    tracer.weight(layer, layer.bias, 0, "makes", atoms)
    tracer.outputs.setdefault(layer.name, atoms)
    values = np.zeros((2, len(atoms)))
    if tracer.reads_weights:
        quiet = np.repeat(channels.values[1] == 0, layer.depth_multiplier)
        quiet |= np.repeat(tracer.made(channels.atoms, layer.depthwise_kernel, -2)[1] == 0, layer.depth_multiplier)
        values[1] = np.where(quiet, 0.0 if layer.bias is None else layer.bias.numpy(), np.nan)
    return _activated(tracer, call, Channels(channels.axis, atoms, values), layer.activation)


def _separable(tracer: Tracer, call: TracedCall) -> Outputs:
    layer = call.layer
    channels = tracer.along(call, _channel_axis(layer, call.rank))
    tracer.read(call, channels, layer.depthwise_kernel, -2)
    tracer.weight(layer, layer.depthwise_kernel, -2, "takes", channels.atoms)
    tracer.weight(layer, layer.pointwise_kernel, -2, "takes", np.repeat(channels.atoms, layer.depth_multiplier))
    atoms = tracer.own(layer, layer.filters)
    tracer.setting(layer, ("filters",), atoms)
    return _made(tracer, call, atoms, layer.pointwise_kernel, -1)


def _element_wise(tracer: Tracer, call: TracedCall) -> Outputs:
    """Activation layers, each channel by itself."""
    channels = call.channels[0]
    if channels is None:
        return tracer.unknown(call)
    if type(call.layer).__name__ == "Activation":
        return _activated(tracer, call, channels, call.layer.activation)
    return [channels.valued(applied(tracer.function(call.layer), channels.values, tracer.activated))]


def _softmax(tracer: Tracer, call: TracedCall) -> Outputs:
    return tracer.unknown(call, f"{call} divides by a sum over several places")


def _rescaling(tracer: Tracer, call: TracedCall) -> Outputs:
    plain = all(np.ndim(value) == 0 for value in (call.layer.scale, call.layer.offset))
    return _element_wise(tracer, call) if plain else tracer.unknown(call)


def _prelu(tracer: Tracer, call: TracedCall) -> Outputs:
    channels, layer = call.channels[0], call.layer
    if channels is None:
        return tracer.unknown(call)
    if layer.alpha.shape[channels.axis - 1] == channels.size:
        tracer.weight(layer, layer.alpha, channels.axis - 1, "carries", channels.atoms)
    return [channels.valued(np.where(channels.values == 0, 0.0, np.nan))]


def _unchanged(tracer: Tracer, call: TracedCall) -> Outputs:
    """What treats all channels alike and leaves them in their places; what it pads or resizes keeps zeros."""
    channels = call.channels[0]
    if channels is None or call.outputs[0].shape[channels.axis] != channels.size:
        return tracer.unknown(call, f"{call} works along the axis of the channels")
    constant = np.where(channels.values == 0, 0.0, np.nan)
    return [channels if call.outputs[0].shape == call.inputs[0].shape else channels.valued(constant)]


def _spatial(tracer: Tracer, call: TracedCall) -> Outputs:
    """Pooling, padding, resizing: along all axes but the batch and the channels."""
    channels = tracer.along(call, _channel_axis(call.layer, call.rank))
    padded = "ZeroPadding" in type(call.layer).__name__
    return [channels.valued(np.where(channels.values == 0, 0.0, np.nan)) if padded else channels]


def _global_pooling(tracer: Tracer, call: TracedCall) -> Outputs:
    channels = tracer.along(call, _channel_axis(call.layer, call.rank))
    return [channels.moved(channels.axis if call.layer.keepdims else 1)]


def _flatten(tracer: Tracer, call: TracedCall) -> Outputs:
    first = getattr(call.layer, "data_format", None) == "channels_first"
    return tracer.unknown(call) if first and call.rank > 2 else reshaped(tracer, call, None)


def _reshape(tracer: Tracer, call: TracedCall) -> Outputs:
    return reshaped(tracer, call, ("target_shape", -1))


def _permute(tracer: Tracer, call: TracedCall) -> Outputs:
    channels = call.channels[0]
    return tracer.unknown(call) if channels is None else [channels.moved(call.layer.dims.index(channels.axis) + 1)]


def _repeat(tracer: Tracer, call: TracedCall) -> Outputs:
    return [tracer.along(call, 1).moved(2)]


def _concatenate(tracer: Tracer, call: TracedCall) -> Outputs:
    return joined(tracer, call, call.layer.axis)


def _time_distributed(tracer: Tracer, call: TracedCall) -> Outputs:
    inner = call.layer.layer
    if type(inner) is not keras.layers.Dense:
        return tracer.unknown(call)
    channels = tracer.along(call, -1)
    tracer.weight(call.layer, inner.kernel, 0, "takes", channels.atoms)
    tracer.read(call, channels, inner.kernel, 0)
    atoms = tracer.own(call.layer, inner.units)
    tracer.setting(call.layer, ("layer", "config", "units"), atoms)
    tracer.weight(call.layer, inner.kernel, 1, "makes", atoms)
    tracer.weight(call.layer, inner.bias, 0, "makes", atoms)
    values = tracer.made(atoms, inner.kernel, 1, inner.bias)
    return _activated(tracer, call, Channels(call.rank - 1, atoms, values), inner.activation)


def _merge(function: Callable[..., Any]) -> Rule:
    return lambda tracer, call: combined(tracer, call, function)


def _for(
    names: str, handler: Callable[[Tracer, TracedCall], Outputs]
) -> dict[str, Callable[[Tracer, TracedCall], Outputs]]:
    return dict.fromkeys(names.split(), handler)


_DIMENSIONS = ("1D", "2D", "3D")
_HANDLERS: dict[str, Rule] = {
    **_for("Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose", _convolution),
    **_for("DepthwiseConv1D DepthwiseConv2D", _depthwise),
    **_for("SeparableConv1D SeparableConv2D", _separable),
    **_for("Dense", _dense),
    **_for("BatchNormalization SyncBatchNormalization", batch_normalization),
    **_for("GroupNormalization", group_normalization),
    **_for("LayerNormalization", layer_normalization),
    **_for("UnitNormalization", unit_normalization),
    **_for("Activation ReLU LeakyReLU ELU ThresholdedReLU", _element_wise),
    **_for("Rescaling", _rescaling),
    **_for("Softmax", _softmax),
    **_for("PReLU", _prelu),
    **_for("Identity Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D ActivityRegularization", _unchanged),
    **_for("GaussianNoise GaussianDropout AlphaDropout RandomFlip RandomRotation RandomZoom RandomCrop", _unchanged),
    **_for("RandomTranslation RandomHeight RandomWidth CenterCrop Resizing", _unchanged),
    **_for(" ".join(f"{kind}{n}" for kind in ("MaxPooling", "AveragePooling") for n in _DIMENSIONS), _spatial),
    **_for(" ".join(f"{kind}{n}" for kind in ("ZeroPadding", "Cropping", "UpSampling") for n in _DIMENSIONS), _spatial),
    **_for(" ".join(f"Global{k}Pooling{n}" for k in ("Max", "Average") for n in _DIMENSIONS), _global_pooling),
    **_for("Flatten", _flatten),
    **_for("Reshape", _reshape),
    **_for("Permute", _permute),
    **_for("RepeatVector", _repeat),
    **_for("Concatenate", _concatenate),
    **_for("TimeDistributed", _time_distributed),
    **_for("Embedding", embedding),
    **_for("LSTM GRU SimpleRNN", recurrent),
    **_for("Bidirectional", bidirectional),
    **_for("MultiHeadAttention", attention),
    **_for("Add", _merge(total)),
    **_for("Multiply", _merge(product)),
    **_for("Subtract", _merge(lambda a, b: a - b)),
    **_for("Average", _merge(lambda *values: total(*values) / len(values))),
    **_for("Maximum", _merge(lambda *values: np.maximum.reduce(values))),
    **_for("Minimum", _merge(lambda *values: np.minimum.reduce(values))),
}
