"""The Keras model that trains a student under a teacher: for `compile` and `fit`, like any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..backend.replicas import num_replicas, whole_batch
from ..backend.tensorflow import keras, tf
from ..core.errors import InvalidValue
from ..core.examples.nests import by_name
from ..core.tasks.presets import Classification
from ..core.tasks.task import VALUES, Output
from ..measuring.outputs import LEAST_PROBABILITY, as_logits, output_specs
from .features import with_features
from .losses.asking import LayerLoss, LossOfLogits, compares_examples
from .losses.outputs import SoftTargets
from .losses.weighted import output_loss, parts_of, weight_at
from .teacher_cache.logits import TeacherLogitCache


class Distiller(keras.Model):
    """A student whose loss listens to a teacher; calling it calls the student.

    loss = w * loss(labels, student) + (1 - w) * mean over the batch of distillation_loss(teacher, student)

    The teacher is only asked, never trained: its weights are not part of this model. Of several teachers the mean of
    their probabilities is what is listened to, and the first is the one whose layers a hint compares. The student may
    be wrapped by `prune_low_magnitude` or `quantize_model`.

    Args:
      student: a Keras model of any outputs; trained in place.
      teacher: a Keras model with the same inputs and outputs, or a sequence of them.
      distillation_loss: (teacher logits, student logits) -> loss of each example, shape (batch,); a loss of layers,
        such as `Hint`; or a `WeightedSum` of such; or a dict of losses by output name. An output of numbers has no
        logits: its loss is of the numbers themselves. One that compares examples says so by `compares_examples = True`:
        replicas of a tf.distribute.Strategy then give it the whole batch. Defaults to None: `SoftTargets` where an
        output names classes, else the mean squared error.
      student_loss_weight: w, in [0, 1]: how much the labels count. Defaults to 0.1.
      kept_logits: a `TeacherLogitCache`; `KerasFit` then gives a dict of inputs and what is kept of them, and the
        teacher is asked where something is missing. Defaults to None: it is always asked.
      num_steps: of the training, for weights that change meanwhile. Defaults to 1, which gives them their last value.
      outputs: what the student's outputs say, in its order. Defaults to None: one that names a class.

    Raises:
      InvalidValue: for a loss that cannot teach an output.

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
        distillation_loss: Callable[..., Any] | Mapping[str, Callable[..., Any]] | None = None,
        student_loss_weight: float = 0.1,
        num_steps: int = 1,
        kept_logits: TeacherLogitCache | None = None,
        outputs: tuple[Output, ...] | None = None,
    ):
        super().__init__(name="distiller")
        self.student = student
        self.student_loss_weight = student_loss_weight
        self.num_steps = num_steps
        self.kept_logits = kept_logits
        # Keras would report the labels' loss alone as "loss"; these are reported instead, the last under that name.
        self._student_mean = keras.metrics.Mean(name="student_loss")
        self._teacher_mean = keras.metrics.Mean(name="teacher_loss")
        self._mean = keras.metrics.Mean(name="loss")
        known = outputs or Classification().bind(output_specs(student)).outputs
        self._loss_of_each = losses_by_output(distillation_loss, known)
        self._student_logits = [as_logits(output) for output in known]
        self._ignored = [output.ignore for output in known]
        self._of_layers = [
            part for loss in self._loss_of_each for part, _ in parts_of(loss) if isinstance(part, LayerLoss)
        ]
        teachers = list(teacher) if isinstance(teacher, Sequence) else [teacher]
        self._listen_to(teachers, known)
        self._features: list[Any] = []

    def _listen_to(self, teachers: Sequence[Any], known: tuple[Output, ...]) -> None:
        layers = self._of_layers
        first = with_features(teachers[0], [part.layers[0] for part in layers]) if layers else None
        self._seeing = with_features(self.student, [part.layers[1] for part in layers]) if layers else None
        pairs = zip(first.outputs[-len(layers) :], self._seeing.outputs[-len(layers) :], strict=True) if layers else ()
        self._regressors = [
            part.regressor(tuple(theirs.shape), tuple(ours.shape)) or keras.layers.Activation("linear")
            for part, (theirs, ours) in zip(layers, pairs, strict=True)
        ]
        # Closures: Keras must not track the teachers' weights.
        self._ask_teachers = lambda inputs: ask(teachers, inputs, known)
        self._ask_layers = lambda inputs: first(inputs, training=False)[-len(layers) :] if layers else []

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The student's outputs."""
        inputs = _alone(inputs)
        if self._seeing is None:
            return self.student(inputs, training=training)
        seen = self._seeing(inputs, training=training)
        outputs, self._features = seen[: -len(self._of_layers)], seen[-len(self._of_layers) :]
        return tf.nest.pack_sequence_as(self.student.output, outputs)

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
        theirs = self._teacher_logits(inputs)
        ours = [logits(values) for logits, values in zip(self._student_logits, tf.nest.flatten(outputs), strict=True)]
        labels = tf.nest.flatten(labels)
        progress = tf.minimum(tf.cast(self.optimizer.iterations, tf.float32) / self.num_steps, 1.0)
        compared = iter(zip(self._ask_layers(_alone(inputs)), self._features, self._regressors, strict=True))
        total = 0.0
        for loss, ignore, *of_outputs in zip(self._loss_of_each, self._ignored, theirs, ours, labels, strict=True):
            for part, weight in parts_of(loss):
                seen = whole_batch if compares_examples(part) else _as_it_is
                if isinstance(part, LayerLoss):
                    teacher_features, student_features, regressor = next(compared)
                    mean = tf.reduce_mean(part(seen(teacher_features), seen(regressor(student_features))))
                else:
                    given = [seen(values) for values in of_outputs]
                    mean = mean_counted(output_loss(part, *given), given[-1], ignore)
                total += weight_at(weight, progress) * mean
        return total

    def _teacher_logits(self, inputs: Any) -> list[Any]:
        """The teachers' logits of each output; kept ones are of a model with one."""
        if self.kept_logits is None or not _has_kept(inputs):
            return self._ask_teachers(_alone(inputs))
        if self.kept_logits.are_held:  # a step without the teacher's graph has some hundred operations less to pass
            return [inputs["logits"]]

        def ask_and_keep() -> Any:
            (logits,) = self._ask_teachers(inputs["inputs"])
            return self.kept_logits.keep(inputs["views"], inputs["indices"], logits)

        def look_again() -> Any:  # the pipeline reads some steps ahead, before what these steps write
            now = self.kept_logits.recall(inputs["views"], inputs["indices"])
            return tf.cond(tf.reduce_all(now["known"]), lambda: now["logits"], ask_and_keep)

        return [tf.cond(tf.reduce_all(inputs["known"]), lambda: inputs["logits"], look_again)]


