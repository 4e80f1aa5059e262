"""Which layers one TFLite operation computes."""

from tfcompress.backend.tensorflow import keras
from tfcompress.graph.output_chain import output_chains

L = keras.layers


def chains(build):
    inputs = keras.Input((8, 8, 3))
    found = output_chains(keras.Model(inputs, build(inputs)), "test")
    return {name: [layer.name for layer in chain[1:]] for name, chain in found.items()}


def test_a_normalization_and_a_rectifier_are_built_in():
    def build(x):
        x = L.ReLU(6.0, name="relu")(L.BatchNormalization(name="bn")(L.Conv2D(4, 3, name="conv")(x)))
        return L.Activation("relu", name="act")(L.Conv2D(4, 3, name="plain")(x))

    found = chains(build)
    assert (found["conv"], found["plain"]) == (["bn", "relu"], ["act"])


def test_an_activation_of_its_own_ends_it():
    found = chains(lambda x: L.BatchNormalization(name="bn")(L.Conv2D(4, 3, activation="relu", name="conv")(x)))
    assert found["conv"] == []


def test_other_activations_are_operations_of_their_own():
    assert chains(lambda x: L.Activation("sigmoid")(L.Conv2D(4, 3, name="conv")(x)))["conv"] == []
    assert chains(lambda x: L.ReLU(negative_slope=0.1)(L.Conv2D(4, 3, name="conv")(x)))["conv"] == []


def test_a_tensor_with_two_readers_is_a_tensor_of_the_file():
    def build(x):
        x = L.Conv2D(4, 3, padding="same", name="conv")(x)
        return L.Add()([L.ReLU(name="relu")(x), x])

    assert chains(build)["conv"] == []


def test_layers_of_nested_models_are_followed_there():
    inner = keras.Input((8, 8, 3))
    nested = keras.Model(inner, L.ReLU(name="relu")(L.Conv2D(4, 3, name="conv")(inner)), name="nested")
    assert chains(lambda x: L.Flatten()(nested(x)))["conv"] == ["relu"]
