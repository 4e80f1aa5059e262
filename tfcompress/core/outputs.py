"""What a classifier's numbers are: logits, or the probabilities that a softmax makes of them."""

from __future__ import annotations

from typing import Any

from .keras import keras


def gives_probabilities(model: Any) -> bool:
    """Whether `model` ends in a softmax; under tfmot's wrappers, and as the student of a distiller, too.

    >>> gives_probabilities(keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))]))
    True
    """
    model = getattr(model, "student", model)
    layers = getattr(model, "_output_layers", None)
    last = layers[0] if layers else model.layers[-1]
    while isinstance(last, keras.layers.Wrapper | keras.Model):
        if isinstance(last, keras.Model):
            return gives_probabilities(last)
        last = last.layer
    return isinstance(last, keras.layers.Softmax) or _is_softmax(_activation(last))


def _activation(layer: Any) -> Any:
    """A layer's activation as it was before tfmot put its quantizer around it."""
    function = getattr(layer, "activation", None) or getattr(layer, "function", None)
    return getattr(function, "activation", function)


def _is_softmax(function: Any) -> bool:
    return "softmax" in str(getattr(function, "__name__", "")) and "log" not in function.__name__
