"""A model made anew from its configuration is the same but for what was asked for."""

import numpy as np

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.graph.rebuilding import rebuilt

layers = keras.layers


def test_a_model_without_a_layer_reads_what_was_before_it():
    inputs = keras.Input((4,))
    x = layers.Dense(4, name="a")(inputs)
    x = layers.Dropout(0.1, name="gone2")(layers.Dropout(0.1, name="gone1")(x))
    model = keras.Model(inputs, [tf.concat([x, 2.0 * x], -1), x])
    made = rebuilt(model, {"a": {("activation",): "relu"}}, dropped={"gone1", "gone2"})
    assert not {"gone1", "gone2"} & {layer.name for layer in made.layers}
    values = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    wanted = np.maximum(model(values)[1], 0)
    np.testing.assert_allclose(made(values)[1], wanted, atol=1e-6)
    np.testing.assert_allclose(made(values)[0], np.concatenate([wanted, 2 * wanted], -1), atol=1e-6)


def test_a_sequential_model_stays_one_until_a_layer_is_dropped():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.ReLU(name="b")], name="row")
    same, shorter = rebuilt(model, {}), rebuilt(model, {}, dropped=["b"])
    assert isinstance(same, keras.Sequential)
    assert [layer.name for layer in shorter.layers if layer.weights or layer.name == "b"] == ["a"]
    values = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.testing.assert_array_equal(same(values), model(values))
    np.testing.assert_array_equal(np.maximum(shorter(values), 0), model(values))


def test_settings_lead_into_lists_and_calls_and_weights_of_another_shape_are_left_to_the_caller():
    inputs = keras.Input((4,))
    x = layers.Reshape((2, 3), name="shape")(layers.Dense(6, name="a")(inputs))
    model = keras.Model(inputs, tf.reshape(x, [-1, 6]))
    operation = model.layers[-1].name
    settings = {"a": {("units",): 4}, "shape": {("target_shape", 1): 2}, operation: {("call", "shape", 1): 4}}
    made = rebuilt(model, settings)
    assert made.output_shape == (None, 4) and made.get_layer("shape").target_shape == (2, 2)
    assert model.output_shape == (None, 6)


def test_what_says_whatever_is_left_still_says_so():
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Reshape((-1, 3), name="shape")(inputs))
    assert rebuilt(model, {"shape": {("target_shape", 0): 5}}).get_layer("shape").target_shape == (-1, 3)
