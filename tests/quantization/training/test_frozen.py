"""Quantization-aware training leaves frozen layers and fixed statistics as they are, through copies and files too."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring.measure import plain_name
from tfcompress.models_io.copying import copy_model, load_model, save_model
from tfcompress.quantization.training.ranges import activation_ranges

layers = keras.layers
CHANGED_BY_TRAINING = {"conv2": ["kernel"], "bn_still": ["gamma", "beta"], "bn_alone": ["gamma", "beta"]}
CHANGED_BY_TRAINING["head"] = ["kernel", "bias"]


def train(model, callbacks=()):
    inputs = np.random.default_rng(0).normal(1, 2, (32, 8, 8, 3)).astype("float32")
    model.compile(keras.optimizers.AdamW(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(inputs, np.arange(32) % 2, batch_size=16, epochs=2, verbose=0, callbacks=list(callbacks))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    outputs = layers.Conv2D(4, 3, name="conv", trainable=False)(inputs)
    outputs = layers.BatchNormalization(name="bn_frozen", trainable=False)(outputs)
    outputs = layers.Conv2D(4, 3, name="conv2", use_bias=False)(layers.ReLU()(outputs))
    outputs = layers.BatchNormalization(name="bn_still")(outputs, training=False)
    outputs = layers.Dropout(0.9, name="drop")(layers.ReLU()(outputs), training=False)
    outputs = layers.BatchNormalization(name="bn_alone")(outputs, training=False)
    outputs = layers.Dense(4, name="dense", trainable=False)(layers.Flatten()(outputs))
    return keras.Model(inputs, layers.Dense(2, name="head")(outputs))


@pytest.fixture(scope="module")
def aware(model):
    return tfc.QuantizeAware().apply(model, tfc.fit(train, steps=4))


def own_weights(model):
    """Weights of the layers by "layer/weight", whether wrapped or not, without the ranges of quantizers."""
    return {
        f"{plain_name(layer)}/{weight.name.split('/')[-1][:-2]}": weight.numpy()
        for layer in model.layers
        for weight in layer.weights
        if not weight.name[:-2].endswith(("_min", "_max", "optimizer_step"))
    }


def changed(before, after):
    assert set(before) == set(after)
    return {name for name in before if not np.array_equal(before[name], after[name])}


def expected():
    return {f"{layer}/{weight}" for layer, names in CHANGED_BY_TRAINING.items() for weight in names}


def test_only_what_is_not_frozen_is_trained_and_fixed_statistics_stay(model, aware):
    assert changed(own_weights(model), own_weights(aware)) == expected()


def test_ranges_are_followed_behind_frozen_layers_too(aware):
    minima, maxima = activation_ranges(aware)
    assert len(minima) == len(maxima) == 6
    assert all(low.numpy() != -6 for low in minima) and all(high.numpy() != 6 for high in maxima)


@pytest.mark.parametrize("suffix", ["copy", ".keras", ".h5"])
def test_a_copy_trains_no_more_than_the_model_does(aware, suffix, tmp_path):
    if suffix == "copy":
        again = copy_model(aware)
    else:
        save_model(aware, tmp_path / f"model{suffix}")
        again = load_model(tmp_path / f"model{suffix}")
    assert not changed(own_weights(aware), own_weights(again))
    train(again)
    assert changed(own_weights(aware), own_weights(again)) == expected()


def test_a_layer_that_is_thawed_is_trained(aware):
    again = copy_model(aware)
    again.get_layer("quant_dense").trainable = True
    train(again)
    assert "dense/kernel" in changed(own_weights(aware), own_weights(again))


def test_a_frozen_backbone_is_left_alone(model):
    backbone = keras.Model(model.input, model.get_layer("bn_alone").output, name="backbone")
    inputs = keras.Input((8, 8, 3))
    outputs = layers.Flatten()(copy_model(backbone)(inputs, training=False))
    whole = keras.Model(inputs, layers.Dense(2, name="logits")(outputs))
    whole.get_layer("backbone").trainable = False
    aware = tfc.QuantizeAware().apply(whole, tfc.fit(train, steps=4))
    before = own_weights(whole.get_layer("backbone"))
    after = own_weights(aware)
    assert not changed(before, {name: after[name] for name in before})
