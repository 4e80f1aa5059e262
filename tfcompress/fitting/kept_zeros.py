"""The Keras callback under which zeros of kernels that a technique leaves alone outlive its training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backend.tensorflow import keras, tf


class KeptZeros(keras.callbacks.Callback):
    """After each step, sets those entries of `variables` to zero that were zero when training began.

    >>> variable = tf.Variable([0.0, 1.0])
    >>> zeros = KeptZeros([variable])
    >>> zeros.on_train_batch_end(variable.assign([0.5, 1.5]))
    >>> variable.numpy()
    array([0. , 1.5], dtype=float32)
    """

    def __init__(self, variables: Iterable[Any]) -> None:
        super().__init__()
        self._sparse = [variable for variable in variables if (variable.numpy() == 0).any()]
        self._masks = [tf.cast(variable != 0, variable.dtype) for variable in self._sparse]
        self._hide = tf.function(self._hide_all)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Undoes what the step, and the optimizer's momentum, did to zeros."""
        if self._sparse:
            self._hide()

    def _hide_all(self) -> None:
        for variable, mask in zip(self._sparse, self._masks, strict=True):
            variable.assign(variable * mask)
