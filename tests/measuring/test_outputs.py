import pytest

from tfcompress.backend.tensorflow import keras, tf, tfmot
from tfcompress.measuring.outputs import gives_probabilities


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
