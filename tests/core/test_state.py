"""What objects hold, above all those of Keras and TensorFlow: equal where they compute the same, else not."""

import functools

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.identity import NoIdentity, fingerprint
from tfcompress.core.state import NotCopied, state_of


class Weighted(keras.losses.Loss):
    """A loss of a user's own, whose inherited `get_config` does not know its setting."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def call(self, targets, predictions):
        return self.weight * tf.square(targets - predictions)


class Scaled(keras.layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


class Subclassed(keras.Model):
    """A model without a configuration."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.dense = keras.layers.Dense(2, kernel_initializer="ones")

    def call(self, inputs):
        return self.factor * self.dense(inputs)


def subclassed(factor):
    model = Subclassed(factor)
    model(np.zeros((1, 3)))
    return model


def functional(units, name="out"):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, name=name)])


def with_weights(value):
    model = functional(2)
    model.set_weights([np.full(weight.shape, value) for weight in model.get_weights()])
    return model


def traced(factor):
    return tf.function(lambda inputs: factor * inputs)


MAKERS = {
    "model": (functional, 2, 3),
    "weights": (with_weights, 1, 2),
    "layer of one's own": (lambda factor: keras.Sequential([keras.Input((3,)), Scaled(factor)]), 1.0, 2.0),
    "model of one's own": (subclassed, 1.0, 2.0),
    "loss of one's own": (Weighted, 1.0, 2.0),
    "layer": (keras.layers.Dense, 2, 3),
    "optimizer": (keras.optimizers.Adam, 0.1, 0.2),
    "callback": (lambda patience: keras.callbacks.EarlyStopping(patience=patience), 1, 2),
    "loss": (keras.losses.Huber, 1.0, 2.0),
    "tensor": (tf.constant, 1.0, 2.0),
    "variable": (tf.Variable, 1.0, 2.0),
    "random numbers": (tf.random.Generator.from_seed, 1, 2),
    "tf.function": (traced, 1, 2),
    "partial": (lambda alpha: functools.partial(keras.activations.relu, alpha=alpha), 0.1, 0.2),
}


@pytest.mark.parametrize(("make", "one", "other"), MAKERS.values(), ids=MAKERS)
def test_objects_are_told_apart_by_what_they_compute(make, one, other):
    first, same, different = (fingerprint(make(setting)) for setting in (one, one, other))
    assert first == same != different


def test_the_names_of_layers_do_not_count():
    assert fingerprint(functional(2, "one")) == fingerprint(functional(2, "other"))


def test_a_layers_code_counts():
    class Other(Scaled):
        def call(self, inputs):
            return self.factor + inputs

    Other.__qualname__, Other.__name__ = Scaled.__qualname__, Scaled.__name__
    one, other = (keras.Sequential([keras.Input((3,)), kind(1.0)]) for kind in (Scaled, Other))
    assert fingerprint(one) != fingerprint(other)


def test_functions_of_keras_are_found_by_name_through_either_door():
    import tensorflow

    def own():
        return keras.layers.Dense(2)

    def theirs():
        return tensorflow.keras.layers.Dense(2)

    lazy = tensorflow.keras

    def through_it():
        return lazy.layers.Dense(2)

    assert len({fingerprint(function) for function in (own, theirs, through_it)}) == 3
    assert fingerprint(through_it) == fingerprint(through_it)


def test_a_pipeline_has_no_identity():
    with pytest.raises(NoIdentity, match="is a Graph, which nothing tells from another"):
        fingerprint(tf.data.Dataset.range(3))


class Slotted:
    __slots__ = ("one",)

    def __init__(self, one):
        self.one = one


def test_what_is_in_slots_is_held():
    assert state_of(Slotted(1))["one"] == 1


def test_a_name_alone_says_nothing():
    class Named:
        def __reduce__(self):
            return "SOMEWHERE"

    with pytest.raises(NotCopied, match="known by name alone"):
        state_of(Named())
