"""Hints: a layer of the student brought to what a layer of the teacher sees."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.errors import UnsupportedModel, expect
from ..core.keras import keras, tf


@dataclasses.dataclass(frozen=True)
class Hint:
    """The mean squared difference between features of the teacher and of the student.

    mean (f_teacher - r(f_student))^2 over all but the batch. Where the numbers of channels differ, r is a regressor,
    one Dense layer along the channels, that trains along and is left behind; else it is nothing.

    Args:
      teacher_layer: the name of the teacher's layer; "" is allowed where features are given by hand. Defaults to "".
      student_layer: the name of the student's layer. Defaults to the teacher's.

    Example:

    >>> import numpy as np
    >>> Hint()(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])).numpy()  # (1 + 4) / 2
    array([2.5])

    Reference: Romero et al., "FitNets: hints for thin deep nets", 2015, https://arxiv.org/abs/1412.6550
    """

    teacher_layer: str = ""
    student_layer: str = ""

    def __post_init__(self) -> None:
        expect(isinstance(self.teacher_layer, str), self, "teacher_layer", "must be a layer's name", 'Use "stage2".')

    @property
    def layers(self) -> tuple[str, str]:
        """The layers that it compares: the teacher's and the student's."""
        return self.teacher_layer, self.student_layer or self.teacher_layer

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> Any:
        """What makes the student's features comparable: a layer; None where nothing is needed.

        Raises:
          UnsupportedModel: when the shapes differ in more than the channels.
        """
        if teacher_shape[1:-1] != student_shape[1:-1]:
            raise UnsupportedModel(
                f"Hint expects features of one size, but for the channels. Received: {teacher_shape[1:]} of "
                f"{self.layers[0]!r} and {student_shape[1:]} of {self.layers[1]!r}. Choose layers of one resolution."
            )
        same = teacher_shape[-1] == student_shape[-1]
        return None if same else keras.layers.Dense(teacher_shape[-1], name="hint_regressor")

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features of equal shape (batch, ...)."""
        squares = tf.square(teacher_features - student_features)
        return tf.reduce_mean(tf.reshape(squares, [tf.shape(squares)[0], -1]), axis=-1)
