"""Attention transfer: the student is to look where the teacher looks."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel, expect


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
