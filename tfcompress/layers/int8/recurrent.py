"""LSTM and GRU with int8 products and gates, and a state in float: a WHILE in the file, whose body is one step.

TFLite's fused LSTM takes no fake-quantized kernel (the converter stops), and wants a calibration of its own in int8. So
the steps are written out: the inputs' product is taken for all steps at once, in int8; each step multiplies the state,
rounded to int8, by the recurrent kernel, and computes the gates in int8. The state itself adds up over many steps what
is smaller than a level of eight bits, and so it stays in float: a product or two and a sum for each unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...backend.tensorflow import keras, tf
from .aware import DECAY, PACKAGE, Aware, either, sigmoid_levels, tanh_levels
from .kernel_quantizer import KernelQuantizer

# Beyond these, sigmoid and tanh are 1 to less than a level.
SATURATED = {"gates": 8.0, "candidates": 4.0, "memory": 4.0}
NAMES = ("units", "use_bias", "return_sequences", "go_backwards", "unroll", "dropout", "recurrent_dropout")


class _Recurrent(Aware, keras.layers.Layer):
    """What both have in common: input (batch, length, channels), and `gates` parts in each kernel."""

    inner: tuple[str, ...] = ("inputs", "products", "gates", "candidates")
    gates = 0

    def __init__(self, units: int, **settings: Any) -> None:
        own = {name: settings.pop(name) for name in NAMES if name in settings}
        super().__init__(**settings)
        self.units = units
        defaults = {name: name == "use_bias" for name in NAMES[1:5]} | dict.fromkeys(NAMES[5:], 0.0)
        for name, value in (defaults | own).items():
            setattr(self, name, value)

    def bias_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in NAMES}}

    def build(self, input_shape: Any) -> None:
        """Makes kernel, recurrent kernel and bias, as Keras's layer has them."""
        width = self.gates * self.units
        self.kernel = self.add_weight("kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, width))
        self.bias = self.add_weight("bias", self.bias_shape(), initializer="zeros") if self.use_bias else None
        super().build(input_shape)

    def kernels_to_quantize(self) -> list[Any]:
        return [(self.kernel, KernelQuantizer()), (self.recurrent_kernel, KernelQuantizer())]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, length, units) or (batch, units)."""
        batch, length, _ = tf.TensorShape(input_shape)
        return tf.TensorShape([batch, length, self.units] if self.return_sequences else [batch, self.units])

    def call(self, inputs: Any, training: Any = None) -> Any:
        """The last state, or all."""
        return either(training, lambda training: self._all_steps(inputs, training))

    def first_states(self, inputs: Any) -> tuple[Any, ...]:
        """Zeros, the output last."""
        raise NotImplementedError

    def step(self, given: Any, states: Sequence[Any], rounded: Any, mask: Any) -> tuple[Any, ...]:
        """The next states from the inputs' product; `rounded(name, value)` fake-quantizes."""
        raise NotImplementedError

    def _all_steps(self, inputs: Any, training: bool) -> Any:
        length = inputs.shape[1]
        mask = None
        if training and self.dropout:
            inputs = tf.nn.dropout(inputs, self.dropout, [tf.shape(inputs)[0], 1, inputs.shape[2]])
        states = self.first_states(inputs)
        if training and self.recurrent_dropout:
            mask = tf.nn.dropout(tf.ones_like(states[-1]), self.recurrent_dropout)
        product = tf.matmul(inputs, self.used(0))
        given = self.seen("inputs", product if self.bias is None else product + self.input_bias())
        given = tf.transpose(given, (1, 0, 2))
        names = [name for name in self.inner if name != "inputs"]
        watch = _Watch(self, names, training) if self.wrapped() else None

        def one(number: Any, states: Any, extremes: Any) -> tuple[Any, Any]:
            at = length - 1 - number if self.go_backwards else number
            seen = tf.unstack(extremes) if training else []

            def rounded(name: str, value: Any) -> Any:
                return value if watch is None else watch.rounded(name, value, seen)

            states = self.step(tf.gather(given, at), states, rounded, mask)
            return states, tf.stack(seen) if training else extremes

        extremes = tf.zeros((2 * len(names),))
        outputs_so_far = []
        if self.unroll:
            for number in range(length):
                states, extremes = one(number, states, extremes)
                outputs_so_far.append(states[-1])
            everything = tf.stack(outputs_so_far, 1)
        else:
            kept = tf.TensorArray(tf.float32, length if self.return_sequences else 0, element_shape=states[-1].shape)

            def body(number: Any, states: Any, extremes: Any, kept: Any) -> tuple[Any, ...]:
                states, extremes = one(number, states, extremes)
                kept = kept.write(number, states[-1]) if self.return_sequences else kept
                return number + 1, states, extremes, kept

            first = (tf.constant(0), states, extremes, kept)
            _, states, extremes, kept = tf.while_loop(lambda number, *_: number < length, body, first)
            everything = tf.transpose(kept.stack(), (1, 0, 2)) if self.return_sequences else None
        if training and watch is not None:
            watch.keep(extremes)
        outputs = everything if self.return_sequences else states[-1]
        return tanh_levels(outputs) if watch is not None else outputs

    def input_bias(self) -> Any:
        """What is added to the inputs' product."""
        return self.bias

    def _state(self, inputs: Any) -> Any:
        return tf.zeros((inputs.shape[0] or tf.shape(inputs)[0], self.units))

    def _product(self, state: Any, rounded: Any, mask: Any, bias: Any = None) -> Any:
        """The recurrent kernel times the state, which is seen in int8."""
        state = tanh_levels(state) if self.wrapped() else state
        product = tf.matmul(state if mask is None else state * mask, self.used(1))
        return rounded("products", product if bias is None else product + bias)

    def _gate(self, value: Any) -> Any:
        return sigmoid_levels(tf.sigmoid(value)) if self.wrapped() else tf.sigmoid(value)

    def _candidate(self, value: Any) -> Any:
        return tanh_levels(tf.tanh(value)) if self.wrapped() else tf.tanh(value)


