"""Stochastic rounding of kernels inside quantization-aware training: training sees levels that are right on average.

Rounding to the nearest gives a weight the same level until it has moved half a step; rounded up or down at random, its
effect on the outputs follows each small move. The levels are int8's own, so that tfmot's quantizer, which goes on after
it, finds every value on a level and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...backend.tensorflow import tf, wrappers
from ...layers.int8.kernel_quantizer import num_levels
from ...layers.int8.preserving import bits_of

LEVELS = 127  # on either side of zero: int8, symmetric, without -128


@contextmanager
def rounded_stochastically(model: Any, seed: int) -> Iterator[list[Any]]:
    """While the block lasts, kernels of a quantization-aware `model` are rounded at random in training, by `seed`.

    It gives the variables that hold what is drawn next.
    """
    before = {wrapper: wrapper._weight_vars for wrapper in wrappers(model)}
    states = []
    for number, (wrapper, held) in enumerate(before.items()):
        wrapper._weight_vars = []
        for weight, quantizer, variables in held:
            rounding = _Stochastic(quantizer, tf.random.Generator.from_seed([seed, number], "philox"))
            wrapper._weight_vars.append((weight, rounding, variables))
            states.append(rounding.generator.state)
    try:
        yield states
    finally:
        for wrapper, held in before.items():
            wrapper._weight_vars = held


def round_kernel(kernel: Any, chance: Any, per_channel: bool, levels: int = LEVELS) -> Any:
    """A kernel on int8's levels, scale * floor(kernel / scale + chance), with the gradient passing straight through.

    Args:
      kernel: of any shape; channels last.
      chance: uniform in [0, 1), of the same shape.
      per_channel: whether each channel has a scale, max |w| / `levels`, of its own.
      levels: on either side of zero.
    """
    axes = list(range(len(kernel.shape) - 1)) if per_channel else None
    scale = tf.reduce_max(tf.abs(kernel), axes, keepdims=True) / levels
    steps = tf.math.divide_no_nan(kernel, scale)
    whole = tf.round(steps)
    # What float32 made of a level is that level, the largest weight's and zero's above all.
    rounded = tf.where(tf.abs(steps - whole) < 1e-4, whole, tf.floor(steps + chance))
    return kernel + tf.stop_gradient(rounded * scale - kernel)


class _Stochastic:
    """A quantizer of kernels that in training rounds them at random first."""

    def __init__(self, inner: Any, generator: Any) -> None:
        self.inner, self.generator = inner, generator

    @property
    def num_bits(self) -> int:
        """The bits that it rounds to."""
        return bits_of(self.inner)

    def __call__(self, inputs: Any, training: bool, weights: Mapping[str, Any], **others: Any) -> Any:
        if training:
            per_channel = "min_var" in weights and len(weights["min_var"].shape) > 0
            levels = num_levels(self.num_bits)
            inputs = round_kernel(inputs, self.generator.uniform(tf.shape(inputs)), per_channel, levels)
        return self.inner(inputs, training, weights, **others)
