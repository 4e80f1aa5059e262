"""DIST: the student is to rank as the teacher does, within each example and each class, not to copy its numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ..core.errors import expect
from ..core.keras import tf


@dataclasses.dataclass(frozen=True)
class Correlation:
    """One minus Pearson's correlation of the softened answers, along the classes and along the batch.

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

    compares_examples: ClassVar[bool] = True

    temperature: float = 4.0
    between_classes: float = 1.0
    between_examples: float = 1.0

    def __post_init__(self) -> None:
        expect(self.temperature > 0, self, "temperature", "must be above 0", "Use 4.0.")
        expect(self.between_classes >= 0, self, "between_classes", "must be at least 0", "Use 1.0.")
        expect(self.between_examples >= 0, self, "between_examples", "must be at least 0", "Use 1.0.")

    def __call__(self, teacher_logits: Any, student_logits: Any) -> Any:
        """The loss of each example, shape (batch,), from logits of shape (batch, classes)."""
        p = tf.nn.softmax(teacher_logits / self.temperature)
        q = tf.nn.softmax(student_logits / self.temperature)
        rows = _distance(p, q, axis=1)
        columns = tf.reduce_mean(_distance(p, q, axis=0))
        return self.temperature**2 * (self.between_classes * rows + self.between_examples * columns)


def _distance(p: Any, q: Any, axis: int) -> Any:
    """1 - r along `axis`."""
    p, q = (values - tf.reduce_mean(values, axis=axis, keepdims=True) for values in (p, q))
    return 1.0 - tf.reduce_sum(tf.math.l2_normalize(p, axis) * tf.math.l2_normalize(q, axis), axis=axis)
