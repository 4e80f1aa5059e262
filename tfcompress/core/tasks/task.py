"""What is asked of a model: which loss teaches it, which metrics judge it, and how close two runs of it must be.

A task is given to a recipe, or comes with the data, or from the compiled model; it is never guessed. `bind` turns it
into what holds for one model: what each output says, and the metrics, the headline first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidValue, UnsupportedModel, expect
from . import metrics

if TYPE_CHECKING:
    import numpy as np

CLASSES = "classes"  # (..., C): the largest of C numbers names the class
BINARY = "binary"  # (..., 1) or (...): class 1 above the threshold, else class 0
LABELS = "labels"  # (..., L): each label above the threshold is given
VALUES = "values"  # numbers that name no class

PERCENT, NUMBER = "%", ""  # how a metric is written: 0.93 as 93.00%, or as it is


@dataclasses.dataclass(frozen=True)
class OutputSpec:
    """An output as a Keras model has it: its name, its shape with the batch, and the activation that it ends in."""

    name: str
    shape: tuple[int | None, ...]
    activation: str = ""  # "softmax", "sigmoid" or "": none that says anything


@dataclasses.dataclass(frozen=True)
class Output:
    """What an output says: `kind` is CLASSES, BINARY, LABELS or VALUES.

    >>> import numpy as np
    >>> Output("logits", CLASSES).decide(np.array([[0.0, 2.0], [3.0, 1.0]]))
    array([1, 0])
    >>> Output("spam", BINARY).decide(np.array([[-1.0], [2.0]]))
    array([0, 1])
    """

    name: str
    kind: str
    from_logits: bool = True  # else its numbers are probabilities, where it names classes
    ignore: int | None = None  # a class whose targets do not count
    rank: int = 2  # axes of the output, the batch included
    like_targets: bool = False  # of VALUES: whether targets have the output's shape

    @property
    def threshold(self) -> float:
        """Of BINARY and LABELS: above it the class or the label is given."""
        return 0.0 if self.from_logits else 0.5

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """The classes that outputs name; for LABELS truth values. Raises `ValueError` for VALUES."""
        if self.kind == CLASSES:
            classes: np.ndarray = outputs.argmax(-1)
            return classes
        if self.kind == BINARY:
            return (_squeezed(outputs) > self.threshold).astype("int64")
        if self.kind == LABELS:
            return outputs > self.threshold
        raise ValueError(f"output {self.name!r} gives {self.kind}, which name no class")

    def wanted(self, targets: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Targets in the form of `decide`: classes from (N,), (N, 1) or one-hot (N, C), and so with more axes.

        Raises:
          InvalidValue: for a shape or a class that does not fit the outputs.
        """
        if self.kind == LABELS:
            if targets.shape == outputs.shape:
                return targets > 0.5
            raise self._misfit(targets, outputs, f"{shape_of(outputs)}, 0 or 1 for each label")
        classes = self.decide(outputs)
        if targets.shape == classes.shape or targets.shape == (*classes.shape, 1):
            found = targets.reshape(classes.shape)
            if found.dtype.kind == "f" and (found != found.round()).any():
                raise self._misfit(targets, outputs, "whole numbers, a class each")
            found = found.astype("int64")
            num_classes = outputs.shape[-1] if self.kind == CLASSES else 2
            wrong = (found < 0) | (found >= num_classes)
            if self.ignore is not None:
                wrong &= found != self.ignore
            if wrong.any():
                raise self._misfit(targets, outputs, f"classes from 0 to {num_classes - 1}, and not {found[wrong][0]}")
            return found
        if self.kind == CLASSES and targets.shape == outputs.shape:
            from_one_hot: np.ndarray = targets.argmax(-1)
            return from_one_hot
        forms = f"{shape_of(classes)}, the same with a last axis of 1"
        forms += f", or one-hot {shape_of(outputs)}" if self.kind == CLASSES else ""
        raise self._misfit(targets, outputs, forms)

    def require(self, targets: np.ndarray, shape: tuple[int | None, ...]) -> None:
        """Raises `InvalidValue` where a few targets (batch, ...) are not such as an output of `shape` is compared with.

        Lengths that the output leaves open are not looked at.
        """
        import numpy as np

        if None in shape[1:] or (self.kind == VALUES and not self.like_targets):
            return
        outputs = np.zeros((len(targets), *(size or 0 for size in shape[1:])), "float32")
        if self.kind == VALUES:
            like_outputs(targets, outputs, self.name)
        else:
            self.wanted(targets, outputs)

    def pairs(self, targets: np.ndarray, outputs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(wanted classes, given classes) of all examples, a part at a time."""
        for wanted, given in metrics.parts(targets, outputs):
            yield self.wanted(wanted, given), self.decide(given)

    def _misfit(self, targets: np.ndarray, outputs: np.ndarray, expected: str) -> InvalidValue:
        return InvalidValue(
            f"targets of output {self.name!r} must be {expected}, as its outputs are {shape_of(outputs)}. Received: "
            f"{shape_of(targets)} of {targets.dtype}. Give data of that form, or the task that these targets are for."
        )


@dataclasses.dataclass(frozen=True)
class MetricKind:
    """What a report must know of a metric: its name, how its values are written, and which of two is better.

    >>> MetricKind("accuracy", "%").text(0.93), MetricKind("MAE", higher_is_better=False).text(0.0312345)
    ('93.00%', '0.03123')
    """

    name: str
    unit: str = NUMBER
    higher_is_better: bool = True

    @property
    def capitalized(self) -> str:
        """The name at the beginning of a sentence; mAP stays as it is written.

        >>> MetricKind("mean IoU").capitalized, MetricKind("mAP@0.5").capitalized
        ('Mean IoU', 'mAP@0.5')
        """
        first = self.name.split(" ")[0]
        return f"{self.name[:1].upper()}{self.name[1:]}" if first.islower() else self.name

    def text(self, value: float) -> str:
        """A value as reports write it."""
        return f"{value:.2%}" if self.unit == PERCENT else f"{value:.4g}"

    def change(self, before: float, after: float) -> str:
        """A difference as reports write it: points of a share, else the number.

        >>> MetricKind("accuracy", "%").change(0.93, 0.92), MetricKind("MAE").change(1.0, 1.5)
        ('-1.00 points', '+0.5')
        """
        return f"{100 * (after - before):+.2f} points" if self.unit == PERCENT else f"{after - before:+.4g}"

    def drop(self, before: float, after: float) -> float:
        """By how much a value is worse than another; below 0 where it is better."""
        return before - after if self.higher_is_better else after - before


ACCURACY = MetricKind("accuracy", PERCENT)


@dataclasses.dataclass(frozen=True)
class Metric:
    """A figure of merit over the whole test split: a Keras metric, or a function (targets, outputs) -> float.

    Args:
      name: as reports call it.
      function: a function of all targets and all predictions (memory-mapped arrays, or dicts of them by output name),
        or a metric of tf_keras or Keras 3, which is given them batch by batch.
      higher_is_better: False for errors. Defaults to True.
      unit: "%" for shares in [0, 1], "" for other numbers. Defaults to "".
      output: the name of the output that it is about. Defaults to None: the only one, or all of them.
      is_guess: whether nobody said which of two values is better, and its name does not either. Defaults to False.

    >>> Metric("largest error", lambda targets, outputs: abs(targets - outputs).max(), higher_is_better=False).unit
    ''
    """

    name: str
    function: Any
    higher_is_better: bool = True
    unit: str = NUMBER
    output: str | None = None
    is_guess: bool = dataclasses.field(default=False, repr=False, compare=False)

    @property
    def kind(self) -> MetricKind:
        """What reports know of it."""
        return MetricKind(self.name, self.unit, self.higher_is_better)


@dataclasses.dataclass(frozen=True)
class Tolerance:
    """How close an exported file must come to its Keras model, for each output; below any of these a check fails.

    `sqnr_db` is the signal-to-noise ratio in dB by export mode; the mean over the examples is taken off both, since a
    regressor's outputs have much in common whatever its weights. A mode that is not named has that of "".

    >>> Tolerance().least_sqnr_db("float32"), Tolerance().least_sqnr_db("int8")
    (40.0, 6.0)
    """

    sqnr_db: Mapping[str, float] = dataclasses.field(
        default_factory=lambda: {"float32": 40.0, "float16": 40.0, "": 6.0}
    )
    top_1_agreement: float = 0.9  # the share of equal classes, where outputs name classes

    def __post_init__(self) -> None:
        whole = 0 <= self.top_1_agreement <= 1
        expect(whole, self, "top_1_agreement", "must be in [0, 1]", "Use 0.9.")

    def least_sqnr_db(self, mode: str) -> float:
        """The least ratio that a file of this mode may have; "float32_fused" is a float32.

        >>> Tolerance().least_sqnr_db("float32_fused")
        40.0
        """
        known = [name for name in self.sqnr_db if name and f"{mode}_".startswith(f"{name}_")]
        return self.sqnr_db[max(known, key=len)] if known else self.sqnr_db.get("", 6.0)


@dataclasses.dataclass(frozen=True)
class BoundTask:
    """A task as it holds for one model: what each of its outputs says, and the metrics, the headline first."""

    outputs: tuple[Output, ...]
    metrics: tuple[Metric, ...]
    loss: Any = None  # of Keras, by value or name, or a dict of them by output; None: what the outputs' kinds imply
    loss_weights: Mapping[str, float] | None = None
    tolerance: Tolerance = Tolerance()
    max_drop: float | str | None = None
    needs_inputs: bool = (
        False  # whether metrics are of (targets, outputs, inputs), and training gives inputs as targets
    )

    @property
    def headline(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    def output(self, name: str) -> Output:
        """What the output of this name says."""
        return next(each for each in self.outputs if each.name == name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A task by its own loss and metrics; `Classification` and the others in core/tasks/presets.py have theirs.

    Args:
      loss: a Keras loss by value or name, or a dict of them by output name. Defaults to None: what the kinds of the
        outputs imply.
      metrics: `Metric`s, Keras metrics by value or name, or functions (targets, outputs) -> float over the whole split,
        the headline first; or a dict of such by output name. At least one.
      loss_weights: by output name. Defaults to None: all 1.
      kinds: what outputs say, by name: "classes", "binary", "labels" or "values". Defaults to "values" for each.
      tolerance: how close an exported file must come to its Keras model. Defaults to `Tolerance()`.
      max_drop: how much worse than the first stage a file's headline metric may be: a number in the metric's own unit,
        or a share of it as text, "2%". Beyond it the verdict is "fail". Defaults to None: any.

    Example:

    >>> def largest_error(targets, outputs):
    ...     return float(abs(targets - outputs).max())
    >>> task = Task(loss="mse", metrics=[largest_error])
    >>> task.bind((OutputSpec("y", (None, 1)),)).headline.name
    'largest_error'
    """

    loss: Any = None
    metrics: Any = ()
    loss_weights: Mapping[str, float] | None = None
    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tolerance: Tolerance = Tolerance()
    max_drop: float | str | None = None

    def __post_init__(self) -> None:
        known = set(self.kinds.values()) <= {CLASSES, BINARY, LABELS, VALUES}
        kinds = f"must be {CLASSES}, {BINARY}, {LABELS} or {VALUES} for each output"
        expect(known, self, "kinds", kinds, "Leave an output of numbers out.")
        expect(
            _is_drop(self.max_drop), self, "max_drop", 'must be a number at least 0, or a share as "2%"', 'Use "2%".'
        )

    def bind(self, outputs: tuple[OutputSpec, ...]) -> BoundTask:
        """The task for a model with these outputs. Raises `UnsupportedModel` or `InvalidValue` where it is none."""
        known = tuple(self.output(spec) for spec in outputs)
        judged = tuple(asked_metrics(self.metrics, known)) or self.own_metrics(known, outputs)
        if not judged:
            raise InvalidValue(
                f"{type(self).__name__}.metrics must have one metric at least, or nothing says how good a model is. "
                "Received: none. Give metrics=[...], or a task that has its own, such as Regression()."
            )
        return BoundTask(known, judged, self.loss, self.loss_weights, self.tolerance, self.max_drop)

    def output(self, spec: OutputSpec) -> Output:
        """What an output says."""
        return Output(spec.name, self.kinds.get(spec.name, VALUES), not spec.activation, rank=len(spec.shape))

    def own_metrics(self, known: tuple[Output, ...], outputs: tuple[OutputSpec, ...]) -> tuple[Metric, ...]:
        """The metrics that the task has where none are given, the headline first."""
        return ()

    def only(self, outputs: tuple[Any, ...]) -> Any:
        """The one output of a model that has one. Raises `UnsupportedModel`."""
        if len(outputs) != 1:
            raise UnsupportedModel(
                f"{type(self).__name__} is the task of a model with one output. Received: {len(outputs)} "
                f"({', '.join(each.name for each in outputs)}). Use ByOutput({{name: task, ...}}), a task for each."
            )
        return outputs[0]


# Of a metric that is known by its name alone: errors, of which less is better.
_ERRORS = (
    *("error", "loss", "mae", "mse", "mape", "rmse", "distance", "divergence", "perplexity"),
    *("entropy", "hinge", "poisson", "cosh"),
)
_MERITS = (
    *("acc", "auc", "precision", "recall", "sensitivity", "specificity", "iou", "io_u", "dice", "jaccard", "f1"),
    *("score", "similarity", "correlation", "psnr", "ssim", "map", "r2", "bleu", "rouge"),
)


def metric_of(value: Any, output: str | None = None) -> Metric:
    """A `Metric` of what a user gives: one, a Keras metric, its name, or a function.

    Less is better where the name says error or loss; say `Metric(..., higher_is_better=...)` where it is otherwise. A
    search refuses a metric whose name says neither that nor accuracy and the like.

    >>> metric_of("mae").higher_is_better, metric_of(lambda targets, outputs: 1.0).name
    (False, '<lambda>')
    """
    if isinstance(value, Metric):
        return value if output is None or value.output else dataclasses.replace(value, output=output)
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)
    if not (callable(value) or isinstance(value, str)) or name is None:
        raise InvalidValue(
            f"metrics must be Metrics, Keras metrics, their names, or functions of (targets, outputs). Received: "
            f"{value!r}. Use Metric(name, function)."
        )
    lower = any(word in name.lower() for word in _ERRORS)
    is_guess = not lower and not any(word in name.lower() for word in _MERITS)
    return Metric(f"{output} {name}" if output else name, value, not lower, output=output, is_guess=is_guess)


