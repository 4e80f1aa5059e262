"""Weights of coupled channels, channel by channel."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras
from tfcompress.graph.dependencies import channel_graph
from tfcompress.pruning.channel_slices import family_slices


@pytest.fixture
def model():
    layers = keras.layers
    inputs = keras.Input((2, 2, 3))
    x = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 1, name="conv", use_bias=False)(inputs))
    return keras.Model(inputs, layers.Dense(5, name="dense")(layers.Flatten()(x)))


def test_slices_are_rows_of_each_weight(model):
    graph = channel_graph(model)
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    slices = {(part.layer, part.weight): part for part in family_slices(graph, graph.families[0], weights)}
    np.testing.assert_array_equal(slices["conv", "kernel"].rows, weights["conv"][0].reshape(3, 4).T)
    assert slices["bn", "gamma"].rows.shape == (4, 1)
    # 2 x 2 places of each channel, 5 units each: row i holds entries i, i + 4, i + 8, i + 12 of the dense kernel
    np.testing.assert_array_equal(slices["dense", "kernel"].rows[1], weights["dense"][0][1::4].ravel())
    assert [part.role for part in slices.values()].count("takes") == 1


def test_a_channel_that_is_read_twice_has_both_entries_in_its_row():
    layers = keras.layers
    inputs = keras.Input((2, 2, 3))
    x = layers.Conv2D(2, 1, name="conv")(inputs)
    other = layers.Conv2D(1, 1, name="one")(inputs)
    joined = layers.Concatenate()([x, other, x])
    graph = channel_graph(keras.Model(inputs, layers.Conv2D(1, 1, name="last")(joined)))
    weights = {"last": [np.arange(5.0).reshape(1, 1, 5, 1), np.zeros(1)], "conv": [np.ones((1, 1, 3, 2)), np.ones(2)],
               "one": [np.ones((1, 1, 3, 1)), np.ones(1)]}  # fmt: skip
    family = next(family for family in graph.families if family.layers == ("conv",))
    read = next(part for part in family_slices(graph, family, weights) if part.layer == "last")
    np.testing.assert_array_equal(read.rows, [[0, 3], [1, 4]])
