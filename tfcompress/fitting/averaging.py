"""The average of the weights over a training's steps, which generalizes better than the last of them."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras, tf


class WeightsAverage:
    """Makes of what an optimizer's moving average leaves in a model the average that is meant.

    The optimizer begins with a_0 = w_0 and goes on by a = decay a + (1 - decay) w, so that decay^n of the weights
    before training is left after n steps: nearly all of it in a short one. What the steps made is
    (a - decay^n w_0) / (1 - decay^n). And a weight that is zero at the end was pruned: its average would fill it.

    Args:
      model: before training.
      decay: of the average, in (0, 1).
    """

    def __init__(self, model: Any, decay: float) -> None:
        self.model, self.decay = model, decay
        self._first = {id(variable): variable.numpy() for variable in model.trainable_variables}
        self._is_zero: dict[int, Any] = {}

    def callback(self) -> Any:
        """To be the last of a fit's callbacks: it looks for zeros when the others have made theirs."""
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._look_for_zeros())

    def finish(self) -> None:
        """Corrects the model's weights, after `fit`."""
        left = self.decay ** int(self.model.optimizer.iterations.numpy())
        for variable in self.model.trainable_variables:
            if id(variable) in self._first and left < 1:
                average = (variable - left * self._first[id(variable)]) / (1 - left)
                variable.assign(tf.where(self._is_zero[id(variable)], tf.zeros_like(average), average))

    def _look_for_zeros(self) -> None:
        self._is_zero = {id(variable): variable.numpy() == 0 for variable in self.model.trainable_variables}
