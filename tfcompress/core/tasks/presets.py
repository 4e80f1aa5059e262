"""The tasks that models usually have: classification, segmentation, regression, reconstruction, one an output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedModel
from . import metrics
from .task import (
    BINARY,
    CLASSES,
    LABELS,
    PERCENT,
    BoundTask,
    Metric,
    Output,
    OutputSpec,
    Task,
    asked_metrics,
    like_outputs,
)

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification(Task):
    """One class of several, or of two by one number, or several labels at once; of an example or of each time step.

    Outputs may be logits or probabilities (softmax, sigmoid); targets are classes (N,) or (N, 1), one-hot (N, C), or
    for several labels 0 and 1 of shape (N, L); with more axes each step has its own.

    Args:
      several_labels: whether an example may have any number of labels. Defaults to False.
      ignore: a class whose targets do not count, such as that of padding. Defaults to None.
      from_logits: whether outputs are logits. Defaults to None: unless the model ends in a softmax or a sigmoid.

    >>> Classification().bind((OutputSpec("logits", (None, 10)),)).headline.name
    'accuracy'
    """

    several_labels: bool = False
    ignore: int | None = None
    from_logits: bool | None = None

    def output(self, spec: OutputSpec) -> Output:
        """CLASSES, or BINARY for one number, or LABELS."""
        columns = spec.shape[-1] if len(spec.shape) > 1 else 1
        one_by_one = LABELS if self.several_labels and columns != 1 else BINARY
        kind = one_by_one if self.several_labels or columns == 1 else CLASSES
        ends_in = "softmax" if kind == CLASSES else "sigmoid"
        logits = spec.activation != ends_in if self.from_logits is None else self.from_logits
        return Output(spec.name, kind, logits, self.ignore, len(spec.shape))

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """Accuracy; for several labels the mean F1, and the accuracy over all of them."""
        output = self.only(known)
        accuracy = _share_equal(output)
        if output.kind != LABELS:
            return (Metric("accuracy", accuracy, unit=PERCENT),)
        f1 = lambda targets, outputs: metrics.mean_f1(output.pairs(targets, outputs))  # noqa: E731
        return Metric("mean F1", f1, unit=PERCENT), Metric("label accuracy", accuracy, unit=PERCENT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segmentation(Classification):
    """A class for each pixel: mean intersection over union, and pixel accuracy.

    Outputs are (N, H, W, C), or (N, H, W, 1) for two classes; targets classes (N, H, W), (N, H, W, 1), or one-hot.

    >>> Segmentation().bind((OutputSpec("mask", (None, 64, 64, 1), "sigmoid"),)).headline.name
    'mean IoU'
    """

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """Mean IoU and pixel accuracy."""
        output = self.only(known)
        num_classes = 2 if output.kind == BINARY else int(outputs[0].shape[-1] or 0)

        def iou(targets: np.ndarray, given: np.ndarray) -> float:
            return metrics.mean_iou(metrics.confusion(output.pairs(targets, given), num_classes, output.ignore))

        accuracy = _share_equal(output)
        return Metric("mean IoU", iou, unit=PERCENT), Metric("pixel accuracy", accuracy, unit=PERCENT)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regression(Task):
    """Numbers: mean absolute error, root of the mean squared error, R squared. Targets have the outputs' shape.

    >>> [metric.name for metric in Regression().bind((OutputSpec("price", (None, 1)),)).metrics]
    ['MAE', 'RMSE', 'R2']
    """

    def output(self, spec: OutputSpec) -> Output:
        """VALUES, of the targets' shape."""
        return dataclasses.replace(super().output(spec), like_targets=True)

    def bind(self, outputs: tuple[OutputSpec, ...]) -> BoundTask:
        """The task for a model with one output; its loss is the mean squared error where none is given."""
        bound = super().bind(outputs)
        return dataclasses.replace(bound, loss=bound.loss or "mse")

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """MAE, RMSE and R2."""
        name = self.only(known).name

        def of_values(function: Callable[..., float]) -> Callable[..., float]:
            return lambda targets, given: function(like_outputs(targets, given, name), given)

        return (
            Metric("MAE", of_values(metrics.mean_absolute_error), higher_is_better=False),
            Metric("RMSE", of_values(lambda y, p: metrics.mean_squared_error(y, p) ** 0.5), higher_is_better=False),
            Metric("R2", of_values(metrics.r2)),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruction(Task):
    """An autoencoder: it is trained to give its own input, and evaluated by the mean squared error.

    Args:
      anomalies: whether the test split has targets, 0 for usual examples and 1 for anomalies; the headline is then the
        area under the ROC curve of each example's error. Defaults to False.

    >>> Reconstruction(anomalies=True).bind((OutputSpec("decoded", (None, 32)),)).headline.name
    'ROC AUC'
    """

    anomalies: bool = False

    def bind(self, outputs: tuple[OutputSpec, ...]) -> BoundTask:
        """The task for a model with one output, of its input's shape."""
        bound = super().bind(outputs)
        return dataclasses.replace(bound, loss=bound.loss or "mse", needs_inputs=True)

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """The mean squared error; before it the ROC AUC where there are anomalies."""
        self.only(known)

        def auc(targets: np.ndarray, given: np.ndarray, inputs: np.ndarray) -> float:
            return metrics.roc_auc(targets, metrics.error_by_example(inputs, given))

        def squared(targets: Any, given: np.ndarray, inputs: np.ndarray) -> float:
            return metrics.mean_squared_error(inputs, given)

        error = Metric("error", squared, higher_is_better=False)
        return (Metric("ROC AUC", auc, unit=PERCENT), error) if self.anomalies else (error,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByOutput(Task):
    """A task for each output of a model, by its name; the headline of the first is that of all.

    >>> task = ByOutput(tasks={"intent": Classification(), "slots": Classification(ignore=0)})
    >>> specs = (OutputSpec("intent", (None, 7)), OutputSpec("slots", (None, 20, 72)))
    >>> [metric.name for metric in task.bind(specs).metrics]
    ['intent accuracy', 'slots accuracy']
    """

    tasks: Mapping[str, Task]

    def bind(self, outputs: tuple[OutputSpec, ...]) -> BoundTask:
        """The tasks for a model with these outputs, each of which must have one."""
        specs = {spec.name: spec for spec in outputs}
        if set(specs) != set(self.tasks):
            raise UnsupportedModel(
                f"ByOutput.tasks must name the model's outputs, {', '.join(specs)}. Received: {', '.join(self.tasks)}. "
                "Give each output its task."
            )
        bound = {name: task.bind((specs[name],)) for name, task in self.tasks.items()}
        judged = [
            dataclasses.replace(metric, name=f"{name} {metric.name}", output=name)
            for name, each in bound.items()
            for metric in each.metrics
        ]
        return BoundTask(
            tuple(bound[spec.name].outputs[0] for spec in outputs),
            (*asked_metrics(self.metrics, tuple(bound[spec.name].outputs[0] for spec in outputs)), *judged),
            self.loss or {name: each.loss for name, each in bound.items()},
            self.loss_weights,
            self.tolerance,
            self.max_drop,
        )


def _share_equal(output: Output) -> Callable[..., float]:
    return lambda targets, outputs: metrics.share_equal(output.pairs(targets, outputs), output.ignore)