def _as_it_is(part: Any) -> Any:
    return part


def _has_kept(inputs: Any) -> bool:
    return isinstance(inputs, dict) and {"inputs", "known", "logits"} <= set(inputs)


def _alone(inputs: Any) -> Any:
    """A model's inputs without what is kept of them."""
    return inputs["inputs"] if _has_kept(inputs) else inputs


def ask(teachers: Sequence[Any], inputs: Any, known: tuple[Output, ...]) -> list[Any]:
    """The teachers' logits of each output for `inputs`; of several, the logits of the mean of their probabilities."""
    logits = [
        [as_logits(output)(values) for output, values in zip(_as_teachers(known, teacher), outputs, strict=True)]
        for teacher in teachers
        for outputs in [tf.nest.flatten(teacher(inputs, training=False))]
    ]
    if len(logits) == 1:
        return logits[0]
    return [_mean(output, column) for output, column in zip(known, zip(*logits, strict=True), strict=True)]


def _as_teachers(known: tuple[Output, ...], teacher: Any) -> list[Output]:
    """What a teacher's outputs say: as the student's, but for what they end in."""
    specs = output_specs(teacher)
    if len(specs) != len(known):
        raise InvalidValue(
            f"distilled.teacher must have the student's outputs, {', '.join(each.name for each in known)}. Received: "
            f"{', '.join(spec.name for spec in specs)}. Use a teacher of the same task."
        )
    return [
        output if output.kind == VALUES else dataclasses.replace(output, from_logits=not spec.activation)
        for output, spec in zip(known, specs, strict=True)
    ]


def _mean(output: Output, logits: Sequence[Any]) -> Any:
    if output.kind == VALUES:
        return sum(logits) / len(logits)
    probabilities = sum(tf.nn.softmax(each) for each in logits) / len(logits)
    return tf.math.log(tf.maximum(probabilities, LEAST_PROBABILITY))


def losses_by_output(loss: Any, known: tuple[Output, ...]) -> list[Callable[..., Any]]:
    """The loss of each output, in the model's order. Raises `InvalidValue` for one that cannot teach its output."""
    given = by_name(loss, [output.name for output in known], "distillation losses") if isinstance(loss, Mapping) else {}
    found = []
    for output in known:
        chosen = given.get(output.name, None if isinstance(loss, Mapping) else loss)
        if chosen is None:
            chosen = squared_error if output.kind == VALUES else SoftTargets()
        for part, _ in parts_of(chosen):
            if output.kind == VALUES and isinstance(part, LossOfLogits):
                raise InvalidValue(
                    f"distilled.loss must be one of numbers for output {output.name!r}, which names no class. Received:"
                    f" {type(part).__name__}, which compares distributions over classes. Use None (the mean squared "
                    "error), losses.Reconstruction(), or a dict of losses by output."
                )
        found.append(chosen)
    return found


def mean_counted(losses: Any, labels: Any, ignore: int | None) -> Any:
    """The mean loss of the examples, or of the steps of sequences, whose class counts; what pads them teaches nothing.

    >>> float(mean_counted(tf.constant([[1.0, 3.0, 50.0]]), tf.constant([[2, 1, 0]]), ignore=0))
    2.0
    """
    if ignore is None:
        return tf.reduce_mean(losses)
    if len(labels.shape) == len(losses.shape) + 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if len(labels.shape) != len(losses.shape):  # one-hot, of which no class is left out
        return tf.reduce_mean(losses)
    counted = tf.cast(labels != ignore, losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * counted), tf.reduce_sum(counted))


def squared_error(teacher: Any, student: Any) -> Any:
    """mean (t - s)^2 of each example, (batch,)."""
    return tf.reduce_mean(tf.reshape((teacher - student) ** 2, [tf.shape(student)[0], -1]), axis=-1)
