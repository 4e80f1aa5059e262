"""DS-CNN: depthwise separable convolutions over a spectrogram, for words spoken one at a time."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue


def ds_cnn(
    input_shape: tuple[int, int, int] = (61, 40, 1),
    num_classes: int = 10,
    width: int = 48,
    num_blocks: int = 3,
    dropout: float = 0.2,
) -> Any:
    """Builds conv 10x4 of stride 2 - blocks of depthwise 3x3 and pointwise 1x1 - average - dropout - dense.

    Every convolution is without bias and followed by batch normalization and ReLU; all have `width` channels. For
    61x40x1 inputs and 10 classes:

    | width | blocks | parameters | multiply-accumulates |
    |---|---|---|---|
    | 40 | 3 | 9,010 | 4,638,000 |
    | 48 | 3 | 11,962 | 6,279,840 |
    | 64 | 4 | 24,202 | 13,174,400 |

    Args:
      input_shape: (frames, mels, 1).
      num_classes: number of logits.
      width: channels, at least 1. Defaults to 48.
      num_blocks: at least 1. Defaults to 3.
      dropout: share of the averages dropped in training, in [0, 1). Defaults to 0.2.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for a width or a number of blocks below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(ds_cnn())
    >>> figures.num_parameters, figures.num_macs
    (11962, 6279840)

    Reference: Zhang, Suda, Lai and Chandra, "Hello edge: keyword spotting on microcontrollers", 2017,
    https://arxiv.org/abs/1711.07128
    """
    for name, value in (("width", width), ("num_blocks", num_blocks)):
        if value < 1:
            raise InvalidValue(f"ds_cnn.{name} must be at least 1. Received: {value!r}. Use the default.")
    layers = keras.layers
    inputs = keras.Input(input_shape, name="spectrogram")
    stem = layers.Conv2D(width, (10, 4), 2, padding="same", use_bias=False, kernel_initializer="he_normal", name="stem")
    x = _normalized(stem, inputs)
    for number in range(1, num_blocks + 1):
        depthwise = layers.DepthwiseConv2D(
            3, padding="same", use_bias=False, depthwise_initializer="he_normal", name=f"block{number}_depthwise"
        )
        pointwise = layers.Conv2D(
            width, 1, use_bias=False, kernel_initializer="he_normal", name=f"block{number}_pointwise"
        )
        x = _normalized(pointwise, _normalized(depthwise, x))
    x = layers.Dropout(dropout, name="dropout")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="ds_cnn")


def _normalized(convolution: Any, x: Any) -> Any:
    """A convolution with batch normalization and ReLU after it."""
    # Sets of recordings are small: with Keras's 0.99 the averages would lag epochs behind the weights.
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{convolution.name}_bn")(convolution(x))
    return keras.layers.ReLU(name=f"{convolution.name}_relu")(x)
