"""The Keras model that trains a student under a teacher: for `compile` and `fit`, like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend.replicas import num_replicas, whole_batch
from ..backend.tensorflow import keras, tf
from ..measuring.outputs import LEAST_PROBABILITY, logits_from
from .features import with_features
from .losses.asking import LayerLoss, compares_examples
from .losses.weighted import output_loss, parts_of, weight_at
from .teacher_cache.logits import TeacherLogitCache


class Distiller(keras.Model):
    """A student whose loss listens to a teacher; calling it calls the student.

    loss = w * loss(labels, student) + (1 - w) * mean over the batch of distillation_loss(teacher, student)

    The teacher is only asked, never trained: its weights are not part of this model. Of several teachers the mean of
    their probabilities is what is listened to, and the first is the one whose layers a hint compares. The student may
    be wrapped by `prune_low_magnitude` or `quantize_model`.

    Args:
      student: a Keras model, inputs -> logits or, after a softmax, probabilities of shape (batch, classes); trained in
        place.
      teacher: a Keras model with the same inputs and classes, or a sequence of them.
      distillation_loss: (teacher logits, student logits) -> loss of each example, shape (batch,); a loss of layers,
        such as `Hint`; or a `WeightedSum` of such. One that compares examples says so by `compares_examples = True`:
        replicas of a tf.distribute.Strategy then give it the whole batch.
      student_loss_weight: w, in [0, 1]: how much the labels count. Defaults to 0.1.
      kept_logits: a `TeacherLogitCache`; `KerasFit` then gives a dict of inputs and what is kept of them, and the
        teacher is asked where something is missing. Defaults to None: it is always asked.
      num_steps: of the training, for weights that change meanwhile. Defaults to 1, which gives them their last value.

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
        distillation_loss: Callable[..., Any],
        student_loss_weight: float = 0.1,
        num_steps: int = 1,
        kept_logits: TeacherLogitCache | None = None,
    ):
        super().__init__(name="distiller")
        self.student = student
        self.distillation_loss = distillation_loss
        self.student_loss_weight = student_loss_weight
        self.num_steps = num_steps
        self.kept_logits = kept_logits
        # Keras would report the labels' loss alone as "loss"; these are reported instead, the last under that name.
        self._student_mean = keras.metrics.Mean(name="student_loss")
        self._teacher_mean = keras.metrics.Mean(name="teacher_loss")
        self._mean = keras.metrics.Mean(name="loss")
        self._student_logits = logits_from(student)
        self._of_layers = [part for part, _ in parts_of(distillation_loss) if isinstance(part, LayerLoss)]
        teachers = list(teacher) if isinstance(teacher, Sequence) else [teacher]
        self._listen_to(teachers)
        self._features: list[Any] = []

    def _listen_to(self, teachers: Sequence[Any]) -> None:
        layers = self._of_layers
        first = with_features(teachers[0], [part.layers[0] for part in layers]) if layers else None
        self._seeing = with_features(self.student, [part.layers[1] for part in layers]) if layers else None
        pairs = zip(first.outputs[1:], self._seeing.outputs[1:], strict=True) if layers else ()
        self._regressors = [
            part.regressor(tuple(theirs.shape), tuple(ours.shape)) or keras.layers.Activation("linear")
            for part, (theirs, ours) in zip(layers, pairs, strict=True)
        ]
        # Closures: Keras must not track the teachers' weights.
        self._ask_teachers = lambda inputs: ask(teachers, inputs)
        self._ask_layers = lambda inputs: first(inputs, training=False)[1:] if layers else []

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The student's outputs."""
        inputs = _alone(inputs)
        if self._seeing is None:
            return self.student(inputs, training=training)
        outputs, *self._features = self._seeing(inputs, training=training)
        return outputs

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
        """The weighted sum of the student's own loss and the teacher's."""
        student_loss = self.compiled_loss(y, y_pred, sample_weight) * num_replicas()  # Keras has divided it by them
        teacher_loss = self._teacher_loss(x, y, y_pred)
        loss = self.student_loss_weight * student_loss + (1 - self.student_loss_weight) * teacher_loss
        loss += sum(self.losses)  # the student's own terms, such as a regularizer's, count in full
        self._student_mean.update_state(student_loss)
        self._teacher_mean.update_state(teacher_loss)
        self._mean.update_state(loss)
        return loss / num_replicas()  # gradients are summed over the replicas

    def _teacher_loss(self, inputs: Any, labels: Any, outputs: Any) -> Any:
        logits = (self._teacher_logits(inputs), self._student_logits(outputs), labels)
        progress = tf.cast(self.optimizer.iterations, tf.float32) / self.num_steps
        compared = iter(zip(self._ask_layers(_alone(inputs)), self._features, self._regressors, strict=True))
        total = 0.0
        for part, weight in parts_of(self.distillation_loss):
            seen = whole_batch if compares_examples(part) else _as_it_is
            if isinstance(part, LayerLoss):
                theirs, ours, regressor = next(compared)
                losses = part(seen(theirs), seen(regressor(ours)))
            else:
                losses = output_loss(part, *map(seen, logits))
            total += weight_at(weight, tf.minimum(progress, 1.0)) * tf.reduce_mean(losses)
        return total

    def _teacher_logits(self, inputs: Any) -> Any:
        if self.kept_logits is None or not _has_kept(inputs):
            return self._ask_teachers(_alone(inputs))
        if self.kept_logits.are_held:  # a step without the teacher's graph has some hundred operations less to pass
            return inputs["logits"]

        def ask_and_keep() -> Any:
            logits = self._ask_teachers(inputs["inputs"])
            return self.kept_logits.keep(inputs["views"], inputs["indices"], logits)

        def look_again() -> Any:  # the pipeline reads some steps ahead, before what these steps write
            now = self.kept_logits.recall(inputs["views"], inputs["indices"])
            return tf.cond(tf.reduce_all(now["known"]), lambda: now["logits"], ask_and_keep)

        return tf.cond(tf.reduce_all(inputs["known"]), lambda: inputs["logits"], look_again)


def _as_it_is(part: Any) -> Any:
    return part


def _has_kept(inputs: Any) -> bool:
    return isinstance(inputs, dict) and {"inputs", "known", "logits"} <= set(inputs)


def _alone(inputs: Any) -> Any:
    """A model's inputs without what is kept of them."""
    return inputs["inputs"] if _has_kept(inputs) else inputs


def ask(teachers: Sequence[Any], inputs: Any) -> Any:
    """The teachers' logits for `inputs`; of several, the logits of the mean of their probabilities."""
    logits = [logits_from(teacher)(teacher(inputs, training=False)) for teacher in teachers]
    if len(logits) == 1:
        return logits[0]
    probabilities = sum(tf.nn.softmax(each) for each in logits) / len(logits)
    return tf.math.log(tf.maximum(probabilities, LEAST_PROBABILITY))
