"""What a loss between teacher and student may ask for beside two tensors of logits: labels, layers, the whole batch.

A plain function (teacher logits, student logits) -> loss of each example asks for none of these.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class LayerLoss(Protocol):
    """A loss of the features that two layers give, not of logits (`Hint`)."""

    @property
    def layers(self) -> tuple[str, str]:
        """The layers that it compares: the teacher's and the student's."""

    def regressor(self, teacher_shape: tuple[int | None, ...], student_shape: tuple[int | None, ...]) -> Any:
        """A layer that makes the student's features comparable, trained along; None where nothing is needed."""

    def __call__(self, teacher_features: Any, student_features: Any) -> Any:
        """The loss of each example, shape (batch,)."""


@runtime_checkable
class LossWithLabels(Protocol):
    """A loss that says whether it takes the labels as a third argument (`DecoupledTargets`)."""

    @property
    def needs_labels(self) -> bool:
        """Whether it does."""


@runtime_checkable
class LossOfBatches(Protocol):
    """A loss that says whether it compares examples of a batch with each other (`Relational`)."""

    @property
    def compares_examples(self) -> bool:
        """Whether it does: replicas of a tf.distribute.Strategy then give it the whole batch."""


@runtime_checkable
class LossOfLogits(Protocol):
    """A loss of distributions over classes, which numbers that name no class are not (`SoftTargets`)."""

    @property
    def of_logits(self) -> bool:
        """Always true."""


def needs_labels(loss: object) -> bool:
    """Whether `loss` takes labels."""
    return isinstance(loss, LossWithLabels) and loss.needs_labels


def compares_examples(loss: object) -> bool:
    """Whether `loss` compares examples with each other."""
    return isinstance(loss, LossOfBatches) and loss.compares_examples
