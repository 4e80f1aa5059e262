"""Soft targets: the teacher's whole distribution over the classes, softened by a temperature."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.errors import expect
from ..core.keras import tf

DIRECTIONS = ("teacher||student", "student||teacher")


@dataclasses.dataclass(frozen=True)
class SoftTargets:
    """The Kullback-Leibler divergence between the softened answers of teacher and student, times temperature squared.

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

    temperature: float = 4.0
    direction: str = "teacher||student"

    def __post_init__(self) -> None:
        expect(self.temperature > 0, self, "temperature", "must be above 0", "Use 4.0.")
        expect(
            self.direction in DIRECTIONS, self, "direction", f"must be one of {DIRECTIONS}", f"Use {DIRECTIONS[0]!r}."
        )

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        log_p = tf.nn.log_softmax(teacher_logits / self.temperature)
        log_q = tf.nn.log_softmax(student_logits / self.temperature)
        if self.direction == "student||teacher":
            log_p, log_q = log_q, log_p
        # T^2 * KL(p || q) = T^2 * sum_k p_k (log p_k - log q_k)
        return self.temperature**2 * tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)
