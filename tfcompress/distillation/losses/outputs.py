"""Losses between the outputs of a teacher and of its student, example by example.

z are logits of shape (batch, classes), T is a temperature: p = softmax(z_teacher / T) and q = softmax(z_student / T)
are the softened predictions. Softening scales gradients by 1 / T^2, so that losses of softened predictions are
multiplied by T^2 and keep their weight beside other losses whatever T is. A loss is a number for each example, and zero
where the student predicts what the teacher does.

A loss of your own is any callable (teacher_logits, student_logits) -> (batch,). With `needs_labels = True` it is given
the labels too; with `compares_examples = True` it is given the whole batch, of all replicas.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ...backend.tensorflow import tf
from ...core.errors import expect

DIRECTIONS = ("teacher||student", "student||teacher")


def log_softened(logits: Any, temperature: float) -> Any:
    """log softmax(z / T), shape (batch, classes)."""
    return tf.nn.log_softmax(logits / temperature)


def divergence(log_p: Any, log_q: Any) -> Any:
    """KL(p || q) = sum_k p_k (log p_k - log q_k), shape (batch,)."""
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)


def correlation_distance(p: Any, q: Any, axis: int) -> Any:
    """1 - r(p, q), r being Pearson's correlation along `axis`."""
    p, q = (values - tf.reduce_mean(values, axis=axis, keepdims=True) for values in (p, q))
    return 1.0 - tf.reduce_sum(tf.math.l2_normalize(p, axis) * tf.math.l2_normalize(q, axis), axis=axis)


def _against_rest(log_p: Any, is_target: Any) -> Any:
    """(log p_t, log(1 - p_t)), shape (batch, 2)."""
    target = tf.reduce_sum(log_p * is_target, axis=-1)
    rest = tf.reduce_logsumexp(_without(log_p, is_target), axis=-1)
    return tf.stack([target, rest], axis=-1)


def _among_rest(log_p: Any, is_target: Any) -> Any:
    """log of the probabilities over the classes other than the true one; the true one has (nearly) none."""
    return tf.nn.log_softmax(_without(log_p, is_target))


def _without(log_p: Any, is_target: Any) -> Any:
    return log_p - 1000.0 * is_target  # exp(-1000) is zero, and its logarithm still a number


def _expect_temperature(owner: Any) -> None:
    expect(1e-3 <= owner.temperature <= 1e3, owner, "temperature", "must be above 0, from 0.001 to 1,000", "Use 4.0.")


@dataclasses.dataclass(frozen=True)
class SoftTargets:
    """The Kullback-Leibler divergence of the softened predictions of teacher and student, times temperature squared.

    With p = softmax(z_teacher / T) and q = softmax(z_student / T), both of shape (batch, classes):
    T^2 * sum_k p_k (log p_k - log q_k) for KL(teacher || student), with p and q exchanged for KL(student || teacher).
    T^2 keeps the size of the gradient the same for every T, since each softmax scales it by 1 / T.

    Args:
      temperature: T, above 0; larger shows more of what the teacher thinks of the wrong classes. Defaults to 4.
      direction: "teacher||student", the common form, which makes the student cover all that the teacher holds possible;
        or "student||teacher", which makes it commit to what the teacher holds likely. Defaults to "teacher||student".

    Raises:
      InvalidValue: for a temperature that is not above 0, or another direction.

    Example:

    >>> import numpy as np
    >>> loss = SoftTargets(temperature=1.0)
    >>> loss(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])).numpy().round(4)  # 0.5 ln 2 + 0.5 ln (2/3)
    array([0.1438])

    Reference: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015,
    https://arxiv.org/abs/1503.02531
    """

    of_logits: ClassVar[bool] = True

    temperature: float = 4.0
    direction: str = "teacher||student"

    def __post_init__(self) -> None:
        _expect_temperature(self)
        known = self.direction in DIRECTIONS
        expect(known, self, "direction", f"must be one of {DIRECTIONS}", f"Use {DIRECTIONS[0]!r}.")

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        log_p, log_q = (log_softened(logits, self.temperature) for logits in (teacher_logits, student_logits))
        if self.direction == "student||teacher":
            log_p, log_q = log_q, log_p
        # T^2 KL(p || q)
        return self.temperature**2 * divergence(log_p, log_q)


