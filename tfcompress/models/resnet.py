"""ResNet of the CIFAR family: three stages of 16, 32 and 64 channels, 6n + 2 layers deep."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue

DEPTHS = (8, 14, 20, 26, 32, 44, 56, 110)


def resnet(depth: int = 20, input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10) -> Any:
    """Builds a residual network of `depth` layers, giving logits.

    Where a stage halves the image, the shortcut is a 1x1 convolution with batch normalization. For 32x32x3 inputs and
    10 classes:

    | depth | parameters | multiply-accumulates |
    |---|---|---|
    | 8 | 78,714 | 12,501,632 |
    | 20 | 274,042 | 40,813,184 |
    | 56 | 860,026 | 125,747,840 |

    Args:
      depth: 6n + 2 for n blocks a stage, one of 8, 14, 20, 26, 32, 44, 56, 110. Defaults to 20.
      input_shape: (height, width, channels), height and width multiples of 4.
      num_classes: number of logits.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for another depth.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(resnet(8))
    >>> figures.num_parameters, figures.num_macs
    (78714, 12501632)

    Reference: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016, section 4.2,
    https://arxiv.org/abs/1512.03385
    """
    if depth not in DEPTHS:
        raise InvalidValue(f"resnet.depth must be one of {DEPTHS}. Received: {depth!r}. Use 8 for a small model.")
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, 16, 3, 1, "stem")
    for stage, channels in enumerate((16, 32, 64), start=1):
        for block in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            x = _block(x, channels, stride, f"stage{stage}_block{block}")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name=f"resnet{depth}")


def _block(x: Any, channels: int, stride: int, name: str) -> Any:
    shortcut = x if stride == 1 else convolution(x, channels, 1, stride, f"{name}_shortcut", activation=None)
    y = convolution(x, channels, 3, stride, f"{name}_conv1")
    y = convolution(y, channels, 3, 1, f"{name}_conv2", activation=None)
    y = keras.layers.Add(name=f"{name}_add")([shortcut, y])
    return keras.layers.Activation("relu", name=f"{name}_relu")(y)


def convolution(x: Any, channels: int, size: int, stride: int, name: str, activation: str | None = "relu") -> Any:
    """Convolution without bias, batch normalization and, unless None, an activation, named after `name`."""
    layers = keras.layers
    x = layers.Conv2D(
        channels, size, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.Activation(activation, name=f"{name}_relu")(x) if activation else x
