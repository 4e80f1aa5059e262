"""The weighted sum of distillation losses, of outputs and of layers: sum_i w_i L_i, shape (batch,).

A weight may change along a line while training goes on (`Ramp`): early hints and late soft targets, for example.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from ...backend.tensorflow import tf
from ...core.errors import InvalidValue, expect
from .asking import LayerLoss, needs_labels
from .outputs import SoftTargets


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A weight that goes along a line from `begin` to `end` while training goes from fraction `start` to `stop` of it.

    Before `start` it is `begin`, after `stop` it is `end`.

    Args:
      begin: the first weight, at least 0. Defaults to 1.
      end: the last weight, at least 0. Defaults to 0.
      start: a fraction of training, in [0, 1). Defaults to 0.
      stop: a fraction of training above `start`, at most 1. Defaults to 1.

    Raises:
      InvalidValue: for a value out of range.

    >>> Ramp(1.0, 0.0).at(0.25)
    0.75
    >>> [Ramp(1.0, 0.0, stop=0.5).at(progress) for progress in (0.25, 0.5, 0.9)]  # hints first, then none
    [0.5, 0.0, 0.0]
    """

    begin: float = 1.0
    end: float = 0.0
    start: float = 0.0
    stop: float = 1.0

    def __post_init__(self) -> None:
        expect(self.begin >= 0, self, "begin", "must be at least 0", "Use 1.0.")
        expect(self.end >= 0, self, "end", "must be at least 0", "Use 0.0.")
        expect(0 <= self.start < 1, self, "start", "must be in [0, 1)", "Use 0.0.")
        expect(self.start < self.stop <= 1, self, "stop", "must be above start, and at most 1", "Use 1.0.")

    def at(self, progress: Any) -> Any:
        """The weight at a fraction of training."""
        share = (progress - self.start) / (self.stop - self.start)
        share = tf.clip_by_value(share, 0.0, 1.0) if tf.is_tensor(progress) else min(max(share, 0.0), 1.0)
        return self.begin + (self.end - self.begin) * share


@dataclasses.dataclass(frozen=True)
class WeightedSum:
    """The sum of losses, each times its weight: sum_i w_i L_i.

    Args:
      parts: (loss, weight) pairs; a weight is a number of at least 0, or a `Ramp`. Losses of outputs and of layers may
        be mixed. Defaults to soft targets alone.

    Raises:
      InvalidValue: when there are no parts, or a weight is negative.

    Example:

    >>> from tfcompress.distillation.losses.outputs import Reconstruction
    >>> both = WeightedSum(((SoftTargets(), 1.0), (Reconstruction(), Ramp(0.0, 0.5))))
    >>> [type(loss).__name__ for loss, _ in both.parts]
    ['SoftTargets', 'Reconstruction']
    """

    needs_labels: ClassVar[bool] = True

    parts: tuple[tuple[Callable[..., Any], float | Ramp], ...] = ((SoftTargets(), 1.0),)

    def __post_init__(self) -> None:
        pairs = bool(self.parts) and all(len(part) == 2 and callable(part[0]) for part in self.parts)
        expect(pairs, self, "parts", "must be pairs of a loss and a weight", "Use ((SoftTargets(), 1.0),).")
        positive = all(isinstance(weight, Ramp) or weight >= 0 for _, weight in self.parts)
        expect(positive, self, "parts", "must have weights of at least 0", "Use 1.0.")

    def __call__(self, teacher_logits: Any, student_logits: Any, labels: Any = None, progress: Any = 1.0) -> Any:
        """The loss of each example, shape (batch,), at a fraction of training; for losses of outputs only."""
        if any(isinstance(part, LayerLoss) for part, _ in self.parts):
            raise InvalidValue(
                "WeightedSum.parts must be losses of outputs to be called by hand. Received: one that compares layers. "
                "Give it to a Distiller, which has the layers."
            )
        return sum(
            weight_at(weight, progress) * output_loss(part, teacher_logits, student_logits, labels)
            for part, weight in self.parts
        )


def parts_of(loss: Callable[..., Any]) -> tuple[tuple[Callable[..., Any], float | Ramp], ...]:
    """A loss as (loss, weight) pairs."""
    return loss.parts if isinstance(loss, WeightedSum) else ((loss, 1.0),)


def weight_at(weight: float | Ramp, progress: Any) -> Any:
    """A weight at a fraction of training."""
    return weight.at(progress) if isinstance(weight, Ramp) else weight


def output_loss(loss: Callable[..., Any], teacher_logits: Any, student_logits: Any, labels: Any) -> Any:
    """A loss of outputs, given the labels where it asks for them."""
    if needs_labels(loss):
        return loss(teacher_logits, student_logits, labels)
    return loss(teacher_logits, student_logits)
