import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.graph.network import kernel_of
from tfcompress.quantization.after_training.layerwise import bend, examples, followed, linear, read_by

layers = keras.layers


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.Conv2D(4, 3, dilation_rate=2),
        layers.Conv2D(6, 3, groups=3, use_bias=False),
        layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2),
        layers.DepthwiseConv2D(3, dilation_rate=2, use_bias=False),
        layers.Dense(5),
    ],
)
def test_the_linear_part_is_what_the_layer_computes(layer):
    inputs = np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype("float32")
    layer.build(inputs.shape)
    np.testing.assert_allclose(linear(layer, inputs, kernel_of(layer)), layer(inputs), atol=1e-5)
    np.testing.assert_allclose(
        linear(layer, inputs, 2 * kernel_of(layer)), 2 * layer(inputs), atol=1e-4
    )  # the bias is zero


def test_one_dimension():
    layer = layers.Conv1D(4, 3, padding="same")
    inputs = np.random.default_rng(0).normal(size=(4, 9, 3)).astype("float32")
    layer.build(inputs.shape)
    np.testing.assert_allclose(linear(layer, inputs, layer.kernel), layer(inputs), atol=1e-5)


def test_what_a_layer_reads_is_what_comes_before_it():
    model = tfc.simple_cnn((8, 8, 1), width=2, hidden_units=3)
    inputs = np.random.default_rng(0).normal(size=(150, 8, 8, 1)).astype("float32")
    parts = list(read_by(model, "conv2", inputs))
    assert [len(part) for part in parts] == [64, 64, 22]
    first = model.get_layer("pool1")(model.get_layer("conv1")(inputs))
    np.testing.assert_allclose(np.concatenate(parts), first, atol=1e-6)


def test_the_activation_is_the_layers_own_or_the_relu_after_it():
    inputs = keras.Input((4,))
    x = layers.Dense(4, name="a", activation="relu")(inputs)
    x = layers.ReLU(6.0, name="r")(layers.Dense(4, name="b")(x))
    x = layers.Dense(4, name="c")(x)
    x = layers.Dense(4, name="d", activation="sigmoid")(layers.Add()([x, x]))
    model = keras.Model(inputs, x)
    values = np.array([[-1.0, 0.0, 3.0, 9.0]], "float32")
    bent = {name: bend(model, model.get_layer(name), "x")(values) for name in "abcd"}
    assert np.asarray(bent["a"]).tolist() == [[0, 0, 3, 9]]
    assert np.asarray(bent["b"]).tolist() == [[0, 0, 3, 6]]
    assert np.asarray(bent["c"]).tolist() == np.asarray(bent["d"]).tolist() == values.tolist()


def test_layers_that_can_be_followed():
    inputs = keras.Input((9, 3))
    x = layers.Conv1D(3, 3, padding="causal", name="causal")(inputs)
    x = layers.Conv1D(3, 3, name="plain")(x)
    shared = layers.Dense(3, name="shared")
    model = keras.Model(inputs, layers.Dense(2, name="last")(layers.LSTM(3, name="lstm")(shared(shared(x)))))
    assert [layer.name for layer in followed(model, "x")] == ["plain", "last"]


def test_examples_are_drawn_from_the_training_split_by_the_seed(digits):
    model = keras.Sequential([layers.Flatten(input_shape=digits.input_shape)])
    drawn = examples(model, digits, 10, 0)
    assert drawn.shape == (10, 8, 8, 1)
    train = digits.model_inputs(digits.train.inputs)
    assert all((train == one).all(axis=(1, 2, 3)).any() for one in drawn)
    assert (drawn != examples(model, digits, 10, 1)).any()
    np.testing.assert_array_equal(drawn, examples(model, digits, 10, 0))
