"""Relational distillation: examples that are near each other for the teacher are to be so for the student."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..core.errors import expect
from ..core.keras import tf


@dataclasses.dataclass(frozen=True)
class Relational:
    """The difference between the distances, and the angles, of a batch's examples for teacher and student.

    For features flattened to (batch, d): Huber's loss of the pairwise distances, each side's divided by its own mean,
    weighed by `distance_weight`, plus that of the cosines of the angles of all triples, by `angle_weight`. The two
    sides may have any shapes. Triples cost the cube of the batch: keep batches at 64 or so.

    Args:
      teacher_layer: the name of the teacher's layer; "" is allowed where features are given by hand. Defaults to "".
      student_layer: the name of the student's layer. Defaults to the teacher's.
      distance_weight: at least 0. Defaults to 25.
      angle_weight: at least 0. Defaults to 50.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    >>> bool((Relational()(square, 3 * square).numpy() < 1e-9).all())  # three times as large is alike
    True

    Reference: Park et al., "Relational knowledge distillation", 2019, https://arxiv.org/abs/1904.05068
    """

    compares_examples: ClassVar[bool] = True

    teacher_layer: str = ""
    student_layer: str = ""
    distance_weight: float = 25.0
    angle_weight: float = 50.0

    def __post_init__(self) -> None:
        expect(self.distance_weight >= 0, self, "distance_weight", "must be at least 0", "Use 25.0.")
        expect(self.angle_weight >= 0, self, "angle_weight", "must be at least 0", "Use 50.0.")

    @property
    def layers(self) -> tuple[str, str]:
        """The layers that it compares: the teacher's and the student's."""
        return self.teacher_layer, self.student_layer or self.teacher_layer

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> None:
        """None: relations have no channels."""

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features (batch, ...)."""
        loss = 0.0
        sides = [_flat(features) for features in (teacher_features, student_features)]
        if self.distance_weight:
            teacher, student = (_distances(side) for side in sides)
            loss += self.distance_weight * tf.reduce_mean(_huber(teacher - student), axis=-1)
        if self.angle_weight:
            teacher, student = (_angles(side) for side in sides)
            loss += self.angle_weight * tf.reduce_mean(_huber(teacher - student), axis=(-2, -1))
        return loss


def _flat(features: Any) -> Any:
    return tf.reshape(features, [tf.shape(features)[0], -1])


def _differences(features: Any) -> Any:
    """f_j - f_i, shape (batch i, batch j, d)."""
    return features[None, :, :] - features[:, None, :]


def _distances(features: Any) -> Any:
    """|f_i - f_j|, divided by the mean over pairs, shape (batch, batch)."""
    squares = tf.reduce_sum(tf.square(_differences(features)), axis=-1)
    # The root has no slope at 0, where an example meets itself.
    distances = tf.where(squares > 0, tf.sqrt(tf.where(squares > 0, squares, 1.0)), 0.0)
    num_pairs = tf.reduce_sum(tf.cast(distances > 0, distances.dtype))
    return distances / (tf.reduce_sum(distances) / tf.maximum(num_pairs, 1.0) + 1e-12)


def _angles(features: Any) -> Any:
    """The cosine of the angle at i between j and k, shape (batch i, batch j, batch k)."""
    directions = tf.math.l2_normalize(_differences(features), axis=-1)
    return tf.matmul(directions, directions, transpose_b=True)


def _huber(differences: Any) -> Any:
    size = tf.abs(differences)
    return tf.where(size <= 1.0, 0.5 * tf.square(size), size - 0.5)
