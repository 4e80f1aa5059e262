"""What a model's inputs and outputs are: names, shapes and dtypes; logits, or the probabilities made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend.tensorflow import keras, refuse_keras_3, tf
from ..core.contracts import TaughtModel
from ..core.examples.nests import Nest, TensorSpec, fitted
from ..core.tasks.task import BINARY, CLASSES, VALUES, Output, OutputSpec
from ..core.types import Data

LEAST_PROBABILITY = 1e-7  # float32 resolves no less beside 1
SOFTMAX, SIGMOID = "softmax", "sigmoid"
_MOVING = ("Reshape", "Flatten", "Permute", "Dropout", "Rounded")  # layers that leave probabilities what they are


def input_specs(model: Any) -> list[TensorSpec]:
    """The inputs of `model` in its order, by the names that data gives them.

    >>> model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,), name="dense")])
    >>> [str(spec) for spec in input_specs(model)]
    ["'dense_input' of shape (N, 4) and dtype float32"]
    """
    model = _with_a_graph(model)
    names = sorted(model.input) if isinstance(model.input, dict) else plain_names(model.input_names)
    tensors = input_tensors(model)
    return [TensorSpec(name, tuple(x.shape), x.dtype.name) for name, x in zip(names, tensors, strict=True)]


def input_tensors(model: Any) -> list[Any]:
    """The Keras tensors of the inputs, in the order of `input_specs`: of a dict of inputs, that of its sorted keys."""
    return list(model.inputs)


def taken_by(model: Any, data: Data, stored: Nest) -> Nest:
    """Stored inputs as `model` takes them: an array, or a list of them in its order.

    Raises:
      InvalidValue: when they do not fit the model's inputs.
    """
    arrays = fitted(data.model_inputs(stored), input_specs(model))
    return arrays[0] if len(arrays) == 1 else arrays


def output_specs(model: Any) -> tuple[OutputSpec, ...]:
    """The outputs of `model` in its order, each with its name, its shape and the activation that it ends in.

    tfmot's wrappers change neither name nor activation; the student of a distiller is looked at in its place.

    >>> model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,), name="dense")])
    >>> output_specs(model)
    (OutputSpec(name='dense', shape=(None, 3), activation='softmax'),)
    """
    model = _with_a_graph(model)
    names = sorted(model.output) if isinstance(model.output, dict) else plain_names(model.output_names)
    tensors = model.outputs  # of a dict in the order of its sorted keys, in which Keras takes and gives arrays
    return tuple(OutputSpec(name, tuple(x.shape), activation_of(x)) for name, x in zip(names, tensors, strict=True))


def gives_dict(model: Any) -> bool:
    """Whether `model` gives its outputs in a dict; training then wants targets and losses in one, too."""
    return isinstance(_with_a_graph(model).output, dict)


def _with_a_graph(model: Any) -> Any:
    """The model that has inputs and outputs: a distiller's student; a sequence that begins with a model is built."""
    refuse_keras_3(model)
    model = model.student if isinstance(model, TaughtModel) else model
    if isinstance(model, keras.Sequential) and not model.built and isinstance(model.layers[0], keras.Model):
        model.build(_with_a_graph(model.layers[0]).input_shape)
    return model


def plain_names(names: Sequence[str]) -> list[str]:
    """Names of layers without what tfmot's wrappers put before them.

    >>> plain_names(["quant_logits", "prune_low_magnitude_dense"])
    ['logits', 'dense']
    """
    return [name.removeprefix("quant_").removeprefix("prune_low_magnitude_") for name in names]


def activation_of(tensor: Any) -> str:
    """What the layer that makes a tensor ends in: "softmax", "sigmoid" or "", past what only moves numbers."""
    outer, node, index = tensor._keras_history
    layer = outer
    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    if isinstance(layer, keras.Model):
        return activation_of(layer.outputs[index])
    if type(layer).__name__ in _MOVING:
        # What a wrapper holds may never have been called as a layer, and then knows no input.
        return activation_of(outer.inbound_nodes[node].keras_inputs[0])
    if isinstance(layer, keras.layers.Softmax):
        return SOFTMAX
    name = str(getattr(_activation(layer), "__name__", ""))
    if "softmax" in name and "log" not in name:
        return SOFTMAX
    return SIGMOID if name == "sigmoid" else ""


def gives_probabilities(model: Any) -> bool:
    """Whether the first output of `model` ends in a softmax.

    >>> gives_probabilities(keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))]))
    True
    """
    return output_specs(model)[0].activation == SOFTMAX


def logits_from(model: Any) -> Callable[[Any], Any]:
    """A function from the outputs of `model` to logits: nothing to do, or for probabilities their logarithm.

    The logarithm of a softmax is its logits less a constant, which no softmax of them sees.

    >>> model = keras.Sequential([keras.layers.Dense(2, activation="softmax", input_shape=(4,))])
    >>> logits_from(model)(tf.constant([[0.25, 0.75]])).numpy().round(4)
    array([[-1.3863, -0.2877]], dtype=float32)
    """
    if not gives_probabilities(model):
        return lambda outputs: outputs
    return lambda outputs: tf.math.log(tf.maximum(outputs, LEAST_PROBABILITY))


def as_logits(output: Output) -> Callable[[Any], Any]:
    """A function from an output to logits over classes, (..., C); of an output of numbers, to these numbers.

    One number for two classes becomes the logits (0, z), and so does each of several labels.

    >>> as_logits(Output("spam", BINARY))(tf.constant([[1.5]])).numpy().tolist()
    [[0.0, 1.5]]
    """
    if output.kind == VALUES:
        return lambda outputs: outputs
    if output.kind == CLASSES:
        return _identity if output.from_logits else _log
    return lambda outputs: _against_zero(_one_a_class(outputs, output), output.from_logits)


def _identity(outputs: Any) -> Any:
    return outputs


def _log(outputs: Any) -> Any:
    return tf.math.log(tf.maximum(outputs, LEAST_PROBABILITY))


def _one_a_class(outputs: Any, output: Output) -> Any:
    lone = output.kind == BINARY and len(outputs.shape) > 1 and outputs.shape[-1] == 1
    return tf.squeeze(outputs, -1) if lone else outputs


def _against_zero(numbers: Any, from_logits: bool) -> Any:
    logits = numbers if from_logits else _log(numbers) - _log(1 - numbers)
    return tf.stack([tf.zeros_like(logits), logits], axis=-1)


def _activation(layer: Any) -> Any:
    """A layer's activation as it was before tfmot put its quantizer around it."""
    function = getattr(layer, "activation", None) or getattr(layer, "function", None)
    return getattr(function, "activation", function)
