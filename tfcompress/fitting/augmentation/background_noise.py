"""Noise added to log-mel spectrograms."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import uniform


@dataclasses.dataclass(frozen=True)
class BackgroundNoise:
    """Adds steady noise to log-mel spectrograms as `LogMel` makes them, at a level drawn for each example.

    Powers of independent sounds add up: a value x, of `range_db` / 2 decibels a unit, becomes the level of the sum of
    its own power and the noise's. The noise's level lies `quietest_db` to `loudest_db` below the clip's loudest band,
    and falls or rises from the lowest to the highest mel by up to 20 dB; its power varies from value to value as that
    of Gaussian noise does in a band.

    Args:
      probability: of noise in an example, in [0, 1]. Defaults to 0.5.
      loudest_db: level of the loudest noise, below the loudest band. Defaults to 20.
      quietest_db: level of the quietest. Defaults to 60.
      range_db: of the spectrograms, as in `LogMel`. Defaults to 60.

    Raises:
      InvalidValue: for a value out of range.

    >>> noisy = BackgroundNoise(1.0)(-tf.ones((2, 61, 40, 1)), (0, 0), tf.range(2))
    >>> bool(tf.reduce_mean(noisy) > -1)
    True
    """

    probability: float = 0.5
    loudest_db: float = 20.0
    quietest_db: float = 60.0
    range_db: float = 60.0

    def __post_init__(self) -> None:
        expect(0 <= self.probability <= 1, self, "probability", "must be in [0, 1]", "Use 0.5.")
        order = 0 <= self.loudest_db <= self.quietest_db
        expect(order, self, "loudest_db", f"must be in [0, {self.quietest_db}]", "Use 20.")
        expect(self.range_db > 0, self, "range_db", "must be above 0", "Use 60.")

    def __call__(self, spectrograms: Any, key: Any, indices: Any) -> Any:
        """Spectrograms (batch, frames, mels, 1) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        _, frames, mels, _ = spectrograms.shape
        chosen = uniform("noise", key, indices) < self.probability
        below_db = self.loudest_db + (self.quietest_db - self.loudest_db) * uniform("noise level", key, indices)
        tilt = 20 * (uniform("noise tilt", key, indices) - 0.5)
        slope = tf.linspace(-1.0, 1.0, mels)[None, None, :] * tilt[:, None, None]
        # Each value has a number of its own: the place in the spectrogram goes into the draw.
        places = indices[:, None] * tf.constant(frames * mels, indices.dtype) + tf.range(
            frames * mels, dtype=indices.dtype
        )
        even = uniform("noise power", key, tf.reshape(places, [-1]))
        power = tf.reshape(-tf.math.log(1 - even + 1e-7), [-1, frames, mels])  # of exponential distribution, mean 1
        noise_db = slope - below_db[:, None, None] + 10 * _log10(power + 1e-4)
        own_db = (spectrograms[..., 0] - 1) * (self.range_db / 2)
        both_db = tf.maximum(own_db, noise_db) + 10 * _log10(1 + 10 ** (-tf.abs(own_db - noise_db) / 10))
        # The loudest band stays 1, and what is below the range stays silence.
        noisy = both_db - tf.reduce_max(both_db, (1, 2), keepdims=True)
        noisy = tf.maximum(noisy, -self.range_db) * (2 / self.range_db) + 1
        return tf.where(chosen[:, None, None, None], noisy[..., None], spectrograms)


def _log10(x: Any) -> Any:
    return tf.math.log(x) / tf.math.log(10.0)
