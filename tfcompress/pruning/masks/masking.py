"""The Keras callbacks that lay masks on weights while a model trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras, tf

if TYPE_CHECKING:
    import numpy as np


class Masking(keras.callbacks.Callback):
    """Keeps what is masked at zero: before the first step, and again after each, so that at the end it is exactly zero.

    Args:
      variables: what may be masked, by a key. An entry of a kernel that is zero when training starts stays zero,
        unless all are; one of a bias or a scale does not.
      choose: (step, from 1) -> new masks by key, True = keep, or None when none are due. It is asked before the step;
        a mask only ever hides more.
    """

    def __init__(
        self, variables: Mapping[Any, Any], choose: Callable[[int, Any], Mapping[Any, np.ndarray] | None]
    ) -> None:
        super().__init__()
        self.variables = dict(variables)
        self.choose = choose
        self._masks = {name: tf.Variable(_nonzero(value), trainable=False) for name, value in self.variables.items()}
        self._asked = 0
        self._hide = tf.function(self._hide_all)

    def masks(self) -> dict[Any, np.ndarray]:
        """What is kept now: True = keep."""
        return {name: mask.numpy() > 0 for name, mask in self._masks.items()}

    def hide(self, masks: Mapping[Any, np.ndarray]) -> None:
        """Masks what is False in `masks` from now on."""
        for name, mask in masks.items():
            self._masks[name].assign(self._masks[name] * tf.cast(mask, self._masks[name].dtype))
        self._hide()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Asks for new masks; with several steps to an execution, for the last that were due."""
        step = int(self.model.optimizer.iterations.numpy()) + 1  # under a strategy it is no number by itself
        due = None
        for number in range(self._asked + 1, step + 1):
            due = self.choose(number, self.model) or due
        self._asked = step
        if due is not None:
            self.hide(due)
        elif batch == 0:
            self._hide()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Undoes what the step, and the optimizer's momentum, did to masked weights."""
        self._hide()

    def _hide_all(self) -> None:
        for name, variable in self.variables.items():
            variable.assign(variable * tf.cast(self._masks[name], variable.dtype))


class MovementTracking(keras.callbacks.Callback):
    """Sums, for each of `variables`, what each step added to a weight times the weight before the step.

    In a fit's list it comes after `Masking`: masked weights are then zero before each step, and add nothing.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.variables = dict(variables)
        self._before = {name: tf.Variable(value, trainable=False) for name, value in self.variables.items()}
        self._sums = {name: tf.Variable(tf.zeros_like(value), trainable=False) for name, value in variables.items()}
        self._remember, self._add = tf.function(self._remember_all), tf.function(self._add_all)

    def sums(self) -> dict[str, np.ndarray]:
        """The movement so far."""
        return {name: value.numpy() for name, value in self._sums.items()}

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Remembers the weights."""
        self._remember()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Adds what the step did."""
        self._add()

    def _remember_all(self) -> None:
        for name, value in self.variables.items():
            self._before[name].assign(value)

    def _add_all(self) -> None:
        for name, value in self.variables.items():
            before = self._before[name]
            self._sums[name].assign_add((value - before) * before)


def _nonzero(variable: Any) -> Any:
    nonzero = tf.convert_to_tensor(variable) != 0
    kernel = len(variable.shape) > 1 and bool(tf.reduce_any(nonzero))
    return tf.cast(nonzero, variable.dtype) if kernel else tf.ones_like(variable)
