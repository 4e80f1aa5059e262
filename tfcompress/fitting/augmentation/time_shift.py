"""Spectrograms or series moved along time."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import below


@dataclasses.dataclass(frozen=True)
class TimeShift:
    """Moves an example by up to `most` steps earlier or later; what is uncovered has a value.

    Args:
      most: steps of the first axis, frames of a spectrogram; at least 1. Defaults to 6.
      value: what is written where nothing is known; silence in `LogMel` is -1. Defaults to -1.

    Raises:
      InvalidValue: for a value out of range.

    >>> TimeShift(2)(tf.ones((5, 61, 40, 1)), (0, 0), tf.range(5)).shape
    TensorShape([5, 61, 40, 1])
    """

    most: int = 6
    value: float = -1.0

    def __post_init__(self) -> None:
        expect(self.most >= 1, self, "most", "must be at least 1", "Use 6.")

    def __call__(self, inputs: Any, key: Any, indices: Any) -> Any:
        """Inputs (batch, steps, ...) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        steps, rest = inputs.shape[1], [[0, 0]] * (len(inputs.shape) - 2)
        wide = tf.pad(inputs, [[0, 0], [self.most] * 2, *rest], constant_values=tf.cast(self.value, inputs.dtype))
        begin = below(2 * self.most + 1, "time shift", key, indices)[:, None]
        return tf.gather(wide, begin + tf.range(steps), axis=1, batch_dims=1)
