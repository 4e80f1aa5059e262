import pytest

from tfcompress.backend.tensorflow import keras, tf, tfmot
from tfcompress.measuring.outputs import gives_probabilities, output_specs


def dense_softmax():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])


def then(layer):
    inputs = keras.Input((4,))
    return keras.Model(inputs, layer(keras.layers.Dense(3)(inputs)))


@pytest.mark.parametrize(
    "build",
    [
        dense_softmax,
        lambda: then(keras.layers.Softmax()),
        lambda: then(keras.layers.Activation("softmax")),
        lambda: then(tf.nn.softmax),
        lambda: keras.Sequential([dense_softmax()]),
        lambda: tfmot.sparsity.keras.prune_low_magnitude(dense_softmax()),
        lambda: tfmot.quantization.keras.quantize_model(dense_softmax()),
        lambda: tfmot.quantization.keras.quantize_model(then(keras.layers.Activation("softmax"))),
    ],
    ids=["activation", "Softmax", "Activation", "tf.nn", "nested", "pruned", "aware", "aware Activation"],
)
def test_a_softmax_at_the_end_is_seen_however_it_is_written(build):
    assert gives_probabilities(build())


@pytest.mark.parametrize(
    "build",
    [
        lambda: then(keras.layers.Dense(3)),
        lambda: then(tf.nn.log_softmax),
        lambda: then(keras.layers.Activation("relu")),
        lambda: tfmot.quantization.keras.quantize_model(then(keras.layers.Dense(3))),
    ],
    ids=["logits", "log_softmax", "relu", "aware logits"],
)
def test_what_is_no_probability_is_not(build):
    assert not gives_probabilities(build())


class Around(keras.layers.Wrapper):
    """As tfmot's wrapper does after it is loaded: what it holds is called, and not as a layer of the graph."""

    def call(self, inputs):
        return self.layer.call(inputs)


@pytest.mark.parametrize(("activation", "expected"), [("softmax", "softmax"), (None, "")])
def test_an_activation_is_seen_past_a_wrapped_layer_that_only_moves_numbers(activation, expected):
    inputs = keras.Input((4,))
    outputs = Around(keras.layers.Reshape((3, 1)))(keras.layers.Dense(3, activation=activation)(inputs))
    (spec,) = output_specs(keras.Model(inputs, outputs))
    assert spec.activation == expected
