"""BatchNormalization, LayerNormalization and Rescaling as the int8 operations that the file computes them by."""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import keras, tf
from .aware import PACKAGE, Aware, either


@keras.saving.register_keras_serializable(PACKAGE)
class AwareBatchNormalization(Aware, keras.layers.BatchNormalization):
    """A BatchNormalization that follows no convolution: a product and a sum, x * scale + offset, channels last."""

    inner = ("product",)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The normalized input, same shape."""
        frozen = not self.trainable
        return either(False if frozen else training, lambda training: self._normalized(inputs, training))

    def _normalized(self, inputs: Any, training: bool) -> Any:
        mean, variance = self.moving_mean, self.moving_variance
        if training:
            mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign_sub((moving - tf.stop_gradient(now)) * (1 - self.momentum))
        scale = tf.math.rsqrt(variance + self.epsilon) * (self.gamma if self.scale else 1.0)
        offset = (self.beta if self.center else 0.0) - mean * scale
        return self.seen("product", inputs * self.constant(scale)) + self.constant(offset)


@keras.saving.register_keras_serializable(PACKAGE)
class AwareLayerNormalization(Aware, keras.layers.LayerNormalization):
    """A LayerNormalization over the last axis: (x - mean) / sqrt(mean of squares + epsilon) * gamma + beta."""

    def inner_names(self) -> tuple[str, ...]:
        normalized = ("normalized",) if self.scale or self.center else ()
        scaled = ("scaled",) if self.scale and self.center else ()
        return ("mean", "centred", "squares", "variance", "variance_epsilon", "inverse", *normalized, *scaled)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The normalized input, same shape."""
        return either(training, lambda training: self._normalized(inputs, training))

    def _normalized(self, inputs: Any, training: bool) -> Any:
        mean = self.seen("mean", tf.reduce_mean(inputs, -1, keepdims=True))
        centred = self.seen("centred", inputs - mean)
        squares = self.seen("squares", centred * centred)
        variance = self.seen("variance", tf.reduce_mean(squares, -1, keepdims=True))
        variance = self.seen("variance_epsilon", variance + self.epsilon)
        if training or not self.wrapped():
            # Rounded to zero it would be infinite, and so would the range. In use it is the top of the range, as in the
            # file.
            variance = tf.maximum(variance, self.epsilon)
        outputs = centred * self.seen("inverse", tf.math.rsqrt(variance))
        if self.scale or self.center:
            outputs = self.seen("normalized", outputs)
        if self.scale:
            outputs = outputs * self.constant(self.gamma)
            outputs = self.seen("scaled", outputs) if self.center else outputs
        return outputs + self.constant(self.beta) if self.center else outputs


@keras.saving.register_keras_serializable(PACKAGE)
class AwareRescaling(Aware, keras.layers.Rescaling):
    """A Rescaling with an offset: a product and a sum, x * scale + offset."""

    inner = ("product",)

    def call(self, inputs: Any) -> Any:
        """The rescaled input, same shape."""
        scale, offset = (self.constant(tf.cast(value, self.compute_dtype)) for value in (self.scale, self.offset))
        return self.seen("product", tf.cast(inputs, self.compute_dtype) * scale) + offset
