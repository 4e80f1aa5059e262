"""A layer that rounds what passes through it to given levels, as an integer tensor of a file would hold it."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras, tf


@keras.saving.register_keras_serializable(package="tfcompress")
class Rounded(keras.layers.Layer):
    """x^ = scale * (clamp(round(x / scale) + zero_point, lowest, highest) - zero_point); the gradient passes through.

    Args:
      scale: of a level, above 0.
      zero_point: the level of zero.
      lowest: level.
      highest: level.
    """

    def __init__(self, scale: float, zero_point: int, lowest: int, highest: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.scale, self.zero_point, self.lowest, self.highest = scale, zero_point, lowest, highest

    def call(self, inputs: Any) -> Any:
        """Inputs of any shape, rounded."""
        levels = tf.round(inputs / self.scale) + self.zero_point
        rounded = (tf.clip_by_value(levels, self.lowest, self.highest) - self.zero_point) * self.scale
        return inputs + tf.stop_gradient(rounded - inputs)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` was given."""
        names = ("scale", "zero_point", "lowest", "highest")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
