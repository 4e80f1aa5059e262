"""Attention transfer: the student is to look where the teacher looks."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.errors import UnsupportedModel, expect
from ..core.keras import tf


@dataclasses.dataclass(frozen=True)
class AttentionTransfer:
    """The squared distance between the attention maps of a teacher's and a student's layer.

    A map is the sum over the channels of |f|^power, flattened and scaled to length 1: ||a_teacher - a_student||^2. The
    layers need one resolution, and may have any number of channels.

    Args:
      teacher_layer: the name of the teacher's layer; "" is allowed where features are given by hand. Defaults to "".
      student_layer: the name of the student's layer. Defaults to the teacher's.
      power: of the activations, at least 1. Defaults to 2.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> left, right = np.zeros((1, 1, 2, 1)), np.zeros((1, 1, 2, 3))
    >>> left[..., 0, :], right[..., 1, :] = 1, 1
    >>> AttentionTransfer()(left, right).numpy()  # maps (1, 0) and (0, 1)
    array([2.])

    Reference: Zagoruyko and Komodakis, "Paying more attention to attention", 2017, https://arxiv.org/abs/1612.03928
    """

    teacher_layer: str = ""
    student_layer: str = ""
    power: float = 2.0

    def __post_init__(self) -> None:
        expect(self.power >= 1, self, "power", "must be at least 1", "Use 2.0.")

    @property
    def layers(self) -> tuple[str, str]:
        """The layers that it compares: the teacher's and the student's."""
        return self.teacher_layer, self.student_layer or self.teacher_layer

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> None:
        """None: maps have no channels. Raises `UnsupportedModel` when the resolutions differ."""
        if teacher_shape[1:-1] != student_shape[1:-1]:
            raise UnsupportedModel(
                f"AttentionTransfer expects layers of one resolution. Received: {teacher_shape[1:]} of "
                f"{self.layers[0]!r} and {student_shape[1:]} of {self.layers[1]!r}. Choose others."
            )

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features (batch, ..., channels)."""
        return tf.reduce_sum(tf.square(self._map(teacher_features) - self._map(student_features)), axis=-1)

    def _map(self, features: Any) -> Any:
        energy = tf.reduce_sum(tf.abs(features) ** self.power, axis=-1)
        return tf.math.l2_normalize(tf.reshape(energy, [tf.shape(energy)[0], -1]), axis=-1)
