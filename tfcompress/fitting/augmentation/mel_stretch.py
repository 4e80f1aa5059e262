"""Spectrograms stretched along frequency: a longer or a shorter vocal tract."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import uniform


@dataclasses.dataclass(frozen=True)
class MelStretch:
    """Stretches a spectrogram along its mels and its frames, each by a factor of its own, as other speakers would.

    Value m of the result is the one at m f, between its two neighbours, with f drawn evenly from 1 - most to 1 + most;
    beyond the edge is the edge's. Frames are stretched from the middle.

    Args:
      most: in [0, 0.5): how far factors are from 1. Defaults to 0.15.

    Raises:
      InvalidValue: for a value out of range.

    >>> MelStretch()(tf.ones((5, 61, 40, 1)), (0, 0), tf.range(5)).shape
    TensorShape([5, 61, 40, 1])

    Reference: Jaitly and Hinton, "Vocal tract length perturbation (VTLP) improves speech recognition", 2013.
    """

    most: float = 0.15

    def __post_init__(self) -> None:
        expect(0 <= self.most < 0.5, self, "most", "must be in [0, 0.5)", "Use 0.15.")

    def __call__(self, spectrograms: Any, key: Any, indices: Any) -> Any:
        """Spectrograms (batch, frames, mels, 1) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        mels = self._stretched(spectrograms, 2, 0.0, "mels", key, indices)
        return self._stretched(mels, 1, 0.5, "frames", key, indices)

    def _stretched(self, x: Any, axis: int, fixed: float, name: str, key: Any, indices: Any) -> Any:
        """`x` along an axis as it is at places m f, with the place `fixed` of its length left where it is."""
        last = x.shape[axis] - 1
        factor = 1 - self.most + 2 * self.most * uniform(f"stretch of {name}", key, indices)
        middle = fixed * last
        places = (tf.range(last + 1, dtype=tf.float32) - middle)[None] * factor[:, None] + middle
        places = tf.clip_by_value(places, 0.0, float(last))
        low = tf.minimum(tf.cast(places, tf.int32), last - 1) if last else tf.zeros_like(places, tf.int32)
        share = tf.reshape(
            places - tf.cast(low, tf.float32), [-1, *[last + 1 if axis == each else 1 for each in (1, 2)], 1]
        )
        ends = (tf.gather(x, tf.minimum(low + step, last), axis=axis, batch_dims=1) for step in (0, 1))
        return next(ends) * (1 - share) + next(ends) * share
