"""Models with a call() only: traced, or refused with the reason."""

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2


def test_a_subclassed_tf_keras_model_is_traced():
    class Model(keras2.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = keras2.layers.Dense(3), keras2.layers.Dense(2)

        def call(self, x):
            return self.second(keras2.activations.relu(self.first(x)))

    model = Model()
    model(np.ones((2, 5), "float32"))
    assert tfc.load_with_report(model).largest_difference < 1e-4


def subclass(keras3, call):
    class Model(keras3.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.dense = keras3.layers.Dense(3, name="dense")
            self.other = keras3.layers.Dense(3, name="other")

        def build(self, shape):
            self.dense.build(shape)
            self.other.build(shape)

    Model.call = call
    return Model()


def test_an_unbuilt_model_is_refused(keras3, message):
    model = subclass(keras3, lambda self, x: self.dense(x))
    assert "Call it on one example first" in message(tfc.UnsupportedModel, lambda: tfc.load_model(model))


def test_a_layer_that_the_trace_misses_is_told(keras3, message):
    model = subclass(keras3, lambda self, x: self.dense(x))
    model(np.ones((2, 5), "float32"))
    said = message(tfc.UnsupportedModel, lambda: tfc.load_model(model))
    assert "'mine'" in said and "other" in said and "keras.Model(inputs, outputs)" in said


def test_another_way_in_training_is_refused(keras3, message):
    def call(self, x, training=None):
        return self.dense(x) + self.other(x * 2 if training else x)

    model = subclass(keras3, call)
    model(np.ones((2, 5), "float32"))
    assert "something else in training" in message(tfc.UnsupportedModel, lambda: tfc.load_model(model))


def test_weights_outside_of_layers_are_refused(keras3, message):
    class Model(keras3.Model):
        def __init__(self):
            super().__init__(name="mine")
            self.dense, self.gain = keras3.layers.Dense(3), self.add_weight(shape=(3,), name="gain")

        def call(self, x):
            return self.dense(x) * self.gain

    model = Model()
    model(np.ones((2, 5), "float32"))
    assert "gain" in message(tfc.UnsupportedModel, lambda: tfc.load_model(model))
