"""Which loss a training minimizes: the fit's, else the task's, else the one that the outputs' kinds imply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backend.tensorflow import keras, tf
from ..core.errors import InvalidValue
from ..core.examples.nests import by_name
from ..core.tasks.task import BINARY, CLASSES, VALUES, BoundTask, Output


def losses_by_output(asked: Any, task: BoundTask, ranks: Mapping[str, int]) -> list[Any]:
    """A Keras loss for each output, in the model's order.

    Args:
      asked: the fit's: a loss by value or name, or a dict of them by output; None: the task's.
      task: of the model.
      ranks: the axes of each output's targets: classes as numbers have one less than one-hot ones.

    Raises:
      InvalidValue: for outputs of numbers whose loss nobody says.
    """
    names = [output.name for output in task.outputs]
    wanted = asked if asked is not None else task.loss
    given = by_name(wanted, names, "loss") if isinstance(wanted, Mapping) else dict.fromkeys(names, wanted)
    return [given[output.name] or _implied(output, ranks[output.name]) for output in task.outputs]


def weights_by_output(asked: Mapping[str, float] | None, task: BoundTask) -> list[float] | None:
    """The weight of each output's loss, in the model's order; None: all 1."""
    weights = asked if asked is not None else task.loss_weights
    names = [output.name for output in task.outputs]
    return None if weights is None else list(by_name(weights, names, "loss_weights").values())


def shares_loss(from_logits: bool, label_smoothing: float) -> Any:
    """Cross-entropy against shares of classes, which smoothed and mixed labels are: (batch, classes), or classes."""

    def of_shares(labels: Any, outputs: Any) -> Any:
        if len(labels.shape) < 2 or labels.shape[-1] == 1:
            labels = tf.one_hot(tf.cast(tf.reshape(labels, [-1]), tf.int32), tf.shape(outputs)[-1])
        return keras.losses.categorical_crossentropy(
            labels, outputs, from_logits=from_logits, label_smoothing=label_smoothing
        )

    return of_shares


def _implied(output: Output, target_rank: int) -> Any:
    if output.kind == VALUES:
        raise InvalidValue(
            f"loss must be given for output {output.name!r}, whose numbers name no class. Received: None. Give "
            'KerasFit(loss="mse"), or a task that has one, such as Regression().'
        )
    if output.kind == CLASSES and target_rank < output.rank:
        return keras.losses.SparseCategoricalCrossentropy(output.from_logits, ignore_class=output.ignore)
    if output.kind == CLASSES:
        return keras.losses.CategoricalCrossentropy(output.from_logits)
    return keras.losses.BinaryCrossentropy(output.from_logits)


def default_metrics(task: BoundTask) -> list[str] | None:
    """What a training tells of beside its loss: the accuracy of one output that gives a class."""
    (output,) = task.outputs if len(task.outputs) == 1 else (None,)
    tells = output is not None and (output.kind == CLASSES or (output.kind == BINARY and not output.from_logits))
    return ["accuracy"] if tells else None
