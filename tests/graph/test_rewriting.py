"""Models inside of models, flattened: the same answers, each layer under its own name."""

import numpy as np

from tfcompress.backend.tensorflow import keras
from tfcompress.graph.rewriting import flattened, has_models_inside

layers = keras.layers


def block(name, width=4):
    inputs = keras.Input((6, width))
    x = layers.Conv1D(width, 3, padding="same", name="conv")(inputs)
    return keras.Model(inputs, layers.Add(name="sum")([x, inputs]), name=name)


def nested(training=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 4), name="in")
    first, second = block("first"), block("second")
    x = first(first(inputs))  # shared
    x = second(x) if training is None else second(x, training=training)
    x = keras.Sequential([layers.BatchNormalization(name="norm"), layers.Flatten(name="flat")], name="tail")(x)
    return keras.Model(inputs, [layers.Dense(2, name="answer")(x), x], name="whole")


def test_answers_and_weights_are_the_same():
    model = nested()
    flat = flattened(model)
    assert has_models_inside(model) and not has_models_inside(flat)
    inputs = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")
    for ours, theirs in zip(flat(inputs), model(inputs), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert (flat.name, flat.input_names) == (model.name, model.input_names)


def test_names_are_the_layers_own_and_a_second_one_tells_the_way():
    names = [layer.name for layer in flattened(nested()).layers]
    assert {"conv", "sum", "second_conv", "second_sum", "norm", "flat", "answer"} <= set(names)


def test_the_model_is_left_alone():
    model = nested()
    before = [layer.name for layer in model._flatten_layers()]
    flattened(model)
    assert [layer.name for layer in model._flatten_layers()] == before
    assert all(len(layer.inbound_nodes) == 1 for layer in model.layers if layer.name not in ("in", "first"))


def test_a_part_that_is_frozen_in_its_call_stays_frozen():
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(name="norm")], name="inner")
    inputs = keras.Input((4,))
    flat = flattened(keras.Model(inputs, inner(inputs, training=False)))
    batch = np.random.default_rng(0).normal(3.0, 2.0, size=(8, 4)).astype("float32")
    np.testing.assert_allclose(flat(batch, training=True), flat(batch, training=False), atol=1e-6)


def test_a_flat_model_is_given_back():
    model = block("alone")
    assert flattened(model) is model
