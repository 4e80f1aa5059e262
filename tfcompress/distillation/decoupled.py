"""Decoupled knowledge distillation: how sure the teacher is, and what it thinks of the other classes, weighed apart."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..core.errors import expect
from ..core.keras import tf


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

    needs_labels: ClassVar[bool] = True

    temperature: float = 4.0
    target_weight: float = 1.0
    others_weight: float = 8.0

    def __post_init__(self) -> None:
        expect(self.temperature > 0, self, "temperature", "must be above 0", "Use 4.0.")
        expect(self.target_weight >= 0, self, "target_weight", "must be at least 0", "Use 1.0.")
        expect(self.others_weight >= 0, self, "others_weight", "must be at least 0", "Use 8.0.")

    def __call__(self, teacher_logits: Any, student_logits: Any, labels: Any) -> Any:
        """The loss of each example, shape (batch,), from logits (batch, classes) and labels (batch,).

        Of labels that are shares of the classes, (batch, classes), as `Mixup` makes, the largest is the true one.
        """
        log_p = tf.nn.log_softmax(teacher_logits / self.temperature)
        log_q = tf.nn.log_softmax(student_logits / self.temperature)
        labels = tf.convert_to_tensor(labels)
        of_shares = len(labels.shape) == 2 and labels.shape[-1] != 1
        classes = tf.argmax(labels, axis=-1) if of_shares else tf.reshape(labels, [-1])
        is_target = tf.one_hot(tf.cast(classes, tf.int32), log_p.shape[-1], dtype=log_p.dtype)
        # T^2 (alpha TCKD + beta NCKD)
        target, others = (
            self.target_weight * _divergence(_against_rest(log_p, is_target), _against_rest(log_q, is_target)),
            self.others_weight * _divergence(_among_rest(log_p, is_target), _among_rest(log_q, is_target)),
        )
        return self.temperature**2 * (target + others)


def _divergence(log_p: Any, log_q: Any) -> Any:
    return tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)


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
