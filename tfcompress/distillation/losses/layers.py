"""Losses between layers inside of a teacher and of its student, example by example.

f are features, what a layer gives: (batch, ..., channels). Layers are named, the student's as the teacher's where
nothing else is said; a Distiller finds them, under tfmot's wrappers too. A loss is a number for each example, (batch,).

A loss of your own is an object with `layers`, `regressor` and `__call__`, as `LayerLoss` (asking.py) says; one that
compares the examples of a batch with each other says so by `compares_examples = True`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, TypeAlias

from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel, expect
from .asking import LayerLoss

Shape: TypeAlias = tuple[int | None, ...]


def attention_map(features: Any, power: float) -> Any:
    """sum_c |f_c|^power over the channels, flattened and scaled to length 1, shape (batch, positions)."""
    energy = tf.reduce_sum(tf.abs(features) ** power, axis=-1)
    return tf.math.l2_normalize(tf.reshape(energy, [tf.shape(energy)[0], -1]), axis=-1)


def _differences(features: Any) -> Any:
    """f_j - f_i, shape (batch i, batch j, d)."""
    return features[None, :, :] - features[:, None, :]


def relative_distances(features: Any) -> Any:
    """|f_i - f_j|, divided by the mean over pairs, shape (batch, batch)."""
    squares = tf.reduce_sum(tf.square(_differences(features)), axis=-1)
    # The root has no slope at 0, where an example meets itself.
    distances = tf.where(squares > 0, tf.sqrt(tf.where(squares > 0, squares, 1.0)), 0.0)
    num_pairs = tf.reduce_sum(tf.cast(distances > 0, distances.dtype))
    return distances / (tf.reduce_sum(distances) / tf.maximum(num_pairs, 1.0) + 1e-12)


def angles(features: Any) -> Any:
    """The cosine of the angle at i between j and k, shape (batch i, batch j, batch k)."""
    directions = tf.math.l2_normalize(_differences(features), axis=-1)
    return tf.matmul(directions, directions, transpose_b=True)


def huber(differences: Any) -> Any:
    """d^2 / 2 where |d| <= 1, else |d| - 1/2."""
    size = tf.abs(differences)
    return tf.where(size <= 1.0, 0.5 * tf.square(size), size - 0.5)


def _flat(features: Any) -> Any:
    return tf.reshape(features, [tf.shape(features)[0], -1])


def _expect_one_resolution(loss: LayerLoss, teacher_shape: Shape, student_shape: Shape) -> None:
    if teacher_shape[1:-1] != student_shape[1:-1]:
        teacher, student = loss.layers
        raise UnsupportedModel(
            f"{type(loss).__name__} expects layers of one resolution. Received: {teacher_shape[1:]} of {teacher!r} and "
            f"{student_shape[1:]} of {student!r}. Choose others."
        )


@dataclasses.dataclass(frozen=True)
class _OfLayers:
    """The two layers that a loss compares."""

    teacher_layer: str = ""
    student_layer: str = ""

    def __post_init__(self) -> None:
        for field in ("teacher_layer", "student_layer"):
            expect(isinstance(getattr(self, field), str), self, field, "must be a layer's name", 'Use "stage2".')

    @property
    def layers(self) -> tuple[str, str]:
        """The layers that it compares: the teacher's and the student's."""
        return self.teacher_layer, self.student_layer or self.teacher_layer


@dataclasses.dataclass(frozen=True)
class Hint(_OfLayers):
    """The mean squared difference between features of the teacher and of the student.

    mean (f_teacher - r(f_student))^2 over all but the batch. Where the numbers of channels differ, r is a regressor,
    one Dense layer along the channels, that is trained with the student and then left out; else it is nothing.

    Args:
      teacher_layer: the name of the teacher's layer; "" is allowed where features are given by hand. Defaults to "".
      student_layer: the name of the student's layer. Defaults to the teacher's.

    Example:

    >>> import numpy as np
    >>> Hint()(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])).numpy()  # (1 + 4) / 2
    array([2.5])

    Reference: Romero et al., "FitNets: hints for thin deep nets", 2015, https://arxiv.org/abs/1412.6550
    """

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> Any:
        """What makes the student's features comparable: a layer; None where nothing is needed.

        Raises:
          UnsupportedModel: when the shapes differ in more than the channels.
        """
        _expect_one_resolution(self, teacher_shape, student_shape)
        same = teacher_shape[-1] == student_shape[-1]
        return None if same else keras.layers.Dense(teacher_shape[-1], name="hint_regressor")

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features of equal shape (batch, ...)."""
        squares = tf.square(teacher_features - student_features)
        return tf.reduce_mean(tf.reshape(squares, [tf.shape(squares)[0], -1]), axis=-1)


@dataclasses.dataclass(frozen=True)
class AttentionTransfer(_OfLayers):
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

    power: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(self.power >= 1, self, "power", "must be at least 1", "Use 2.0.")

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> None:
        """None: maps have no channels. Raises `UnsupportedModel` when the resolutions differ."""
        _expect_one_resolution(self, teacher_shape, student_shape)

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features (batch, ..., channels)."""
        teacher, student = (attention_map(features, self.power) for features in (teacher_features, student_features))
        return tf.reduce_sum(tf.square(teacher - student), axis=-1)


@dataclasses.dataclass(frozen=True)
class Relational(_OfLayers):
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

    distance_weight: float = 25.0
    angle_weight: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(self.distance_weight >= 0, self, "distance_weight", "must be at least 0", "Use 25.0.")
        expect(self.angle_weight >= 0, self, "angle_weight", "must be at least 0", "Use 50.0.")

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> None:
        """None: relations have no channels."""

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,), from features (batch, ...)."""
        loss = 0.0
        sides = [_flat(features) for features in (teacher_features, student_features)]
        if self.distance_weight:
            teacher, student = (relative_distances(side) for side in sides)
            loss += self.distance_weight * tf.reduce_mean(huber(teacher - student), axis=-1)
        if self.angle_weight:
            teacher, student = (angles(side) for side in sides)
            loss += self.angle_weight * tf.reduce_mean(huber(teacher - student), axis=(-2, -1))
        return loss
