"""The student's logits brought to the teacher's own values."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.keras import tf


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
