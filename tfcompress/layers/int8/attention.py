"""EinsumDense and MultiHeadAttention as the int8 operations that the file computes them by: matrices with flat kernels.

The projections of attention are products of matrices, (width, heads * head width); so their kernels are quantized in
that shape, a kernel with one scale, as tfmot's Dense.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...backend.tensorflow import keras, tf
from .aware import PACKAGE, Aware, activated, pre_activation, sigmoid_levels
from .kernel_quantizer import KernelQuantizer


def split_equation(equation: str) -> tuple[int, int] | None:
    """Of an einsum that is a product with a matrix, how many axes it sums over, and how many the kernel adds.

    >>> split_equation("abc,cde->abde"), split_equation("abcd,cde->abe"), split_equation("...x,xy->...y")
    ((1, 2), (2, 1), (1, 1))
    >>> split_equation("abc,bcd->acd") is None
    True
    """
    left, outputs = equation.replace(" ", "").split("->")
    inputs, kernel = left.replace("...", "0").split(",")
    outputs = outputs.replace("...", "0")
    summed = [letter for letter in kernel if letter not in outputs]
    own = [letter for letter in kernel if letter in outputs and letter not in inputs]
    kept = inputs[: len(inputs) - len(summed)]
    is_product = kernel == "".join(summed + own) and inputs == kept + "".join(summed) and outputs == kept + "".join(own)
    return (len(summed), len(own)) if is_product and summed and own else None


@keras.saving.register_keras_serializable(PACKAGE)
class AwareEinsumDense(Aware, keras.layers.EinsumDense):
    """An EinsumDense that is a product with a matrix, as `split_equation` finds."""

    def inner_names(self) -> tuple[str, ...]:
        return pre_activation(self)

    def kernels_to_quantize(self) -> list[Any]:
        return [(self.kernel, KernelQuantizer(view=_flat(self.kernel.shape, split_equation(self.equation)[0])))]

    def call(self, inputs: Any) -> Any:
        """The product, with the axes that the equation says."""
        num_summed, num_own = split_equation(self.equation)
        own = self.kernel.shape[num_summed:]
        bias = None if self.bias is None else tf.broadcast_to(self.bias, own)
        return activated(self, _product(inputs, self.used(0), bias, num_summed, own))


@keras.saving.register_keras_serializable(PACKAGE)
class AwareAttention(Aware, keras.layers.Layer):
    """MultiHeadAttention over one axis, without a mask: softmax(q k^T / sqrt(d)) v, heads side by side, projected.

    It is called on the list of query (batch, T, width), value (batch, S, width), and key, when that is not the value.
    Its weights are those of Keras's layer, in its order.
    """

    inner = ("query", "scaled_query", "key", "value", "scores", "context")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int,
        output_dim: int,
        use_bias: bool,
        dropout: float,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim
        self.output_dim, self.use_bias, self.dropout = output_dim, use_bias, dropout
        self.dropping = keras.layers.Dropout(dropout)

    def get_config(self) -> dict[str, Any]:
        names = ("num_heads", "key_dim", "value_dim", "output_dim", "use_bias", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def build(self, input_shape: Sequence[Any]) -> None:
        """Makes the weights of query, key, value and output."""
        query, value, key = self._three(input_shape)
        heads, depth = self.num_heads, self.value_dim
        shapes = {
            "query": ((query[-1], heads, self.key_dim), (heads, self.key_dim)),
            "key": ((key[-1], heads, self.key_dim), (heads, self.key_dim)),
            "value": ((value[-1], heads, depth), (heads, depth)),
            "attention_output": ((heads, depth, self.output_dim), (self.output_dim,)),
        }
        self.projection_kernels, self.projection_biases = [], []
        for name, (kernel, bias) in shapes.items():
            self.projection_kernels.append(self.add_weight(f"{name}/kernel", kernel))
            if self.use_bias:
                self.projection_biases.append(self.add_weight(f"{name}/bias", bias))
        super().build(input_shape)

    def kernels_to_quantize(self) -> list[Any]:
        names = ("query", "key", "value", "attention_output")
        return [
            (kernel, KernelQuantizer(view=_flat(kernel.shape, 2 if name == names[-1] else 1), name=f"{name}_kernel"))
            for name, kernel in zip(names, self.projection_kernels, strict=True)
        ]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The query's, with the output's width."""
        return tf.TensorShape(self._three(input_shape)[0])[:-1].concatenate(self.output_dim)

    def call(self, inputs: Sequence[Any], training: Any = None) -> Any:
        """What each place of the query reads from the values, (batch, T, output width)."""
        query, value, key = self._three(inputs)
        query = self.seen("scaled_query", self._projected("query", query, 0) * (1 / math.sqrt(self.key_dim)))
        key, value = self._projected("key", key, 1), self._projected("value", value, 2)
        scores = self.seen("scores", tf.matmul(_by_head(query), _by_head(key), transpose_b=True))
        shares = tf.nn.softmax(scores)
        shares = self.dropping(sigmoid_levels(shares) if self.wrapped() else shares, training=training)
        context = self.seen("context", tf.matmul(shares, _by_head(value)))
        return _product(_by_head(context), self.used(3), self._bias(3), 2, (self.output_dim,))

    def _projected(self, name: str, inputs: Any, number: int) -> Any:
        own = self.projection_kernels[number].shape[1:]
        return self.seen(name, _product(inputs, self.used(number), self._bias(number), 1, own))

    def _bias(self, number: int) -> Any:
        return self.projection_biases[number] if self.use_bias else None

    def _three(self, given: Sequence[Any]) -> tuple[Any, Any, Any]:
        return (*given, given[1])[:3]


def _flat(shape: Sequence[int], num_summed: int) -> tuple[int, int]:
    return math.prod(shape[:num_summed]), math.prod(shape[num_summed:])


def _product(inputs: Any, matrix: Any, bias: Any, num_summed: int, own: Sequence[int]) -> Any:
    """`inputs` times a flat kernel, summed over their last axes, plus a bias of the shape `own`."""
    axes = [length if length is not None else -1 for length in inputs.shape]
    kept = axes[: len(axes) - num_summed]
    if num_summed > 1:
        inputs = tf.reshape(inputs, [*kept, matrix.shape[0]])
    outputs = tf.matmul(inputs, matrix)
    if bias is not None:
        outputs = outputs + tf.reshape(bias, [-1])
    return tf.reshape(outputs, [*kept, *own]) if len(own) > 1 else outputs


def _by_head(value: Any) -> Any:
    """(batch, length, heads, width) to (batch, heads, length, width), and back."""
    return tf.transpose(value, (0, 2, 1, 3))