class _Watch:
    """Ranges inside of a loop: used as they are, and moved after it by the extremes of all steps."""

    def __init__(self, layer: Aware, names: Sequence[str], training: bool) -> None:
        self.limits = {name: layer.limits(name) for name in names}
        self.training = training

    def rounded(self, name: str, value: Any, extremes: list[Any]) -> Any:
        """`value` fake-quantized; its extremes go into the list of minimum and maximum of each name."""
        if self.training:
            at = 2 * list(self.limits).index(name)
            extremes[at] = tf.minimum(extremes[at], tf.reduce_min(value))
            extremes[at + 1] = tf.maximum(extremes[at + 1], tf.reduce_max(value))
        low, high = self.limits[name]
        if name in SATURATED:
            low, high = tf.maximum(low, -SATURATED[name]), tf.minimum(high, SATURATED[name])
        return tf.quantization.fake_quant_with_min_max_vars(value, low, high)

    def keep(self, extremes: Any) -> None:
        """Moves the ranges as tfmot does."""
        variables = [variable for limits in self.limits.values() for variable in limits]
        for variable, now in zip(variables, tf.unstack(extremes), strict=True):
            variable.assign(DECAY * variable + (1 - DECAY) * tf.stop_gradient(now))


@keras.saving.register_keras_serializable(PACKAGE)
class AwareLSTM(_Recurrent):
    """c' = f c + i g, h' = o tanh(c'), with gates i, f, o and candidate g of x W + h U + b."""

    inner = (*_Recurrent.inner, "memory")
    gates = 4

    def bias_shape(self) -> tuple[int, ...]:
        return (4 * self.units,)

    def first_states(self, inputs: Any) -> tuple[Any, ...]:
        return self._state(inputs), self._state(inputs)

    def step(self, given: Any, states: Sequence[Any], rounded: Any, mask: Any) -> tuple[Any, ...]:
        memory, state = states
        product = self._product(state, rounded, mask)
        parts = [2 * self.units, self.units, self.units]  # the gates i and f, the candidate, the gate o
        left, right = tf.split(given, parts, -1), tf.split(product, parts, -1)
        enter, forget = tf.split(self._gate(rounded("gates", left[0] + right[0])), 2, -1)
        candidate = self._candidate(rounded("candidates", left[1] + right[1]))
        memory = forget * memory + enter * candidate
        shown = self._gate(rounded("gates", left[2] + right[2])) * self._candidate(rounded("memory", memory))
        return memory, tanh_levels(shown) if self.wrapped() else shown


@keras.saving.register_keras_serializable(PACKAGE)
class AwareGRU(_Recurrent):
    """h' = z h + (1 - z) g, with gates z and r, and the candidate g = tanh(x W + b + r (h U + c)), "reset after"."""

    gates = 3

    def bias_shape(self) -> tuple[int, ...]:
        return 2, 3 * self.units

    def input_bias(self) -> Any:
        return self.bias[0]

    def first_states(self, inputs: Any) -> tuple[Any, ...]:
        return (self._state(inputs),)

    def step(self, given: Any, states: Sequence[Any], rounded: Any, mask: Any) -> tuple[Any, ...]:
        (state,) = states
        product = self._product(state, rounded, mask, None if self.bias is None else self.bias[1])
        parts = [2 * self.units, self.units]  # the gates z and r, the candidate
        left, right = tf.split(given, parts, -1), tf.split(product, parts, -1)
        update, reset = tf.split(self._gate(rounded("gates", left[0] + right[0])), 2, -1)
        candidate = self._candidate(rounded("candidates", left[1] + rounded("products", reset * right[1])))
        return (candidate + update * (state - candidate),)
