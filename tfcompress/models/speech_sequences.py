"""Spectrograms as sequences of frames: convolutions over time alone, or a small GRU, for words spoken one at a time."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue


def speech_conv1d(
    input_shape: tuple[int, int, int] = (61, 40, 1),
    num_classes: int = 10,
    width: int = 48,
    num_blocks: int = 3,
    dropout: float = 0.2,
) -> Any:
    """Builds conv 5 of stride 2 over the frames - convs 3 of stride 2 - average - dropout - dense.

    The mels of a frame are its channels, so that a filter sees all of them at once: a voice that is higher than all in
    training looks other to it than to a DS-CNN, whose filters move along the mels. It has a tenth of a DS-CNN's
    multiply-accumulates. Every convolution is without bias and followed by batch normalization and ReLU; all have
    `width` channels.

    Args:
      input_shape: (frames, mels, 1).
      num_classes: number of logits.
      width: channels, at least 1. Defaults to 48.
      num_blocks: convolutions after the first, at least 1. Defaults to 3.
      dropout: share of the averages dropped in training, in [0, 1). Defaults to 0.2.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for a width or a number of blocks below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> figures = measure(speech_conv1d())
    >>> figures.num_parameters, figures.num_macs
    (31594, 491616)
    """
    _expect_positive("speech_conv1d", width=width, num_blocks=num_blocks)
    layers = keras.layers
    inputs = keras.Input(input_shape, name="spectrogram")
    x = _first(inputs, width)
    for number in range(1, num_blocks + 1):
        x = _convolved(x, width, 3, f"block{number}")
    x = layers.Dropout(dropout, name="dropout")(layers.GlobalAveragePooling1D(name="pool")(x))
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="speech_conv1d")


def speech_gru(
    input_shape: tuple[int, int, int] = (61, 40, 1),
    num_classes: int = 10,
    width: int = 48,
    num_layers: int = 1,
    dropout: float = 0.2,
) -> Any:
    """Builds conv 5 of stride 2 over the frames - GRU - dropout - dense.

    The convolution, with batch normalization and ReLU, halves the steps of the GRU, whose last state is classified. In
    a file the GRU is a loop (docs/recurrent.md), which the GPU delegate refuses; export with `recurrent="unrolled"`
    where the GPU is wanted.

    Args:
      input_shape: (frames, mels, 1).
      num_classes: number of logits.
      width: channels of the convolution and units of each GRU, at least 1. Defaults to 48.
      num_layers: of GRUs, one upon another, at least 1. Defaults to 1.
      dropout: share of the last state dropped in training, in [0, 1). Defaults to 0.2.

    Returns:
      An uncompiled functional tf_keras model, (batch, *input_shape) -> (batch, num_classes).

    Raises:
      InvalidValue: for a width or a number of layers below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> measure(speech_gru()).num_parameters
    24394

    Reference: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
    translation", 2014, https://arxiv.org/abs/1406.1078
    """
    _expect_positive("speech_gru", width=width, num_layers=num_layers)
    layers = keras.layers
    inputs = keras.Input(input_shape, name="spectrogram")
    x = _first(inputs, width)
    for number in range(1, num_layers + 1):
        x = layers.GRU(width, return_sequences=number < num_layers, name=f"gru{number}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name="speech_gru")


def _first(inputs: Any, width: int) -> Any:
    """Frames with their mels as channels, and a convolution over five of them."""
    frames = keras.layers.Reshape(inputs.shape[1:3], name="frames")(inputs)
    return _convolved(frames, width, 5, "stem")


def _convolved(x: Any, width: int, kernel_size: int, name: str) -> Any:
    """A convolution of stride 2 over time, with batch normalization and ReLU."""
    layers = keras.layers
    x = layers.Conv1D(width, kernel_size, 2, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(
        x
    )
    # Sets of recordings are small: with Keras's 0.99 the averages would lag epochs behind the weights.
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x))


def _expect_positive(owner: str, **values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise InvalidValue(f"{owner}.{name} must be at least 1. Received: {value!r}. Use the default.")
