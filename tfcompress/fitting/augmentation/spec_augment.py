"""Bands of a spectrogram taken out, in time and in frequency."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import below


@dataclasses.dataclass(frozen=True)
class SpecAugment:
    """Sets a band of frames and a band of mels to a value, so that a model listens to all of a spectrogram.

    Of each kind there are `num_bands`, as wide as is drawn from 0 to the width given here, anywhere in the spectrogram.

    Args:
      frames: the widest band in time. Defaults to 8.
      mels: the widest band in frequency. Defaults to 6.
      num_bands: of each kind, at least 1. Defaults to 1.
      value: what is written there; silence in `LogMel` is -1. Defaults to -1.

    Raises:
      InvalidValue: for a value out of range.

    >>> SpecAugment()(tf.zeros((5, 61, 40, 1)), (0, 0), tf.range(5)).shape
    TensorShape([5, 61, 40, 1])

    Reference: Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", 2019,
    https://arxiv.org/abs/1904.08779
    """

    frames: int = 8
    mels: int = 6
    num_bands: int = 1
    value: float = -1.0

    def __post_init__(self) -> None:
        for field in ("frames", "mels"):
            expect(getattr(self, field) >= 0, self, field, "must be at least 0", "Use 6.")
        expect(self.num_bands >= 1, self, "num_bands", "must be at least 1", "Use 1.")

    def __call__(self, spectrograms: Any, key: Any, indices: Any) -> Any:
        """Spectrograms (batch, frames, mels, 1) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        _, frames, mels, _ = spectrograms.shape
        for number in range(self.num_bands):
            in_time = _band(frames, self.frames, f"frames {number}", key, indices)[:, :, None, None]
            in_frequency = _band(mels, self.mels, f"mels {number}", key, indices)[:, None, :, None]
            value = tf.cast(self.value, spectrograms.dtype)
            spectrograms = tf.where(tf.logical_or(in_time, in_frequency), value, spectrograms)
        return spectrograms


def _band(length: int, most: int, name: str, key: Any, indices: Any) -> Any:
    """Which places of an axis the band covers: (batch, length), bool."""
    width = below(min(most, length) + 1, f"spec augment {name} width", key, indices)[:, None]
    begin = below(length, f"spec augment {name} begin", key, indices)[:, None] * (length - width + 1) // length
    places = tf.range(length)[None]
    return tf.logical_and(places >= begin, places < begin + width)
