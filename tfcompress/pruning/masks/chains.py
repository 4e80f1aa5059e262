"""What has to be zero beside a filter, for its channel to be zero until another kernel reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras, tf

if TYPE_CHECKING:
    import numpy as np

# Of a channel of zeros these make a channel of zeros.
KEEP_ZERO = (
    *("ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    *(f"{kind}{rank}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in (1, 2, 3)),
    *(f"{kind}Pooling{rank}D" for kind in ("Max", "Average", "GlobalMax", "GlobalAverage") for rank in (1, 2, 3)),
)


def followers(layer: Any) -> list[tuple[Any, int]]:
    """(variable, axis) of the normalisations and depthwise convolutions that follow `layer`, channel by channel.

    A normalisation makes a constant of a channel of zeros, unless its gamma and beta are zero; a depthwise convolution
    adds its bias. What comes after a sum or a concatenation is not looked at: other channels have a say there.
    """
    found: list[tuple[Any, int]] = []
    if _keeps_zero(layer):
        for after in _readers(layer):
            found += _own(after) + (followers(after) if _own(after) or type(after).__name__ in KEEP_ZERO else [])
            if isinstance(after, keras.layers.Activation):
                found += followers(after)
    return found


def producer(layer: Any) -> Any:
    """The layer with filters whose channels reach `layer` and nothing else, None when there is none."""
    before = layer
    while True:
        (node, *others) = before._inbound_nodes
        if others or len(node.parent_nodes) != 1:
            return None
        before = node.parent_nodes[0].layer
        if len(before._outbound_nodes) != 1 or not _keeps_zero(before):
            return None
        if type(before).__name__ not in (*KEEP_ZERO, "Activation") and not _own(before):
            return before


def channel_masks(keep: np.ndarray, parts: list[tuple[Any, int]]) -> Iterator[tuple[Any, np.ndarray]]:
    """(variable, mask) that hides the channels where `keep`, (channels,), is False, along the axis of each part."""
    import numpy as np

    for variable, axis in parts:
        shape = [1] * len(variable.shape)
        shape[axis] = -1
        yield variable, np.broadcast_to(keep.reshape(shape), variable.shape)


def _own(layer: Any) -> list[tuple[Any, int]]:
    if isinstance(layer, keras.layers.BatchNormalization):
        return [(variable, -1) for variable in (layer.gamma, layer.beta) if variable is not None]
    if isinstance(layer, keras.layers.DepthwiseConv1D | keras.layers.DepthwiseConv2D) and layer.depth_multiplier == 1:
        return [(layer.depthwise_kernel, -2)] + ([(layer.bias, -1)] if layer.bias is not None else [])
    return []


def _readers(layer: Any) -> list[Any]:
    """The layers that read the output of `layer` and no other."""
    return [node.layer for node in layer._outbound_nodes if len(node.parent_nodes) == 1]


def _keeps_zero(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    if activation is None or "softmax" in str(getattr(activation, "__name__", "")):
        return activation is None
    return float(activation(tf.zeros((1, 1)))[0, 0]) == 0.0
