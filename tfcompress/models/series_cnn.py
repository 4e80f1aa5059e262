"""Networks for series of numbers: convolutions that forecast, and an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue


def series_cnn(input_shape: tuple[int, int], horizon: int = 1, width: int = 32, num_layers: int = 3) -> Any:
    """Builds convolutions of width 5 and stride 2 over the steps - dense - dense, giving the next `horizon` values.

    Args:
      input_shape: (steps, columns).
      horizon: values to give, at least 1. Defaults to 1.
      width: channels of each convolution, and units of the first dense layer. Defaults to 32.
      num_layers: convolutions, each of which halves the steps. Defaults to 3.

    Returns:
      An uncompiled functional tf_keras model, (batch, steps, columns) -> (batch, horizon).

    Raises:
      InvalidValue: for too few steps.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> measure(series_cnn((48, 1))).num_parameters
    16705
    """
    if input_shape[0] < 2**num_layers:
        raise InvalidValue(
            f"series_cnn.input_shape must have {2**num_layers} steps. Received: {input_shape}. Use more."
        )
    layers = keras.layers
    inputs = keras.Input(input_shape, name="window")
    x = inputs
    for number in range(1, num_layers + 1):
        x = layers.Conv1D(width, 5, 2, padding="same", activation="relu", name=f"conv{number}")(x)
    x = layers.Dense(width, activation="relu", name="dense")(layers.Flatten(name="flatten")(x))
    return keras.Model(inputs, layers.Dense(horizon, name="next")(x), name="series_cnn")


def autoencoder(length: int, hidden_units: Sequence[int] = (64, 8)) -> Any:
    """Builds dense layers down to a few numbers and back to all of them: what is unusual comes back worse.

    Args:
      length: numbers in an example.
      hidden_units: of the layers down, the last of which is the narrowest. Defaults to (64, 8).

    Returns:
      An uncompiled functional tf_keras model, (batch, length) -> (batch, length).

    Raises:
      InvalidValue: for no hidden layer.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> measure(autoencoder(288)).num_parameters
    38312
    """
    if not hidden_units:
        raise InvalidValue("autoencoder.hidden_units must have a layer. Received: none. Use (64, 8).")
    layers = keras.layers
    inputs = keras.Input((length,), name="window")
    x = inputs
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(units, activation="relu", name=f"down{number}")(x)
    for number, units in enumerate(reversed(hidden_units[:-1]), start=1):
        x = layers.Dense(units, activation="relu", name=f"up{number}")(x)
    return keras.Model(inputs, layers.Dense(length, name="again")(x), name="autoencoder")
