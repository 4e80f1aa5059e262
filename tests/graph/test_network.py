import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.graph.network import Network, kernel_of

layers = keras.layers


def test_the_only_reader_is_the_layer_behind_but_of_an_output():
    model = tfc.simple_cnn((8, 8, 1), width=2, hidden_units=3)
    network = Network(model, "x")
    assert [layer.name for layer in network.layers()] == [layer.name for layer in model.layers]
    first, last = network.only_call(model.get_layer("conv1")), network.only_call(model.layers[-1])
    assert network.only_reader(first).name == "pool1"
    assert network.only_reader(last) is None  # the model's output


def test_a_layer_called_twice_has_no_only_call_and_a_branch_no_only_reader():
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    a = layers.Dense(4, name="a")(shared(shared(inputs)))
    model = keras.Model(inputs, layers.Add()([a, layers.ReLU()(a)]))
    network = Network(model, "x")
    assert network.only_call(model.get_layer("shared")) is None
    assert network.only_reader(network.only_call(model.get_layer("a"))) is None


def test_what_reads_two_tensors_is_no_only_reader():
    inputs = keras.Input((4,))
    a, b = layers.Dense(4, name="a")(inputs), layers.Dense(4, name="b")(inputs)
    add = layers.Add()
    network = Network(model := keras.Model(inputs, add([a, b])), "x")
    assert [layer.name for layer in network.makers(network.only_call(add))] == ["a", "b"]
    assert network.only_reader(network.only_call(model.get_layer("a"))) is None


def test_calls_of_another_model_are_not_seen():
    inputs = keras.Input((4,))
    a = layers.Dense(4, name="a")
    middle = a(inputs)
    layers.ReLU()(middle)  # a reader that is not part of the model
    model = keras.Model(inputs, layers.Softmax(name="end")(middle))
    network = Network(model, "x")
    assert network.only_reader(network.only_call(a)).name == "end"


def test_only_known_layers_have_a_kernel():
    class Own(layers.Dense):
        pass

    dense, own = layers.Dense(2), Own(2)
    keras.Sequential([keras.Input((3,)), dense, own])
    assert kernel_of(dense) is dense.kernel
    assert kernel_of(own) is None
    assert kernel_of(layers.ReLU()) is None


def test_a_model_without_a_graph_is_refused():
    class Own(keras.Model):
        pass

    with pytest.raises(tfc.UnsupportedModel, match="^Equalize expects a functional model"):
        tfc.Equalize().apply(Own())
