"""What tf_keras lacks of Keras 3: activations with other formulas, and a host for layers without a twin.

Both are registered under "tfcompress>", so that a model which holds them is copied, saved and loaded like any other.
Imported only when a model needs it: it imports tf_keras, and `Hosted` imports keras 3.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable
from typing import Any

from ..backend.tensorflow import keras, tf

PACKAGE = "tfcompress"


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6, Keras 3's; that of tf_keras is clip(0.2 x + 0.5, 0, 1), up to 0.08 away."""
    return tf.nn.relu6(x + 3.0) / 6.0


def hard_silu(x: Any) -> Any:
    """x * relu6(x + 3) / 6, which TFLite knows as HARD_SWISH."""
    return x * tf.nn.relu6(x + 3.0) / 6.0


def leaky_relu(x: Any) -> Any:
    """max(x, 0.2 x)."""
    return tf.nn.leaky_relu(x, 0.2)


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
    return tf.nn.relu6(x)


def celu(x: Any) -> Any:
    """max(x, 0) + min(exp(x) - 1, 0)."""
    return tf.maximum(x, 0.0) + tf.math.expm1(tf.minimum(x, 0.0))


def glu(x: Any) -> Any:
    """a * sigmoid(b), with a and b the halves of the last axis."""
    value, gate = tf.split(x, 2, axis=-1)
    return value * tf.sigmoid(gate)


def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return tf.math.log_sigmoid(x)


def log_softmax(x: Any) -> Any:
    """x - log(sum(exp(x))) along the last axis."""
    return tf.nn.log_softmax(x)


def hard_tanh(x: Any) -> Any:
    """clip(x, -1, 1)."""
    return tf.clip_by_value(x, -1.0, 1.0)


def hard_shrink(x: Any) -> Any:
    """x where |x| > 0.5, else 0."""
    return tf.where(tf.abs(x) > 0.5, x, tf.zeros_like(x))


def soft_shrink(x: Any) -> Any:
    """sign(x) * max(|x| - 0.5, 0)."""
    return tf.sign(x) * tf.maximum(tf.abs(x) - 0.5, 0.0)


def tanh_shrink(x: Any) -> Any:
    """x - tanh(x)."""
    return x - tf.tanh(x)


def squareplus(x: Any) -> Any:
    """(x + sqrt(x^2 + 4)) / 2."""
    return (x + tf.sqrt(tf.square(x) + 4.0)) / 2.0


def sparse_plus(x: Any) -> Any:
    """0 up to -1, (x + 1)^2 / 4 up to 1, then x."""
    return tf.where(x <= -1.0, tf.zeros_like(x), tf.where(x < 1.0, tf.square(x + 1.0) / 4.0, x))


def sparse_sigmoid(x: Any) -> Any:
    """clip((x + 1) / 2, 0, 1)."""
    return tf.clip_by_value((x + 1.0) / 2.0, 0.0, 1.0)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    function.__name__: function
    for function in (
        *(hard_sigmoid, hard_silu, leaky_relu, relu6, celu, glu, log_sigmoid, log_softmax, hard_tanh),
        *(hard_shrink, soft_shrink, tanh_shrink, squareplus, sparse_plus, sparse_sigmoid),
    )
}


def keras3() -> Any:
    """Keras 3, on the backend that computes with TensorFlow's tensors and variables."""
    return importlib.import_module("keras")


class _Held:
    """Keeps a value out of sight of tf_keras, which would track a Keras 3 layer as one of its own kind."""

    def __init__(self, value: Any):
        self.value = value


class Hosted(keras.layers.Layer):
    """A layer or operation of Keras 3 that runs inside a tf_keras model, its variables being the layer's weights.

    Args:
      operation: a built Keras 3 layer or operation, or what `keras.saving.serialize_keras_object` made of one.
      arguments: [args, kwargs] of its call, as JSON, with {"input": n} for the n-th tensor of the list that this layer
        is called on. None: it is called on what this layer is called on.
    """

    def __init__(self, operation: Any, arguments: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._call_arguments = _Held(arguments)
        keras_3 = keras3()
        if isinstance(operation, dict):
            operation = _made(operation)
        self._held = _Held(operation)
        self._is_layer = isinstance(operation, keras_3.layers.Layer)
        self._has_training = self._is_layer and operation._call_has_training_arg
        # Weights, not variables: the states of random seeds stay with the operation, as they do in Keras 3.
        self._borrowed = [weight.value for weight in operation.weights] if self._is_layer else []
        self.supports_masking = True

    def call(self, inputs: Any, training: Any = None) -> Any:
        """What the operation gives; its own `training` default counts while tf_keras only draws the graph."""
        args, kwargs = [inputs], {}
        if self._call_arguments.value is not None:
            args, kwargs = filled(self._call_arguments.value, tf.nest.flatten(inputs))
        if self._has_training and training is not None and not tf.is_tensor(training):
            kwargs["training"] = bool(training)
        return self._held.value(*args, **kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Masks end here unless the layer passes them on."""
        passes = self._is_layer and self._held.value.supports_masking
        return self._held.value.compute_mask(inputs, mask) if passes else None

    def get_config(self) -> dict[str, Any]:
        """The settings of the layer and, in Keras 3's own form, of what it hosts."""
        operation = keras3().saving.serialize_keras_object(self._held.value)
        return {**super().get_config(), "operation": operation, "arguments": self._call_arguments.value}


def _made(serialized: dict[str, Any]) -> Any:
    """A Keras 3 layer or operation from its settings, with its weights where it was built."""
    with warnings.catch_warnings():
        # What it advises against is done below.
        warnings.filterwarnings("ignore", message=r"`build\(\)` was called on layer", category=UserWarning)
        operation = keras3().saving.deserialize_keras_object(serialized)
    layer_class = keras3().layers.Layer
    if isinstance(operation, layer_class) and type(operation).build is layer_class.build:
        _build_by_a_call(operation)
    return operation


def _build_by_a_call(layer: Any) -> None:
    """Makes the weights of layers inside of a layer without a `build` of its own, which its first call makes.

    Of a layer that is called on several tensors Keras notes the shape of the first alone: it stays as it is.
    """
    shapes = list((layer._build_shapes_dict or {}).values())
    parameters = inspect.signature(layer.call).parameters.values()
    needed = [each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    unbuilt = not all(inner.built for inner in layer._flatten_layers(include_self=False))
    if unbuilt and len(shapes) == len(needed) == 1 and _are_sizes(shapes[0]):
        layer(keras3().Input(batch_shape=tuple(shapes[0])))


def _are_sizes(shape: Any) -> bool:
    return isinstance(shape, (list, tuple)) and all(size is None or isinstance(size, int) for size in shape)


def filled(value: Any, tensors: Any) -> Any:
    """Arguments with the tensors in their places."""
    if isinstance(value, dict) and value.keys() == {"input"}:
        return tensors[value["input"]]
    if isinstance(value, dict):
        return {key: filled(member, tensors) for key, member in value.items()}
    return [filled(member, tensors) for member in value] if isinstance(value, (list, tuple)) else value


def custom_objects() -> dict[str, Any]:
    """Everything here by the name under which models refer to it."""
    return {f"{PACKAGE}>{name}": value for name, value in {**ACTIVATIONS, "Hosted": Hosted}.items()}


for _name, _value in {**ACTIVATIONS, "Hosted": Hosted}.items():
    keras.saving.register_keras_serializable(PACKAGE, _name)(_value)