@dataclasses.dataclass(frozen=True)
class DecoupledTargets:
    """Soft targets in two parts: the true class against the rest (TCKD), and the rest among themselves (NCKD).

    With the true class t, p and q the softened probabilities of teacher and student, and p', q' those over the classes
    other than t: T^2 (target_weight KL((p_t, 1 - p_t) || (q_t, 1 - q_t)) + others_weight KL(p' || q')). Plain soft
    targets are target_weight 1 and others_weight 1 - p_t: what a sure teacher knows of the others hardly counts there.

    Args:
      temperature: T, above 0. Defaults to 4.
      target_weight: alpha of the paper, at least 0. Defaults to 1.
      others_weight: beta of the paper, at least 0. Defaults to 8.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> loss = DecoupledTargets(temperature=1.0, others_weight=0.0)
    >>> loss(np.log([[0.5, 0.25, 0.25]]), np.log([[0.25, 0.5, 0.25]]), np.array([0])).numpy().round(4)
    array([0.1438])

    Reference: Zhao et al., "Decoupled knowledge distillation", 2022, https://arxiv.org/abs/2203.08679
    """

    of_logits: ClassVar[bool] = True

    needs_labels: ClassVar[bool] = True

    temperature: float = 4.0
    target_weight: float = 1.0
    others_weight: float = 8.0

    def __post_init__(self) -> None:
        _expect_temperature(self)
        expect(self.target_weight >= 0, self, "target_weight", "must be at least 0", "Use 1.0.")
        expect(self.others_weight >= 0, self, "others_weight", "must be at least 0", "Use 8.0.")

    def __call__(self, teacher_logits: Any, student_logits: Any, labels: Any) -> Any:
        """The loss of each example, shape (batch,), from logits (batch, classes) and labels (batch,).

        Of labels that are shares of the classes, (batch, classes), as `Mixup` makes, the largest is the true one.
        """
        log_p, log_q = (log_softened(logits, self.temperature) for logits in (teacher_logits, student_logits))
        labels = tf.convert_to_tensor(labels)
        of_shares = len(labels.shape) == 2 and labels.shape[-1] != 1
        classes = tf.argmax(labels, axis=-1) if of_shares else tf.reshape(labels, [-1])
        is_target = tf.one_hot(tf.cast(classes, tf.int32), log_p.shape[-1], dtype=log_p.dtype)
        tckd = divergence(_against_rest(log_p, is_target), _against_rest(log_q, is_target))
        nckd = divergence(_among_rest(log_p, is_target), _among_rest(log_q, is_target))
        # T^2 (alpha TCKD + beta NCKD)
        return self.temperature**2 * (self.target_weight * tckd + self.others_weight * nckd)


@dataclasses.dataclass(frozen=True)
class Correlation:
    """One minus Pearson's correlation of the softened predictions, along the classes and along the batch.

    With p and q of shape (batch, classes): T^2 (between_classes (1 - r(p_i, q_i)) + between_examples mean_k
    (1 - r(p_.k, q_.k))), r being Pearson's correlation of a row, or of a column. A correlation leaves a student much
    smaller than its teacher its own scale.

    Args:
      temperature: T, above 0. Defaults to 4.
      between_classes: beta of the paper, at least 0. Defaults to 1.
      between_examples: gamma of the paper, at least 0. Defaults to 1.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> loss = Correlation(temperature=1.0, between_examples=0.0)
    >>> loss(np.log([[0.6, 0.3, 0.1]]), np.log([[0.1, 0.3, 0.6]])).numpy().round(3)  # r = -0.974
    array([1.974])

    Reference: Huang et al., "Knowledge distillation from a stronger teacher", 2022, https://arxiv.org/abs/2205.10536
    """

    of_logits: ClassVar[bool] = True

    compares_examples: ClassVar[bool] = True

    temperature: float = 4.0
    between_classes: float = 1.0
    between_examples: float = 1.0

    def __post_init__(self) -> None:
        _expect_temperature(self)
        expect(self.between_classes >= 0, self, "between_classes", "must be at least 0", "Use 1.0.")
        expect(self.between_examples >= 0, self, "between_examples", "must be at least 0", "Use 1.0.")

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        p, q = (tf.nn.softmax(logits / self.temperature) for logits in (teacher_logits, student_logits))
        rows = correlation_distance(p, q, axis=1)
        columns = tf.reduce_mean(correlation_distance(p, q, axis=0))
        return self.temperature**2 * (self.between_classes * rows + self.between_examples * columns)


@dataclasses.dataclass(frozen=True)
class MeanSquaredLogits:
    """The mean squared difference of the logits: mean_k (z_teacher,k - z_student,k)^2, without a temperature to choose.

    It is what soft targets become, but for a factor, as the temperature grows and both sides' logits have mean zero.

    Example:

    >>> import numpy as np
    >>> MeanSquaredLogits()(np.array([[1.0, -2.0]]), np.array([[0.0, 1.0]])).numpy()  # (1 + 9) / 2
    array([5.])

    Reference: Ba and Caruana, "Do deep nets really need to be deep?", 2014, https://arxiv.org/abs/1312.6184
    """

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        return tf.reduce_mean(tf.square(teacher_logits - student_logits), axis=-1)


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """The L1 distance between the predicted probabilities of teacher and student.

    With p = softmax(z_teacher) and q = softmax(z_student), both of shape (batch, classes): sum_k |p_k - q_k|, between 0
    and 2, twice their total variation. It asks for the teacher's probabilities themselves, unsoftened: what a pruned
    model is to give back.

    Example:

    >>> import numpy as np
    >>> Reconstruction()(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])).numpy()  # |0.25| + |-0.25|
    array([0.5])
    """

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        return tf.reduce_sum(tf.abs(tf.nn.softmax(teacher_logits) - tf.nn.softmax(student_logits)), axis=-1)
