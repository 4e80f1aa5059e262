"""Quantization-aware training of a pruned or clustered model takes whatever it takes of the plain one."""

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.remarks import collecting
from tfcompress.measuring.measure import kernels, num_distinct, zero_share
from tfcompress.models_io.copying import copy_model

layers = keras.layers


class Doubled(layers.Layer):
    """A layer of the user's own, with weights."""

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(), initializer="ones")

    def call(self, inputs):
        return inputs * self.factor * 2.0


def plain():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2))
    outputs = layers.Normalization(mean=[0.1, 0.2], variance=[1.0, 2.0], name="normalization")(inputs)
    outputs = layers.GaussianNoise(0.01)(layers.Resizing(8, 8, name="resizing")(outputs))
    outputs = layers.Conv2D(4, 3, activation="relu", name="conv")(outputs)
    outputs = layers.DepthwiseConv2D(3, name="depthwise")(outputs)
    outputs = layers.Conv2DTranspose(4, 3, name="transposed")(outputs)
    outputs = Doubled(name="doubled")(outputs / 3.0 - 1.0)
    return keras.Model(inputs, layers.Dense(2, name="logits")(layers.Flatten()(outputs)))


def train(model, callbacks):
    inputs = np.random.default_rng(0).normal(size=(16, 6, 6, 2)).astype("float32")
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(inputs, np.ones((16, 2)), batch_size=4, verbose=0, callbacks=list(callbacks))


FIT = tfc.fit(train, steps=4)


def zeroed(model):
    model = copy_model(model)
    for layer in model.layers:
        if hasattr(layer, "kernel") or layer.name == "depthwise":
            first, *others = layer.get_weights()
            layer.set_weights([np.where(np.arange(first.size).reshape(first.shape) % 2, 0, first), *others])
    return model


def test_the_same_layers_stay_in_float_and_all_zeros_stay():
    model = plain()
    with collecting() as said:
        tfc.QuantizeAware().apply(model, FIT)
    pruned = zeroed(model)
    with collecting() as said_of_pruned:
        aware = tfc.QuantizeAware().apply(pruned, FIT)
    assert said_of_pruned == said
    assert {sentence.split()[0] for sentence in said} >= {"normalization", "resizing", "doubled"}
    after = kernels(aware)
    for name, kernel in kernels(pruned).items():
        assert zero_share(kernel) == 0.5
        assert np.array_equal(after[name] == 0, kernel == 0), name
    assert not np.array_equal(after["transposed/kernel"], kernels(pruned)["transposed/kernel"])


def test_a_clustered_model_with_zeros_too():
    model = tfc.Cluster(4).apply(zeroed(plain()), FIT)
    aware = tfc.QuantizeAware().apply(model, FIT)
    after = kernels(aware)
    for name in ("conv/kernel", "transposed/kernel", "logits/kernel"):
        assert num_distinct(after[name]) <= 4
        assert np.array_equal(after[name] == 0, kernels(model)[name] == 0), name
