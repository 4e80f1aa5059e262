"""Compiled metrics as a task's: names, objects and functions of either Keras, over all predictions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import InvalidValue
from ...core.tasks.task import BINARY, CLASSES, NUMBER, PERCENT, Metric, metric_of
from ...layers.twins import keras3
from .compile_losses import keras_name

# By the name of Keras's function: which kind of output an accuracy is for, "" for any.
_ACCURACIES = {
    **dict.fromkeys(("sparse_categorical_accuracy", "categorical_accuracy"), CLASSES),
    **dict.fromkeys(("sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy"), CLASSES),
    "binary_accuracy": BINARY,
    **dict.fromkeys(("accuracy", "acc"), ""),
}
_CROSS_ENTROPIES = ("crossentropy", "ce")  # by which tf_keras takes the one that fits
_SHARES = ("accuracy", "auc", "precision", "recall", "iou", "f1")  # a metric with one of these in its name is in [0, 1]


def accuracy_kind(metric: Any) -> str | None:
    """Of an accuracy the kind of output that it is for, "" for any; None for another metric.

    >>> accuracy_kind("acc"), accuracy_kind(keras.metrics.BinaryAccuracy()), accuracy_kind("mae")
    ('', 'binary', None)
    """
    return _ACCURACIES.get(metric if isinstance(metric, str) else keras_name(metric))


def task_metrics(asked: Iterable[Any], kind: str) -> tuple[Metric, ...]:
    """The metrics of an output of this kind; one that is both plain and weighted once, as splits have no weights.

    Raises:
      InvalidValue: for a name that neither Keras knows.
    """
    found: dict[str, Metric] = {}
    for each in asked:
        metric = _metric(each, kind)
        found.setdefault(metric.name, metric)
    return tuple(found.values())


def _metric(value: Any, kind: str) -> Metric:
    function = _function(value, kind) if isinstance(value, str) else value
    name = _name(value)
    if not (isinstance(function, str) or hasattr(function, "update_state")):
        function = keras.metrics.MeanMetricWrapper(function, name=name)  # of each example or batch, as `compile` has it
    direction = getattr(function, "_direction", None)  # of Keras 3
    told = metric_of(name)
    higher = direction == "up" if direction else told.higher_is_better
    share = accuracy_kind(value) is not None or any(word in name.lower() for word in _SHARES)
    return Metric(name, function, higher, PERCENT if share else NUMBER, is_guess=told.is_guess and not direction)


def _name(value: Any) -> str:
    named = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)
    return str(named or type(value).__name__)


def _function(name: str, kind: str) -> Any:
    """What a name stands for: itself where evaluation knows it, else a metric of Keras 3, or a function."""
    if name in _ACCURACIES:
        return "accuracy" if name == "acc" else name
    if name.lower() in _CROSS_ENTROPIES:
        return "binary_crossentropy" if kind == BINARY else _cross_entropy
    if not isinstance(keras.metrics.get(name), str):
        return name
    try:
        return keras3().metrics.get(name)
    except ValueError as error:
        raise InvalidValue(
            f"compile.metrics must be known to Keras. Received: {name!r}. Say task=Task(loss=..., metrics=[...])."
        ) from error


def _cross_entropy(targets: Any, outputs: Any) -> Any:
    """Against classes, or against one-hot targets, by their shape."""
    one_hot = len(targets.shape) == len(outputs.shape) and targets.shape[-1] == outputs.shape[-1]
    kind = keras.losses.categorical_crossentropy if one_hot else keras.losses.sparse_categorical_crossentropy
    return kind(targets, outputs)
