"""Convolutions in one dimension, with kernels that are fake-quantized as the file stores them: with a height of one.

TFLite has no convolution in one dimension, and the converter makes two of it. The kernel must be fake-quantized when it
has its fourth axis already: a reshape between the quantization and the convolution breaks the converter.
"""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import keras, tf
from .aware import PACKAGE, Aware, activated, either, pre_activation
from .kernel_quantizer import KernelQuantizer


class _InTwoDimensions(Aware):
    """What they have in common: input (batch, length, channels), as an image of one row."""

    # of the Keras class beside this one
    use_bias: bool
    bias: Any
    padding: str
    kernel_size: tuple[int, ...]
    dilation_rate: tuple[int, ...]

    def inner_names(self) -> tuple[str, ...]:
        return pre_activation(self)

    def _finished(self, rows: Any) -> Any:
        if self.use_bias:
            rows = tf.nn.bias_add(rows, self.bias)
        return activated(self, tf.squeeze(rows, 1))

    def _row(self, inputs: Any) -> Any:
        left = self.dilation_rate[0] * (self.kernel_size[0] - 1) if self.padding == "causal" else 0
        row = tf.expand_dims(inputs, 1)
        return tf.pad(row, [[0, 0], [0, 0], [left, 0], [0, 0]]) if left else row

    def _padding(self) -> str:
        return "SAME" if self.padding == "same" else "VALID"


@keras.saving.register_keras_serializable(PACKAGE)
class AwareConv1D(_InTwoDimensions, keras.layers.Conv1D):
    """Conv1D, its kernel (width, channels, filters) with a scale for each filter."""

    def kernels_to_quantize(self) -> list[Any]:
        return [(self.kernel, KernelQuantizer(per_channel=True, view=(1, *self.kernel.shape)))]

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The convolution, (batch, length, channels) -> (batch, length, filters)."""
        row, kernel = self._row(inputs), self.used(0)
        return self._finished(either(training, lambda training: self._convolved(row, kernel, training)))

    def _convolved(self, row: Any, kernel: Any, training: bool) -> Any:
        strides, dilations = [1, self.strides[0]], [1, self.dilation_rate[0]]
        if training and self.dilation_rate[0] > 1:
            # Without oneDNN, which TensorFlow leaves off on processors without AVX-512, the CPU has no gradient of a
            # dilated conv2d. This takes the row apart instead; the converter wants it whole.
            return tf.nn.convolution(row, kernel, strides, self._padding(), dilations=dilations)
        return tf.nn.conv2d(row, kernel, strides, self._padding(), dilations=dilations)


@keras.saving.register_keras_serializable(PACKAGE)
class AwareDepthwiseConv1D(_InTwoDimensions, keras.layers.DepthwiseConv1D):
    """DepthwiseConv1D, its kernel (width, channels, multiplier) with a scale for the last axis, as tfmot's in 2D."""

    def kernels_to_quantize(self) -> list[Any]:
        view = (1, *self.depthwise_kernel.shape)
        return [(self.depthwise_kernel, KernelQuantizer(per_channel=True, view=view))]

    def call(self, inputs: Any) -> Any:
        """The convolution, (batch, length, channels) -> (batch, length, channels * multiplier)."""
        strides, dilations = [1, self.strides[0], self.strides[0], 1], [1, self.dilation_rate[0]]
        row = self._row(inputs)
        return self._finished(tf.nn.depthwise_conv2d(row, self.used(0), strides, self._padding(), dilations=dilations))


@keras.saving.register_keras_serializable(PACKAGE)
class AwareSeparableConv1D(_InTwoDimensions, keras.layers.SeparableConv1D):
    """SeparableConv1D, as a depthwise convolution and one of width 1 over the channels; tfmot makes a Lambda of it.

    Kernels (width, channels, multiplier), with a scale for the last axis, and (1, channels * multiplier, filters), with
    a scale for each filter.
    """

    def inner_names(self) -> tuple[str, ...]:
        return ("depthwise", *pre_activation(self))

    def kernels_to_quantize(self) -> list[Any]:
        kernels = (self.depthwise_kernel, self.pointwise_kernel)
        return [(kernel, KernelQuantizer(per_channel=True, view=(1, *kernel.shape))) for kernel in kernels]

    def call(self, inputs: Any) -> Any:
        """The convolution, (batch, length, channels) -> (batch, length, filters)."""
        strides, dilations = [1, self.strides[0], self.strides[0], 1], [1, self.dilation_rate[0]]
        row, padding = self._row(inputs), self._padding()
        row = self.seen("depthwise", tf.nn.depthwise_conv2d(row, self.used(0), strides, padding, dilations=dilations))
        return self._finished(tf.nn.conv2d(row, self.used(1), 1, "VALID"))
