"""The strength of a term, as a variable that can be turned while the model trains."""

from __future__ import annotations

from typing import Any

from ..core.keras import keras, tf

FIRST, LEAST = 0.1, 0.001  # of the greatest strength
RANGE = 100.0  # what half of the turns, all upwards, multiply the strength by


class Strength(keras.callbacks.Callback):
    """lambda: given, or turned up while too little is small and down while too much is; told as "strength".

    Args:
      given: lambda, or None to find it.
      num_turns: how often it will be turned.
    """

    def __init__(self, given: float | None, num_turns: int) -> None:
        super().__init__()
        self.variable = tf.Variable(given or 0.0, trainable=False, dtype=tf.float32)
        self._given = given
        self._factor = RANGE ** (2 / max(num_turns, 2))
        self._fraction = FIRST
        self.last = given or 0.0

    def turn(self, too_little: bool, greatest: float) -> None:
        """One turn, up or down, of a strength that is at most `greatest`."""
        if self._given is None:
            fraction = self._fraction * (self._factor if too_little else 1 / self._factor)
            self._fraction = min(1.0, max(LEAST, fraction))
            self.last = self._fraction * greatest
            self.variable.assign(self.last)

    def off(self) -> None:
        """No term from now on."""
        self.variable.assign(0.0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tells the last strength to the history."""
        if logs is not None:
            logs["strength"] = self.last


def step_size(optimizer: Any) -> float:
    """How far a constant gradient of 1 moves a weight in a step, momentum's echo included."""
    momentum = getattr(optimizer, "momentum", 0.0)
    return float(keras.backend.get_value(optimizer.learning_rate)) / (1 - float(momentum or 0.0))
