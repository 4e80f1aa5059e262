"""A short, wide residual network that learns small images in few epochs: a teacher."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue
from .resnet import convolution


def fast_resnet(width: int = 32, input_shape: tuple[int, int, int] = (32, 32, 3), num_classes: int = 10) -> Any:
    """Builds a stem and three stages that double the channels, halve the image and add a residual, giving logits.

    Nine layers deep, after the networks that won DAWNBench's CIFAR-10 races. Few layers of many channels make large
    matrix products: at three times the multiply-accumulates of `resnet(20)`, a step on a CPU takes less than twice as
    long. For 32x32x3 inputs and 10 classes:

    | width | parameters | multiply-accumulates |
    |---|---|---|
    | 16 | 488,314 | 28,755,200 |
    | 32 | 1,944,298 | 114,133,504 |

    Args:
      width: channels of the stem; the stages have 2, 4 and 8 times as many. Defaults to 32.
      input_shape: (height, width, channels), height and width multiples of 8.
      num_classes: number of logits.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for a width below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(fast_resnet(32))
    >>> figures.num_parameters, figures.num_macs
    (1944298, 114133504)

    Reference: Coleman et al., "DAWNBench: an end-to-end deep learning benchmark and competition", 2017,
    https://dawn.cs.stanford.edu/benchmark/
    """
    if width < 1:
        raise InvalidValue(f"fast_resnet.width must be at least 1. Received: {width!r}. Use 32.")
    inputs = keras.Input(input_shape, name="image")
    x = convolution(inputs, width, 3, 1, "stem")
    for stage, times in enumerate((2, 4, 8), start=1):
        x = convolution(x, times * width, 3, 1, f"stage{stage}")
        x = keras.layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
        y = convolution(x, times * width, 3, 1, f"stage{stage}_conv1")
        y = convolution(y, times * width, 3, 1, f"stage{stage}_conv2")
        x = keras.layers.Add(name=f"stage{stage}_add")([x, y])
    x = keras.layers.MaxPooling2D((input_shape[0] // 8, input_shape[1] // 8), name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name=f"fast_resnet{width}")
