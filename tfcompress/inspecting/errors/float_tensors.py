"""A float Keras model beside the .tflite made of it: which of its tensors each operation computes, and how well.

An operation of the file is a layer, the BatchNormalization that was folded into it, and an activation that it has built
in. What it gives is compared with the layer's output before any activation, normalized or not, whichever is nearer, and
put through the activation that the file says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras
from ...graph.output_chain import output_chains
from ...measuring.compare import ErrorSums, sums_of
from ...measuring.measure import kernel_variables, leaf_layers
from ...models_io.copying import copy_model
from ...quantization.after_training.folding import gain_and_shift
from .file_tensors import FileOperation, FileTensors

if TYPE_CHECKING:
    import numpy as np

BATCH_SIZE = 8  # of examples whose tensors are held at once


@dataclasses.dataclass(frozen=True)
class FileError:
    """How an operation of the file differs from its layer; `reason` says why something could not be compared."""

    op: str
    stored_as: str
    computes: str
    kernel: ErrorSums | None = None
    output: ErrorSums | None = None
    reason: str = ""


def file_errors(model: Any, tensors: FileTensors, inputs: np.ndarray) -> dict[str, FileError]:
    """For each layer of `model` with a kernel that the file names: how far its operation is from it.

    The output of an operation is what the file computes, from the inputs of the file: errors of the operations before
    it are in it.

    Args:
      model: a functional float tf_keras model.
      tensors: what the file gave for `inputs`.
      inputs: (N, ...), as the model sees them.

    Raises:
      UnsupportedModel: when the model is quantization-aware, or has no graph.
    """
    chains = output_chains(model, "inspect --against")
    watched = _Watched(model, chains)
    operations = {operation.layer: operation for operation in tensors.operations if operation.layer}
    counts = {name: sum(each.layer == name for each in tensors.operations) for name in operations}
    sums: dict[str, dict[str, ErrorSums]] = {name: {} for name in operations}
    for begin in range(0, tensors.num_kept, BATCH_SIZE):
        end = min(begin + BATCH_SIZE, tensors.num_kept)
        seen = watched.run(inputs[begin:end])
        for name, operation in operations.items():
            found = tensors.output(operation, begin, end)
            for candidate, values in seen.get(name, {}).items():
                if values.size == found.size:
                    pair = sums_of(activated(values, operation.activation), found.reshape(values.shape))
                    sums[name][candidate] = sums[name].get(candidate, ErrorSums()) + pair
    return {
        name: _file_error(watched.layers[name], chains.get(name, ()), operation, counts[name], sums[name], tensors)
        for name, operation in operations.items()
    }


def _file_error(
    layer: Any,
    chain: tuple[Any, ...],
    operation: FileOperation,
    count: int,
    sums: Mapping[str, ErrorSums],
    tensors: FileTensors,
) -> FileError:
    without = FileError(operation.op, operation.stored_as, operation.computes)
    if count > 1:
        return dataclasses.replace(without, reason=f"is {count} operations of the file")
    if not sums:
        return dataclasses.replace(without, reason="gives a tensor of another size, or is called more than once")
    nearest = min(sums, key=lambda candidate: sums[candidate].noise)
    gain = None
    if nearest == "normalized":
        gain, _ = gain_and_shift(chain[1])
    kernel = in_keras_layout(operation.op, tensors.kernel(operation), layer)
    exact = None if kernel is None else _folded(layer, gain)
    error = None if exact is None or kernel is None or exact.shape != kernel.shape else sums_of(exact, kernel)
    return dataclasses.replace(without, kernel=error, output=sums[nearest])


def activated(values: np.ndarray, activation: str) -> np.ndarray:
    """What an activation that is built into a TFLite operation makes of its values.

    >>> import numpy as np
    >>> activated(np.array([-2.0, 0.5, 9.0]), "RELU6").tolist()
    [0.0, 0.5, 6.0]
    """
    import numpy as np

    if activation == "TANH":
        return np.tanh(values)
    bounds = {"RELU": (0, None), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1)}.get(activation)
    return values if bounds is None else np.clip(values, *bounds)


def in_keras_layout(op: str, values: np.ndarray | None, layer: Any) -> np.ndarray | None:
    """A kernel of a .tflite with its axes as the Keras layer has them; None where the layer has no such kernel.

    CONV_2D (O, H, W, I) -> (H, W, I, O), a Conv1D's without H; DEPTHWISE_CONV_2D (1, H, W, C M) -> (H, W, C, M);
    FULLY_CONNECTED (O, I) -> (I, O); TRANSPOSE_CONV (O, H, W, I) -> (H, W, O, I).
    """
    kernels = list(kernel_variables(layer).values())
    if values is None or len(kernels) != 1:
        return None
    orders = {"CONV_2D": (1, 2, 3, 0), "FULLY_CONNECTED": (1, 0), "TRANSPOSE_CONV": (1, 2, 0, 3)}
    turned = values.transpose(orders[op]) if op in orders else values
    shape = tuple(kernels[0].shape)
    return turned.reshape(shape) if turned.size == kernels[0].shape.num_elements() else None


def _folded(layer: Any, gain: np.ndarray | None) -> np.ndarray:
    """The layer's kernel, multiplied by a normalization's gain along its outputs."""
    (variable,) = kernel_variables(layer).values()
    kernel = variable.numpy()
    if gain is None:
        return kernel
    if "depthwise" in variable.name:
        return kernel * gain.reshape(kernel.shape[-2:])
    return kernel * (gain[:, None] if "Transpose" in type(layer).__name__ else gain)


class _Watched:
    """A copy of a model that also gives what its layers with kernels give before their activations."""

    def __init__(self, model: Any, chains: Mapping[str, tuple[Any, ...]]) -> None:
        self._model = copy_model(model)
        self._seen: dict[str, dict[str, list[np.ndarray]]] = {}
        self.layers = {layer.name: layer for layer in leaf_layers(self._model) if kernel_variables(layer)}
        by_name = {layer.name: layer for layer in leaf_layers(self._model)}
        for name, layer in self.layers.items():
            self._watch(layer, name, "plain")
            norms = [each for each in chains.get(name, ())[1:] if isinstance(each, keras.layers.BatchNormalization)]
            for norm in norms:
                self._watch(by_name[norm.name], name, "normalized")

    def run(self, inputs: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
        """By layer, what it gives: "plain", and "normalized" where a BatchNormalization follows."""
        self._seen = {}
        self._model(inputs, training=False)
        return {name: dict(_only_calls(calls)) for name, calls in self._seen.items()}

    def _watch(self, layer: Any, name: str, candidate: str) -> None:
        before = layer.call

        def call(*arguments: Any, **options: Any) -> Any:
            outputs = before(*arguments, **options)
            activation = getattr(layer, "activation", None)
            linear = outputs
            # Of a recurrent layer, which has no setter, the activation is not the last thing it computes.
            inside = isinstance(getattr(type(layer), "activation", None), property)
            if callable(activation) and activation is not keras.activations.linear and not inside:
                linear = self._linear(layer, before, arguments, options)
            if hasattr(linear, "numpy"):
                self._seen.setdefault(name, {}).setdefault(candidate, []).append(linear.numpy())
            return outputs

        layer.call = call

    @staticmethod
    def _linear(layer: Any, before: Any, arguments: Any, options: Any) -> Any:
        activation, layer.activation = layer.activation, keras.activations.linear
        try:
            return before(*arguments, **options)
        finally:
            layer.activation = activation


def _only_calls(calls: Mapping[str, list[np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    for candidate, values in calls.items():
        if len(values) == 1:
            yield candidate, values[0]
