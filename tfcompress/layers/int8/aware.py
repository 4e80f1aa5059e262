"""What our own layers and tfmot's quantization wrapper agree on, for layers that tfmot has no configuration of.

The wrapper makes the variables of all ranges, and hands a layer its fake-quantized kernels and the quantizers of what
it computes inside. A layer that is called without a wrapper, as happens while a model is rebuilt, computes in float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...backend.tensorflow import keras, tf, tfmot, wrappers
from .kernel_quantizer import KernelQuantizer

PACKAGE = "tfcompress"
DECAY = 0.999  # tfmot's, of the moving averages of ranges


class _Held:
    """Keeps values out of sight of Keras, which would track what is set as a layer's attribute."""

    def __init__(self) -> None:
        self.kernels: Sequence[Any] = ()
        self.ranges: Mapping[str, Any] = {}


class Aware:
    """Mixed into a layer: its kernels, and the names of what it computes inside, whose ranges must be followed."""

    inner: tuple[str, ...] = ()

    def kernels_to_quantize(self) -> list[tuple[Any, KernelQuantizer]]:
        """The variables, and the quantizer of each."""
        return []

    def inner_names(self) -> tuple[str, ...]:
        """What is computed inside and quantized, in any order."""
        return self.inner

    def held(self) -> _Held:
        """What the wrapper gave."""
        if "_aware_held" not in self.__dict__:
            object.__setattr__(self, "_aware_held", _Held())
        return self.__dict__["_aware_held"]

    def used(self, number: int) -> Any:
        """The kernel of that number as it is to be used: fake-quantized, and in its quantizer's view."""
        if self.held().kernels:
            return self.held().kernels[number]
        kernel, quantizer = self.kernels_to_quantize()[number]
        return kernel if quantizer.view is None else tf.reshape(kernel, quantizer.view)

    def seen(self, name: str, value: Any) -> Any:
        """`value` fake-quantized in the range that is followed under `name`."""
        ranges = self.held().ranges
        return ranges[name](value) if name in ranges else value

    def constant(self, vector: Any) -> Any:
        """A vector of constants, as a gain for each channel, on int8's levels."""
        if not self.wrapped():
            return vector
        edge = tf.reduce_max(tf.abs(vector))
        return tf.quantization.fake_quant_with_min_max_vars(vector, -edge, edge, 8, narrow_range=True)

    def wrapped(self) -> bool:
        """Whether a wrapper gave ranges."""
        return bool(self.held().ranges)

    def limits(self, name: str) -> tuple[Any, Any]:
        """The variables of a followed range."""
        variables = self.held().ranges[name]._post_activation_vars
        return variables["min_var"], variables["max_var"]


class _NamedRange(tfmot.quantization.keras.quantizers.MovingAverageQuantizer):
    """tfmot's quantizer of activations, with variables under a name of their own."""

    def __init__(self, name: str) -> None:
        super().__init__(num_bits=8, per_axis=False, symmetric=False, narrow_range=False)
        self.own_name = name

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        return super().build(tensor_shape, self.own_name, layer)


@keras.saving.register_keras_serializable(PACKAGE)
class AwareConfig(tfmot.quantization.keras.QuantizeConfig):
    """tfmot's quantization configuration of an `Aware` layer; `output`: whether what it gives is fake-quantized."""

    def __init__(self, output: bool = True) -> None:
        self.output = output

    def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
        return layer.kernels_to_quantize()

    def set_quantize_weights(self, layer: Any, quantize_weights: Sequence[Any]) -> None:
        layer.held().kernels = list(quantize_weights)

    def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
        return [(keras.activations.linear, _NamedRange(name)) for name in layer.inner_names()]

    def set_quantize_activations(self, layer: Any, quantize_activations: Sequence[Any]) -> None:
        layer.held().ranges = dict(zip(layer.inner_names(), quantize_activations, strict=True))

    def get_output_quantizers(self, layer: Any) -> list[Any]:
        return [_NamedRange("output")] if self.output else []

    def get_config(self) -> dict[str, Any]:
        return {"output": self.output}


def count_once(model: Any) -> None:
    """Lets the wrappers of our layers count their kernels once, and nothing else, as loading makes them."""
    for wrapper in wrappers(model):
        if isinstance(wrapper.layer, Aware):
            wrapper._trainable_weights = [weight for weight, _, _ in wrapper._weight_vars]


def either(training: Any, compute: Callable[[bool], Any]) -> Any:
    """What `compute` gives for a `training` that may be known only when the graph runs."""
    if training is None or isinstance(training, bool | int):
        return compute(bool(training))
    return tf.cond(tf.cast(training, tf.bool), lambda: compute(True), lambda: compute(False))


def sigmoid_levels(value: Any) -> Any:
    """Fake-quantized in TFLite's fixed range of LOGISTIC and SOFTMAX: from 0 in steps of 1/256."""
    return tf.quantization.fake_quant_with_min_max_args(value, 0.0, 255 / 256)


def tanh_levels(value: Any) -> Any:
    """Fake-quantized in TFLite's fixed range of TANH: from -1 in steps of 1/128."""
    return tf.quantization.fake_quant_with_min_max_args(value, -1.0, 127 / 128)


PRE_ACTIVATION = "pre_activation"
INSIDE = ("linear", "relu", "softmax", "sigmoid", "tanh", "gelu")


def pre_activation(layer: Any) -> tuple[str, ...]:
    """The name of the range before a layer's activation, where the file computes it as an operation of its own."""
    return () if layer.activation.__name__ in ("linear", "relu") else (PRE_ACTIVATION,)


def activated(layer: Any, value: Any) -> Any:
    """`value` after the layer's own activation, fake-quantized before it where that is an operation of its own."""
    return layer.activation(layer.seen(PRE_ACTIVATION, value))
