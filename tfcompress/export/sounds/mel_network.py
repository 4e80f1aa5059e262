"""`LogMel` as a network of TensorFlow Lite's operations: the DFT is a convolution, the mel filters a matrix."""

from __future__ import annotations

import math
from typing import Any

from ...backend.tensorflow import keras, tf
from ...data.audio.log_mel import LEAST_LOUDEST_DB, POWER_FLOOR, LogMel


def mel_network(features: LogMel) -> Any:
    """A tf_keras model that makes spectrograms of clips as `features` does, in float32.

    Frames, window and DFT are one convolution over the samples, with a cosine and a sine for each bin that a filter
    listens to; their squares go through the filters, twice the same matrix.

    Args:
      features: the formula.

    Returns:
      A functional model, (batch, num_samples) in [-1, 1] -> (batch, frames, mels, 1) in [-1, 1].

    >>> mel_network(LogMel(8000, seconds=0.25)).output_shape
    (None, 14, 40, 1)
    """
    import numpy as np

    filters = features.filters()
    heard = np.flatnonzero(filters.any(1))
    angles = 2 * np.pi * np.outer(np.arange(features.frame_length), heard) / features.frame_length
    waves = features.window()[:, None] * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    layers = keras.layers
    frames, mels, _ = features.shape
    sound = keras.Input((features.num_samples,), name="sound")
    x = layers.Reshape((features.num_samples, 1, 1), name="samples")(sound)
    dft = layers.Conv2D(
        waves.shape[1], (features.frame_length, 1), (features.step, 1), use_bias=False, trainable=False, name="dft"
    )
    bands = layers.Conv2D(mels, 1, use_bias=False, trainable=False, name="mels")
    x = dft(x)
    power = tf.reshape(bands(x * x), (-1, frames, mels, 1))
    levels = tf.math.log(tf.maximum(power, POWER_FLOOR)) * (10 / math.log(10))
    loudest = tf.maximum(tf.reduce_max(levels, (1, 2), keepdims=True), LEAST_LOUDEST_DB)
    scaled = tf.maximum(levels - loudest, -features.range_db) * (2 / features.range_db) + 1
    dft.set_weights([waves[:, None, None, :].astype("float32")])
    bands.set_weights([np.concatenate([filters[heard]] * 2)[None, None].astype("float32")])
    return keras.Model(sound, layers.Activation("linear", name="spectrogram")(scaled), name="log_mel")
