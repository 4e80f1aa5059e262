"""Fake quantization of a kernel to 2 to 8 bits, on the grid of the type that the file stores it in.

TensorFlow's converter stores what was fake-quantized to 4 bits as int4, and to 8 bits as int8. Other numbers of bits
use every k-th level of one of the two: 3 bits have levels -3 to 3, which are int4's -6 to 6 in steps of two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...backend.tensorflow import keras, tf

FULL_BITS = 8


def num_levels(bits: int) -> int:
    """Levels on either side of zero of symmetric `bits`: 2^(bits - 1) - 1.

    >>> [num_levels(bits) for bits in (2, 3, 4, 8)]
    [1, 3, 7, 127]
    """
    return 2 ** (bits - 1) - 1


def stored_bits(bits: int) -> int:
    """The bits of the type in the file: int4 up to 4, else int8."""
    return 4 if bits <= 4 else 8


def stride(bits: int) -> int:
    """Of the stored type's levels every how many-th is used.

    >>> [stride(bits) for bits in range(2, 9)]
    [7, 2, 1, 8, 4, 2, 1]
    """
    return num_levels(stored_bits(bits)) // num_levels(bits)


def stretch(bits: int) -> float:
    """The stored type's range over the kernel's largest weight, so that its levels fall on those of `bits`."""
    return num_levels(stored_bits(bits)) / (num_levels(bits) * stride(bits))


class KernelQuantizer:
    """tfmot's kind of quantizer, for kernels of any shape, symmetric and without the lowest level.

    Args:
      bits: from 2 to 8.
      per_channel: whether each entry of the last axis has a scale of its own.
      view: the shape in which the kernel is used, and quantized; None: its own. Per channel it has 1, 2 or 4 axes, as
        TensorFlow's operation wants it.
      name: of the variables that keep its range; None: the kernel's.
    """

    def __init__(
        self,
        bits: int = FULL_BITS,
        per_channel: bool = False,
        view: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        self.bits, self.per_channel, self.view, self.name = bits, per_channel, view, name

    @property
    def num_bits(self) -> int:
        """tfmot's name for the bits."""
        return self.bits

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """The variables of the range, which belong to the wrapper `layer`."""
        # tfmot builds by the kernel's own shape, whose last axis is the view's.
        shape = (tensor_shape[-1],) if self.per_channel else None

        def variable(end: str, edge: float) -> Any:
            start = keras.initializers.Constant(edge)
            return layer.add_weight(f"{self.name or name}_{end}", shape=shape, initializer=start, trainable=False)

        return {"min_var": variable("min", -6.0), "max_var": variable("max", 6.0)}

    def __call__(self, inputs: Any, training: bool, weights: Mapping[str, Any], **others: Any) -> Any:
        """The kernel, seen in its view, on its levels; the gradient passes straight through."""
        kernel = inputs if self.view is None else tf.reshape(inputs, self.view)
        low, high = weights["min_var"], weights["max_var"]
        if training:
            axes = list(range(len(kernel.shape) - 1)) if self.per_channel else None
            edge = tf.reduce_max(tf.abs(kernel), axes) * stretch(self.bits)
            low, high = low.assign(-edge), high.assign(edge)
        if stride(self.bits) > 1:
            kernel = _on_levels(kernel, high / stretch(self.bits), num_levels(self.bits))
        operation = tf.quantization.fake_quant_with_min_max_vars
        if self.per_channel:
            operation = tf.quantization.fake_quant_with_min_max_vars_per_channel
        return operation(kernel, low, high, stored_bits(self.bits), narrow_range=True)


def _on_levels(kernel: Any, edge: Any, levels: int) -> Any:
    scale = edge / levels
    rounded = tf.clip_by_value(tf.round(tf.math.divide_no_nan(kernel, scale)), -levels, levels) * scale
    return kernel + tf.stop_gradient(rounded - kernel)
