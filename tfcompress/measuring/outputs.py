"""What a classifier's numbers are: logits, or the probabilities that a softmax makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend.tensorflow import keras, tf
from ..core.contracts import TaughtModel

LEAST_PROBABILITY = 1e-7  # float32 resolves no less beside 1


def gives_probabilities(model: Any) -> bool:
    """Whether `model` ends in a softmax; under tfmot's wrappers, and as the student of a distiller, too.

    >>> gives_probabilities(keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))]))
    True
    """
    model = model.student if isinstance(model, TaughtModel) else model
    layers = getattr(model, "_output_layers", None)
    last = layers[0] if layers else model.layers[-1]
    while isinstance(last, keras.layers.Wrapper | keras.Model):
        if isinstance(last, keras.Model):
            return gives_probabilities(last)
        last = last.layer
    return isinstance(last, keras.layers.Softmax) or _is_softmax(_activation(last))


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


def _activation(layer: Any) -> Any:
    """A layer's activation as it was before tfmot put its quantizer around it."""
    function = getattr(layer, "activation", None) or getattr(layer, "function", None)
    return getattr(function, "activation", function)


def _is_softmax(function: Any) -> bool:
    return "softmax" in str(getattr(function, "__name__", "")) and "log" not in function.__name__
