"""SimpleCNN: two convolutions and two dense layers, the textbook's network for CIFAR-10."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras


def simple_cnn(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    width: int = 16,
    hidden_units: int = 64,
    activation: str | None = "relu",
    dropout: float = 0.5,
) -> Any:
    """Builds conv 3x3 (width) - max-pool - conv 3x3 (2 x width) - max-pool - dropout - dense - dense, giving logits.

    For 32x32x3 inputs, 10 classes and width 16: 136,874 parameters and 1,753,728 multiply-accumulates.

    Args:
      input_shape: (height, width, channels), height and width at least 4.
      num_classes: number of logits.
      width: channels of the first convolution; the second has twice as many. Defaults to 16.
      hidden_units: units of the first dense layer. Defaults to 64.
      activation: after each layer but the last; None gives the textbook's form, linear but for the pooling.
      dropout: share of the flattened features dropped in training, in [0, 1). Defaults to 0.5.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(simple_cnn())
    >>> figures.num_parameters, figures.num_macs
    (136874, 1753728)
    """
    layers = keras.layers
    inputs = keras.Input(input_shape, name="image")
    x = layers.Conv2D(width, 3, padding="same", activation=activation, name="conv1")(inputs)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(2 * width, 3, padding="same", activation=activation, name="conv2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(hidden_units, activation=activation, name="dense1")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="simple_cnn")
