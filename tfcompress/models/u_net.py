"""A small U-Net: a class for each pixel, from coarse features beside fine ones."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue

TRANSPOSED, NEAREST = "transposed", "nearest"


def u_net(
    input_shape: tuple[int, int, int], num_outputs: int = 1, width: int = 8, levels: int = 3, up: str = TRANSPOSED
) -> Any:
    """Builds convolutions and pooling down, and up again with what each level had beside what comes from below.

    A level is two convolutions 3x3 with batch normalization and ReLU; each level down has half the sides and twice the
    channels. For 128x128 grey images and the defaults: 121,737 parameters.

    Args:
      input_shape: (height, width, channels), both sides divisible by 2 ** levels.
      num_outputs: 1 for two classes, else one a class. Defaults to 1.
      width: channels of the first level. Defaults to 8.
      levels: how often the sides are halved, at least 1. Defaults to 3.
      up: "transposed": transposed convolutions 2x2 of stride 2; "nearest": each pixel is repeated, then a convolution
        1x1, for targets that have no transposed convolution. Defaults to "transposed".

    Returns:
      An uncompiled functional tf_keras model, (batch, height, width, channels) -> logits (batch, height, width,
      num_outputs).

    Raises:
      InvalidValue: for sides that cannot be halved so often, or another `up`.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> measure(u_net((128, 128, 1))).num_parameters
    121737

    Reference: Ronneberger, Fischer and Brox, "U-Net: convolutional networks for biomedical image segmentation", 2015,
    https://arxiv.org/abs/1505.04597
    """
    if levels < 1 or any(side % 2**levels or side < 2**levels for side in input_shape[:2]):
        raise InvalidValue(
            f"u_net.input_shape must have sides divisible by {2 ** max(levels, 1)}, to be halved {levels} times. "
            f"Received: {tuple(input_shape)}. Use 128x128, or fewer levels."
        )
    if up not in (TRANSPOSED, NEAREST):
        raise InvalidValue(f"u_net.up must be transposed or nearest. Received: {up!r}. Use transposed.")
    layers = keras.layers

    def block(x: Any, filters: int, name: str) -> Any:
        for number in (1, 2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv{number}")(x)
            x = layers.ReLU(name=f"{name}_relu{number}")(layers.BatchNormalization(name=f"{name}_bn{number}")(x))
        return x

    inputs = keras.Input(input_shape, name="picture")
    x, beside = inputs, []
    for level in range(levels):
        x = block(x, width * 2**level, f"down{level}")
        beside.append(x)
        x = layers.MaxPooling2D(name=f"pool{level}")(x)
    x = block(x, width * 2**levels, "bottom")
    for level in reversed(range(levels)):
        filters = width * 2**level
        if up == TRANSPOSED:
            x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"up{level}")(x)
        else:
            x = layers.Conv2D(filters, 1, name=f"up{level}")(layers.UpSampling2D(name=f"twice{level}")(x))
        x = block(layers.Concatenate(name=f"join{level}")([x, beside[level]]), filters, f"at{level}")
    return keras.Model(inputs, layers.Conv2D(num_outputs, 1, name="logits")(x), name="u_net")
