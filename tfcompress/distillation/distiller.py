"""The Keras model that trains a student under a teacher: for `compile` and `fit`, like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.keras import keras, tf
from ..core.outputs import logits_from


class Distiller(keras.Model):
    """A student whose loss listens to a teacher; calling it calls the student.

    loss = w * loss(labels, student) + (1 - w) * mean over the batch of distillation_loss(teacher, student)

    The teacher is only asked, never trained: its weights are not part of this model. The student may be wrapped by
    `prune_low_magnitude` or `quantize_model`.

    Args:
      student: a Keras model, inputs -> logits or, after a softmax, probabilities of shape (batch, classes); trained in
        place.
      teacher: a Keras model with the same inputs and classes.
      distillation_loss: (teacher logits, student logits) -> loss of each example, shape (batch,).
      student_loss_weight: w, in [0, 1]: how much the labels count. Defaults to 0.1.

    Example:

    >>> import numpy as np, tfcompress as tfc
    >>> teacher, student = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(2))
    >>> distiller = tfc.Distiller(student, teacher, tfc.SoftTargets(temperature=2.0))
    >>> distiller.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4), "float32"), np.zeros(8), epochs=1, verbose=0)
    >>> len(distiller.trainable_variables)  # the student's kernel and bias
    2
    """

    def __init__(
        self,
        student: Any,
        teacher: Any,
        distillation_loss: Callable[[Any, Any], Any],
        student_loss_weight: float = 0.1,
    ):
        super().__init__(name="distiller")
        self.student = student
        self.distillation_loss = distillation_loss
        self.student_loss_weight = student_loss_weight
        self._student_logits = logits_from(student)
        # Keras would tell the labels' loss alone as "loss"; these are told instead, the last under that name.
        self._student_mean = keras.metrics.Mean(name="student_loss")
        self._teacher_mean = keras.metrics.Mean(name="teacher_loss")
        self._mean = keras.metrics.Mean(name="loss")
        teacher_logits = logits_from(teacher)
        # A closure: Keras must not track the teacher's weights.
        self._ask_teacher = lambda inputs: teacher_logits(teacher(inputs, training=False))

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The student's outputs."""
        return self.student(inputs, training=training)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        """The weighted sum of the student's own loss and the teacher's."""
        student_loss = super().compute_loss(x, y, y_pred, sample_weight)
        teacher_loss = tf.reduce_mean(self.distillation_loss(self._ask_teacher(x), self._student_logits(y_pred)))
        loss = self.student_loss_weight * student_loss + (1 - self.student_loss_weight) * teacher_loss
        self._student_mean.update_state(student_loss)
        self._teacher_mean.update_state(teacher_loss)
        self._mean.update_state(loss)
        return loss
