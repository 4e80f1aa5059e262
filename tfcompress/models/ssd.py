"""A small single-shot detector: boxes and classes at anchors on feature maps of a few strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue

_CHANNELS = {2: 1, 4: 2, 8: 4, 16: 6, 32: 8}  # of the width, by stride
FEW = 0.01  # of the anchors lie on an object: what an untrained network should believe


def ssd(
    input_shape: tuple[int, int, int],
    num_classes: int,
    per_cell: int = 3,
    strides: Sequence[int] = (8, 16),
    width: int = 16,
) -> Any:
    """Builds convolutions down to the coarsest stride, up again to each finer one, and a head of two on each map.

    Each head is a convolution 3x3 and one 1x1; the maps' anchors are laid end to end, the finest map first, by row,
    column and anchor, as `Anchors` has them.

    Args:
      input_shape: (height, width, channels), both sides divisible by the largest stride.
      num_classes: of the objects; background is none.
      per_cell: anchors at each place of each map. Defaults to 3.
      strides: of the maps, the finest first, each of 4, 8, 16 and 32. Defaults to (8, 16).
      width: channels of the first convolution. Defaults to 16.

    Returns:
      An uncompiled functional tf_keras model, (batch, height, width, channels) -> offsets `boxes` (batch, anchors, 4)
      and logits `scores` (batch, anchors, num_classes).

    Raises:
      InvalidValue: for other strides, or sides that are not divisible by them.

    Example:

    >>> [output.shape[1:] for output in ssd((64, 64, 3), num_classes=2, width=8).outputs]
    [TensorShape([240, 4]), TensorShape([240, 2])]

    Reference: Liu et al., "SSD: single shot multibox detector", 2016, https://arxiv.org/abs/1512.02325; Lin et al.,
    "Feature pyramid networks for object detection", 2017, https://arxiv.org/abs/1612.03144
    """
    strides = tuple(strides)
    if not strides or list(strides) != sorted(set(strides)) or not set(strides) <= {4, 8, 16, 32}:
        raise InvalidValue(f"ssd.strides must rise, each of 4, 8, 16, 32. Received: {strides}. Use (8, 16).")
    if any(side % strides[-1] for side in input_shape[:2]):
        raise InvalidValue(
            f"ssd.input_shape must have sides divisible by {strides[-1]}, the largest stride. Received: "
            f"{tuple(input_shape)}. Use {[math.ceil(side / strides[-1]) * strides[-1] for side in input_shape[:2]]}."
        )
    layers = keras.layers

    def conv(x: Any, filters: int, name: str, size: int = 3, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(name=f"{name}_bn")(x))

    inputs = keras.Input(input_shape, name="picture")
    x, maps = conv(inputs, width, "stem", stride=2), {}
    for stride in (4, 8, 16, 32):
        if stride <= strides[-1]:
            x = conv(x, width * _CHANNELS[stride], f"down{stride}", stride=2)
            x = maps[stride] = conv(x, width * _CHANNELS[stride], f"map{stride}")
    for stride in (16, 8, 4):
        if strides[0] <= stride < strides[-1]:
            filters = width * _CHANNELS[stride]
            x = layers.UpSampling2D(name=f"twice{stride}")(conv(x, filters, f"narrow{stride}", 1))
            x = layers.Add(name=f"join{stride}")([x, maps[stride]])
            x = maps[stride] = conv(x, filters, f"merged{stride}")
    prior = keras.initializers.Constant(math.log(FEW / (1 - FEW)))
    found: dict[str, list[Any]] = {"boxes": [], "scores": []}
    for stride in strides:
        for name, numbers in (("boxes", 4), ("scores", num_classes)):
            x = conv(maps[stride], 2 * width, f"{name}{stride}")
            bias = prior if name == "scores" else "zeros"
            x = layers.Conv2D(per_cell * numbers, 1, bias_initializer=bias, name=f"{name}{stride}_out")(x)
            last = name if len(strides) == 1 else f"{name}{stride}_rows"
            found[name].append(layers.Reshape((-1, numbers), name=last)(x))
    outputs = [
        of_maps[0] if len(of_maps) == 1 else layers.Concatenate(1, name=name)(of_maps)
        for name, of_maps in found.items()
    ]
    return keras.Model(inputs, outputs, name="ssd")
