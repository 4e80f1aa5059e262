"""Pruning and reconstruction: the student's probabilities brought back to the teacher's, by their L1 distance."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.keras import tf


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """The L1 distance between the answers of teacher and student.

    With p = softmax(z_teacher) and q = softmax(z_student), both of shape (batch, classes): sum_k |p_k - q_k|, between 0
    and 2, twice their total variation. It asks for the teacher's answers themselves, unsoftened: what a pruned model is
    to give back.

    Example:

    >>> import numpy as np
    >>> Reconstruction()(np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])).numpy()  # |0.25| + |-0.25|
    array([0.5])
    """

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        return tf.reduce_sum(tf.abs(tf.nn.softmax(teacher_logits) - tf.nn.softmax(student_logits)), axis=-1)