def asked_metrics(asked: Any, known: tuple[Output, ...]) -> Iterator[Metric]:
    """The metrics that a user asks for, in a list or by the outputs' names."""
    if isinstance(asked, Mapping):
        names = [output.name for output in known]
        for name, listed in asked.items():
            if name not in names:
                raise InvalidValue(
                    f"metrics must go by the model's outputs, {', '.join(names)}. Received: {name!r}. Use one of these."
                )
            yield from (metric_of(each, name) for each in _listed(listed))
    else:
        yield from (metric_of(each) for each in _listed(asked))


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def like_outputs(targets: np.ndarray, outputs: np.ndarray, name: str) -> np.ndarray:
    """Targets in the outputs' shape; (N,) for (N, 1) is the only other that is meant. Raises `InvalidValue`."""
    if targets.shape == outputs.shape:
        return targets
    if (*targets.shape, 1) == outputs.shape or targets.shape == (*outputs.shape, 1):
        return targets.reshape(outputs.shape)
    raise InvalidValue(
        f"targets of output {name!r} must have its outputs' shape, {shape_of(outputs)}. Received: {shape_of(targets)}. "
        "Give the data in that form."
    )


def _squeezed(outputs: np.ndarray) -> np.ndarray:
    return outputs[..., 0] if outputs.ndim > 1 and outputs.shape[-1] == 1 else outputs


def shape_of(values: np.ndarray) -> str:
    """An array's shape in words: (N, 3)."""
    return f"({', '.join(['N', *map(str, values.shape[1:])])}{',' if values.ndim == 1 else ''})"


def drop_allowed(max_drop: float | str, before: float) -> float:
    """How much worse than `before` a value may be.

    >>> drop_allowed(0.5, 30.0), drop_allowed("2%", 30.0)
    (0.5, 0.6)
    """
    return float(max_drop[:-1]) / 100 * abs(before) if isinstance(max_drop, str) else max_drop


def _is_drop(value: Any) -> bool:
    if isinstance(value, str):
        return value.endswith("%") and value[:-1].strip().replace(".", "", 1).isdigit()
    return value is None or (isinstance(value, int | float) and value >= 0)
