"""MobileCNN: depthwise separable convolutions with batch normalization, as MobileNet has them, for small images."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue

# (stride of the depthwise convolution, channels of the pointwise one over the width) of each block
BLOCKS = ((1, 2), (2, 4), (1, 4), (2, 8), (1, 8))


def mobile_cnn(input_shape: tuple[int, int, int] = (32, 32, 3), width: int = 16, num_classes: int = 10) -> Any:
    """Builds conv 3x3 (width) - five blocks of depthwise 3x3 and pointwise 1x1 - average - dense, giving logits.

    Every convolution is without bias and followed by batch normalization and ReLU. The blocks have 2, 4, 4, 8 and 8
    times `width` channels; the second and the fourth halve the image. For width 16 and 10 classes:

    | inputs | parameters | multiply-accumulates |
    |---|---|---|
    | 32x32x3 | 38,634 | 4,592,896 |
    | 8x8x1 | 38,346 | 269,824 |

    Args:
      input_shape: (height, width, channels), height and width multiples of 4.
      width: channels of the first convolution, at least 1. Defaults to 16.
      num_classes: number of logits.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for a width below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(mobile_cnn())
    >>> figures.num_parameters, figures.num_macs
    (38634, 4592896)

    Reference: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
    2017, https://arxiv.org/abs/1704.04861
    """
    if not isinstance(width, int) or width < 1:
        raise InvalidValue(f"mobile_cnn.width must be a whole number of at least 1. Received: {width!r}. Use 16.")
    layers = keras.layers
    inputs = keras.Input(input_shape, name="image")
    stem = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name="stem")
    x = _normalized(stem, inputs)
    for number, (stride, multiple) in enumerate(BLOCKS, start=1):
        depthwise = layers.DepthwiseConv2D(
            3,
            stride,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"block{number}_depthwise",
        )
        pointwise = layers.Conv2D(
            multiple * width, 1, use_bias=False, kernel_initializer="he_normal", name=f"block{number}_pointwise"
        )
        x = _normalized(pointwise, _normalized(depthwise, x))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="mobile_cnn")


def _normalized(convolution: Any, x: Any) -> Any:
    """A convolution with batch normalization and ReLU after it."""
    x = keras.layers.BatchNormalization(name=f"{convolution.name}_bn")(convolution(x))
    return keras.layers.ReLU(name=f"{convolution.name}_relu")(x)
