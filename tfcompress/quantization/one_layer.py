"""A network of which one layer at a time has few bits, and what that changes: its own output, and the network's."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..backend.tensorflow import is_quantization_aware, tf
from ..core.errors import UnsupportedModel
from ..graph.output_chain import output_chains
from ..measuring.compare import ErrorSums, sums_of
from ..measuring.measure import kernel_variables, leaf_layers
from ..models_io.copying import copy_model
from .kernels import channel_axes
from .quantizers.quantizer import Quantizer

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Kernels:
    """The kernels of a layer: their variables by "layer/kernel", their values as trained, and the axes of channels."""

    layer: Any
    variables: Mapping[str, Any]
    whole: Mapping[str, np.ndarray]
    axes: Mapping[str, tuple[int, ...]]

    @property
    def num_weights(self) -> int:
        """Of all kernels together."""
        return sum(values.size for values in self.whole.values())

    def rough(self, quantizer: Quantizer) -> dict[str, np.ndarray]:
        """What a quantizer makes of them."""
        return {name: quantizer.approximate(values, self.axes[name], name) for name, values in self.whole.items()}

    def error(self, rough: Mapping[str, np.ndarray]) -> ErrorSums:
        """Over all kernels."""
        return sum((sums_of(self.whole[name], rough[name]) for name in self.whole), ErrorSums())

    def assign(self, values: Mapping[str, np.ndarray]) -> None:
        """Puts other values into the network."""
        for name, variable in self.variables.items():
            variable.assign(values[name])


class OneLayer:
    """A copy of a float model that can be run with one layer quantized at a time.

    Args:
      model: a float tf_keras model with kernels.
      owner: in whose name errors are raised.
      activation_bits: of the output of the one layer (as TFLite stores it: after a normalization and a ReLU that it
        builds in), asymmetric per tensor; None leaves it in float.

    Raises:
      UnsupportedModel: when the model is quantization-aware, or has no kernel.
    """

    def __init__(self, model: Any, owner: str, activation_bits: int | None = None) -> None:
        require_float_kernels(model, owner)
        self._model = copy_model(model)
        self._bits = activation_bits
        self.kernels: dict[str, Kernels] = {}
        self._rough: dict[str, list[tuple[Any, Any, Any]]] = {}  # a kernel's variable, its values whole and quantized
        self._ranges: dict[str, tuple[Any, Any, Any]] = {}  # whether it counts now, the minimum, the maximum
        self._seen: dict[str, list[Any]] | None = None  # while errors of outputs are watched
        self._extremes: dict[str, list[Any]] | None = None  # while ranges are
        for layer in leaf_layers(self._model):
            variables = kernel_variables(layer)
            if variables:
                self._watch(layer, {f"{layer.name}/{kind}": found for kind, found in variables.items()})
        if activation_bits is not None:
            for name, chain in output_chains(self._model, owner).items():
                if name in self.kernels:
                    self._round_output(name, chain[-1])
        self.outputs = tf.function(self._outputs, reduce_retracing=True)
        self._errors = tf.function(self._errors_of_outputs, reduce_retracing=True)
        self._least_and_largest = tf.function(self._extremes_of_outputs, reduce_retracing=True)

    def _outputs(self, inputs: Any) -> list[Any]:
        found: list[Any] = tf.nest.flatten(self._model(inputs, training=False))
        return found

    def output_errors(self, quantizer: Quantizer, batches: Iterable[Any]) -> dict[str, ErrorSums]:
        """By layer: its own output with its kernels quantized against that with them whole, on the same input."""
        for name, kernels in self.kernels.items():
            rough = kernels.rough(quantizer)
            for key, (_, _, quantized) in zip(kernels.variables, self._rough[name], strict=True):
                quantized.assign(rough[key])
        found = dict.fromkeys(self.kernels, ErrorSums())
        for batch in batches:
            for name, sums in self._errors(batch).items():
                found[name] += ErrorSums(*map(float, sums.numpy()))
        return found

    def calibrate(self, batches: Iterable[Any]) -> None:
        """Makes the range of each layer's output the extremes over `batches`, zero among them."""
        for batch in batches:
            for name, (low, high) in self._least_and_largest(batch).items():
                _, least, largest = self._ranges[name]
                least.assign(tf.minimum(least, low))
                largest.assign(tf.maximum(largest, high))

    @contextlib.contextmanager
    def quantized(self, layer: str, rough: Mapping[str, np.ndarray]) -> Iterator[None]:
        """The network with these values in the kernels of `layer`, and its output rounded, until the block ends."""
        kernels, ranges = self.kernels[layer], self._ranges.get(layer)
        try:
            kernels.assign(rough)
            if ranges:
                ranges[0].assign(True)
            yield
        finally:
            kernels.assign(kernels.whole)
            if ranges:
                ranges[0].assign(False)

    def _watch(self, layer: Any, variables: dict[str, Any]) -> None:
        whole = {name: variable.numpy() for name, variable in variables.items()}
        axes = {name: channel_axes(layer, name.rpartition("/")[2]) for name in variables}
        self.kernels[layer.name] = Kernels(layer, variables, whole, axes)
        triples = [
            (variables[name], tf.constant(values), tf.Variable(values, trainable=False))
            for name, values in whole.items()
        ]
        self._rough[layer.name] = triples
        before = layer.call

        def call(*arguments: Any, **options: Any) -> Any:
            outputs = before(*arguments, **options)
            if self._seen is not None:
                for variable, _, quantized in triples:
                    variable.assign(quantized)
                noisy = before(*arguments, **options)  # of the same input: TensorFlow keeps the order of assignments
                for variable, exact, _ in triples:
                    variable.assign(exact)
                self._seen.setdefault(layer.name, []).append(_sums(outputs, noisy))
            return outputs

        layer.call = call

    def _round_output(self, name: str, last: Any) -> None:
        """Has the output of a layer, which `last` gives, rounded while `name` is the one layer."""
        active, least, largest = (tf.Variable(value, trainable=False) for value in (False, 0.0, 0.0))
        self._ranges[name] = active, least, largest
        before = last.call

        def call(*arguments: Any, **options: Any) -> Any:
            outputs = before(*arguments, **options)
            if not tf.is_tensor(outputs) or outputs.dtype != tf.float32:
                return outputs
            if self._extremes is not None:
                self._extremes.setdefault(name, []).append((tf.reduce_min(outputs), tf.reduce_max(outputs)))
            return tf.cond(
                active,
                lambda: tf.quantization.fake_quant_with_min_max_vars(outputs, least, largest, num_bits=self._bits),
                lambda: outputs,
            )

        last.call = call

    def _errors_of_outputs(self, inputs: Any) -> dict[str, Any]:
        self._seen = {}
        try:
            self._model(inputs, training=False)
            return {name: tf.add_n(calls) for name, calls in self._seen.items()}
        finally:
            self._seen = None

    def _extremes_of_outputs(self, inputs: Any) -> dict[str, Any]:
        self._extremes = {}
        try:
            self._model(inputs, training=False)
            return {
                name: (tf.reduce_min([low for low, _ in calls]), tf.reduce_max([high for _, high in calls]))
                for name, calls in self._extremes.items()
            }
        finally:
            self._extremes = None


def require_float_kernels(model: Any, owner: str) -> None:
    """Raises `UnsupportedModel` for a quantization-aware model, and for one without a kernel."""
    if is_quantization_aware(model):
        raise UnsupportedModel(
            f"{owner} expects a float model. Received: a quantization-aware one, whose layers are all rounded already. "
            "Give the model of the stage before."
        )
    if not any(kernel_variables(layer) for layer in leaf_layers(model)):
        kinds = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
        raise UnsupportedModel(f"{owner} expects a layer with a kernel. Received: {kinds}. Leave this model as it is.")


def _sums(exact: Any, rough: Any) -> Any:
    """The four sums of `ErrorSums` over all floating-point tensors of a layer's output, shape (4,)."""
    found = []
    for x, y in zip(tf.nest.flatten(exact), tf.nest.flatten(rough), strict=True):
        if x.dtype.is_floating:
            x, y = tf.cast(x, tf.float32), tf.cast(y, tf.float32)
            found.append(tf.stack([tf.reduce_sum(part) for part in (x * x, (x - y) * (x - y), x * y, y * y)]))
    return tf.add_n(found) if found else tf.zeros(4)
