"""What a task asks of one model on its training examples: the loss that teaches it, and a figure of how good it is.

Techniques look at it between trainings: gradients of the loss tell what a weight or a channel is worth, and a figure on
training examples tells what a choice costs, since nothing may be chosen by the test split.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import keras, tf
from ..core.contracts import FitWithTask, layers_of_fit
from ..core.errors import InvalidValue
from ..core.examples.nests import by_name, fitted, leaves
from ..core.examples.source import batches_of, joined
from ..core.tasks.task import BoundTask, Metric, Task
from ..core.types import Data, Fit
from ..data.sampling import sampled_batches
from ..measuring.evaluation import bound, evaluate
from ..measuring.outputs import input_specs, output_specs
from .examples import arrangement
from .losses import losses_by_output, weights_by_output

if TYPE_CHECKING:
    import numpy as np

BATCH_SIZE = 256


@dataclasses.dataclass(frozen=True)
class Objective:
    """The loss of each output and its weight, in the model's order, and the task as it holds for the model."""

    data: Data
    task: BoundTask
    losses: tuple[Any, ...]  # of Keras: by value, or a function
    weights: tuple[float, ...]

    @property
    def metric(self) -> Metric:
        """The headline; of a task whose targets are the inputs the error, as training examples may have no labels."""
        return self.task.metrics[-1] if self.task.needs_inputs else self.task.headline

    def batches(self, model: Any, num_examples: int, size: int) -> Iterator[tuple[Any, Any]]:
        """(inputs, targets) as `model` takes them, of examples spread evenly over the training split."""
        arrange = arrangement(model, self.task)
        for stored, targets in sampled_batches(self.data, num_examples, size):
            inputs = self.data.model_inputs(stored)
            yield arrange((inputs,) if targets is None else (inputs, targets))[:2]

    def loss(self, targets: Any, outputs: Any) -> Any:
        """The loss of a batch: the weighted sum over the outputs of each one's mean over the examples."""
        pairs = zip(self.losses, self.weights, tf.nest.flatten(targets), tf.nest.flatten(outputs), strict=True)
        parts = [weight * tf.reduce_mean(loss(wanted, given)) for loss, weight, wanted, given in pairs]
        return tf.add_n(parts) if len(parts) > 1 else parts[0]

    def sample(self, model: Any, num_examples: int) -> Sample:
        """Training examples by which `model` is measured again and again."""
        names = [output.name for output in self.task.outputs]
        stored = list(sampled_batches(self.data, num_examples, BATCH_SIZE))
        run = tf.function(lambda inputs: tf.nest.flatten(model(inputs, training=False)), reduce_retracing=True)
        return Sample(self, list(self.batches(model, num_examples, BATCH_SIZE)), self._wanted(stored, names), run)

    def _wanted(self, stored: Sequence[tuple[Any, Any]], names: Sequence[str]) -> dict[str, Any]:
        """All targets by output name, as `evaluate` takes them."""
        inputs, targets = (joined(column) for column in zip(*stored, strict=True))
        if self.task.needs_inputs:
            return {names[0]: targets, "": leaves(self.data.model_inputs(inputs))[0]}
        return by_name(targets, names, "targets")


@dataclasses.dataclass(frozen=True)
class Sample:
    """Training examples in batches, all of their targets by output name, and what runs the model on a batch."""

    objective: Objective
    batches: Sequence[tuple[Any, Any]]
    targets: Mapping[str, Any]
    run: Callable[[Any], list[Any]]

    def __len__(self) -> int:
        return sum(len(tf.nest.flatten(inputs)[0]) for inputs, _ in self.batches)

    def judge(self, outputs: Sequence[np.ndarray]) -> tuple[float, float]:
        """The metric and the loss of outputs (N, ...) for all examples, in the model's order."""
        objective = self.objective
        names = [output.name for output in objective.task.outputs]
        one = dataclasses.replace(objective.task, metrics=(objective.metric,))
        (value,) = evaluate(one, dict(zip(names, outputs, strict=True)), self.targets).values()
        total, done = 0.0, 0
        for inputs, targets in self.batches:
            count = len(tf.nest.flatten(inputs)[0])
            part = [tf.constant(values[done : done + count]) for values in outputs]
            total += count * float(objective.loss(targets, part))
            done += count
        return value, total / done

    def judge_model(self) -> tuple[float, float]:
        """The metric and the loss of the model, with the weights that it has now."""
        import numpy as np

        found = [self.run(inputs) for inputs, _ in self.batches]
        return self.judge([np.concatenate([part.numpy() for part in column]) for column in zip(*found, strict=True)])


def objective_of(
    model: Any,
    data: Data,
    task: Task | None,
    owner: str,
    loss: Any = None,
    loss_weights: Mapping[str, float] | None = None,
) -> Objective:
    """What `task`, by default that of `data`, asks of `model`.

    Args:
      model: a tf_keras model, or the `Distiller` of one.
      data: what it is trained on; a first example is looked at.
      task: what is asked of it.
      owner: in whose name errors are raised: "KerasFit", say.
      loss: instead of the task's, by value or name, or a dict of them by output. Defaults to None.
      loss_weights: instead of the task's. Defaults to None.

    Raises:
      InvalidValue: when nobody says what is asked, or the examples do not fit the model.
    """
    import numpy as np

    asked = task or data.task
    if asked is None:
        raise InvalidValue(
            f"{owner}.task must say what is asked of the model, as {data.title} does not. Received: None. "
            "Use Classification(), Regression(), or Task(loss=..., metrics=[...])."
        )
    known = bound(asked, model)
    names = [output.name for output in known.outputs]
    inputs, *rest = next(batches_of(data.train, 1))
    fitted(data.model_inputs(inputs), input_specs(model))
    targets = by_name(rest[0], names, "targets") if rest and rest[0] is not None and not known.needs_inputs else {}
    for output, spec in zip(known.outputs, output_specs(model), strict=True):
        if output.name in targets:
            output.require(np.asarray(targets[output.name]), spec.shape)
    ranks = {name: getattr(targets.get(name), "ndim", 0) for name in names}
    losses = [keras.losses.get(each) for each in losses_by_output(loss, known, ranks)]
    weights = weights_by_output(loss_weights, known) or [1.0] * len(names)
    return Objective(data, known, tuple(losses), tuple(weights))


def tells_task(fit: Fit, data: Data) -> bool:
    """Whether `fit`, a fit inside of it, or `data` says what is asked of a model."""
    return data.task is not None or any(isinstance(each, FitWithTask) and each.task for each in layers_of_fit(fit))


def objective_in(fit: Fit, model: Any, data: Data, owner: str) -> Objective:
    """What `fit`, or a fit inside of it, trains `model` for; where none says, what `data` asks.

    Raises:
      InvalidValue: when nobody says.
    """
    for each in layers_of_fit(fit):
        if isinstance(each, FitWithTask):
            return objective_of(model, data, each.task, owner, each.loss, each.loss_weights)
    return objective_of(model, data, None, owner)
