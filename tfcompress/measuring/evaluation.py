"""A model, or the file made of it, over a whole split: its predictions kept on disk, and the metrics of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import keras, tf
from ..core.errors import InvalidValue
from ..core.examples.nests import by_name, fitted, leaves, mapped
from ..core.examples.source import Source, batches_of
from ..core.tasks.metrics import share_equal
from ..core.tasks.task import VALUES, BoundTask, Metric, Output, Task
from ..core.types import Data
from .outputs import input_specs, output_specs

if TYPE_CHECKING:
    import numpy as np

MOST_EXAMPLES = 500  # in a batch
BATCH_NUMBERS = 1 << 23  # of a batch's inputs: activations are some ten times as many


def bound(task: Task, model: Any) -> BoundTask:
    """The task as it holds for `model`. Raises `UnsupportedModel` or `InvalidValue` where it is not for it."""
    return task.bind(output_specs(model))


def require_examples(model: Any, data: Data, task: BoundTask) -> None:
    """Compares a first training and a first test example with the model and the task, before any work is done.

    Raises:
      InvalidValue: where inputs or targets do not fit; the line names both sides.
    """
    import numpy as np

    specs, shapes = input_specs(model), {spec.name: spec.shape for spec in output_specs(model)}
    for source in (data.train, data.test):
        inputs, *rest = next(batches_of(source, 1))
        fitted(data.model_inputs(inputs), specs)
        if rest and rest[0] is not None and not task.needs_inputs:
            targets = by_name(rest[0], [output.name for output in task.outputs], "targets")
            for output in task.outputs:
                output.require(np.asarray(targets[output.name]), shapes[output.name])


def batch_size_for(source: Source) -> int:
    """How many examples are predicted at once."""
    numbers = sum(leaf[0].size for leaf in leaves(source.batch([0])[0]))
    return max(1, min(MOST_EXAMPLES, BATCH_NUMBERS // max(1, int(numbers))))


def predict(
    model: Any, data: Data, source: Source, folder: Path | None = None, advance: Callable[[int], None] | None = None
) -> dict[str, np.ndarray]:
    """The outputs of `model` for all examples of `source`, by name: (N, ...) each, in memory or mapped from `folder`.

    Args:
      model: a tf_keras model.
      data: what `source` is a part of; it says how stored inputs become what the model sees.
      source: the examples.
      folder: where `NUMBER.npy` is written for each output, which is then mapped and not held. Defaults to None: they
        are held in memory.
      advance: called with the number of examples that are done.

    Raises:
      InvalidValue: when the examples do not fit the model's inputs.
    """
    inputs, names = input_specs(model), [spec.name for spec in output_specs(model)]
    function = keras.backend.function(model.inputs, model.outputs)
    arrays: list[np.ndarray] = []
    done = 0
    for stored, *_ in batches_of(source, batch_size_for(source)):
        found = function(fitted(data.model_inputs(stored), inputs))
        if not arrays:
            arrays = [_array(len(source), values, folder, number) for number, values in enumerate(found)]
        for array, values in zip(arrays, found, strict=True):
            array[done : done + len(values)] = values
        done += len(found[0])
        if advance:
            advance(done)
    return dict(zip(names, arrays, strict=True))


def kept_predictions(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """What `predict` wrote into `folder`, mapped."""
    import numpy as np

    return {name: np.load(folder / f"{number}.npy", mmap_mode="r") for number, name in enumerate(names)}


def targets_of(data: Data, task: BoundTask) -> dict[str, Any]:
    """The targets of the test split by output name, mapped from disk where they are not in memory.

    Under "" are the inputs, where the task's metrics compare with these.

    Raises:
      InvalidValue: when the data has targets for other outputs, or for another number of them.
    """
    names = [output.name for output in task.outputs]
    wanted = ("inputs", "targets") if task.needs_inputs else ("targets",)
    source: Any = data.test if all(hasattr(data.test, name) for name in wanted) else data.test_on_disk
    if task.needs_inputs:
        return {names[0]: source.targets, "": _AsSeen(leaves(source.inputs)[0], data)}
    if source.targets is None:
        raise InvalidValue(
            f"{data.title} must have targets to evaluate {', '.join(names)} by. Received: inputs alone. Give (inputs, "
            "targets), or a task that needs none, such as Reconstruction()."
        )
    return by_name(source.targets, names, "targets")


class _AsSeen:
    """Stored inputs as the model sees them, made where they are looked at: all may be more than memory holds."""

    def __init__(self, stored: np.ndarray, data: Data):
        self.stored, self.data = stored, data
        self.shape = stored.shape

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, part: slice) -> np.ndarray:
        seen: np.ndarray = self.data.model_inputs(self.stored[part])
        return seen


def evaluate(task: BoundTask, outputs: Mapping[str, np.ndarray], targets: Mapping[str, Any]) -> dict[str, float]:
    """Each metric of the task over a whole split, the headline first.

    Raises:
      InvalidValue: for targets that do not fit the outputs, or a metric that gives no number.
    """
    return {metric.name: _value(metric, task, outputs, targets) for metric in task.metrics}


def _value(metric: Metric, task: BoundTask, outputs: Mapping[str, np.ndarray], targets: Mapping[str, Any]) -> float:
    import numpy as np

    name = metric.output or (task.outputs[0].name if len(task.outputs) == 1 else None)
    wanted = targets[name] if name else {key: value for key, value in targets.items() if key}
    given = outputs[name] if name else dict(outputs)
    function = metric.function
    if isinstance(function, str):
        function = _by_its_name(function, task.output(name) if name else None)
    if hasattr(function, "update_state"):
        value = _over_batches(function, wanted, given)
    else:
        value = (
            function(wanted, given, targets[""]) if task.needs_inputs and not metric.output else function(wanted, given)
        )
    value = np.asarray(value)
    if value.size != 1 or not math.isfinite(float(value)):
        raise InvalidValue(
            f"metric {metric.name!r} must give one finite number for the whole test split. Received: "
            f"{'an array of shape ' + str(value.shape) if value.size != 1 else float(value)}. Look at the targets, or "
            "give another metric."
        )
    return float(value)


def _by_its_name(name: str, output: Output | None) -> Any:
    """What Keras means by a name, functions of an example as the mean over all; "accuracy" is that of the output."""
    if output is not None and name in ("accuracy", "acc"):
        if output.kind == VALUES:
            raise InvalidValue(
                f"metric {name!r} is of classes. Received: output {output.name!r} of numbers. Use Classification(), or "
                f'Task(kinds={{{output.name!r}: "classes"}}, ...).'
            )
        return lambda targets, outputs: share_equal(output.pairs(targets, outputs), output.ignore)
    found = keras.metrics.get(name)
    return found if hasattr(found, "update_state") else keras.metrics.MeanMetricWrapper(found, name=name)


def _over_batches(metric: Any, wanted: Any, given: Any) -> Any:
    import numpy as np

    metric.reset_state()
    names = list(given) if isinstance(given, Mapping) else None
    count = len(given[names[0]] if names else given)
    for begin in range(0, count, MOST_EXAMPLES):
        part = slice(begin, begin + MOST_EXAMPLES)
        targets, outputs = (mapped(lambda array: np.asarray(array[part]), nest) for nest in (wanted, given))  # noqa: B023
        if isinstance(outputs, np.ndarray) and (*np.shape(targets), 1) == outputs.shape:
            targets = targets[..., None]  # (N,) beside (N, 1) would be broadcast to (N, N)
        metric.update_state(*(mapped(tf.constant, nest) for nest in (targets, outputs)))
    return metric.result()


def _array(count: int, first: Any, folder: Path | None, number: int) -> np.ndarray:
    import numpy as np

    first = np.asarray(first)
    shape = (count, *first.shape[1:])
    if folder is None:
        return np.empty(shape, first.dtype)
    return np.lib.format.open_memmap(folder / f"{number}.npy", "w+", first.dtype, shape)
