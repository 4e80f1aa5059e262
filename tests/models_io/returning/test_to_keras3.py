"""Keras 3 in, compressed, Keras 3 out: equal outputs in a process that knows nothing of us."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.backend.tensorflow import tf, tfmot
from tfcompress.layers.twins import keras3 as import_keras3
from tfcompress.models_io.copying import copy_model

keras = import_keras3()
layers, ops = keras.layers, keras.ops

# Reads every FOLDER/*.keras by plain Keras, and writes its outputs for FOLDER/*.npz, by name or number.
FRESH = """
import pathlib, sys, keras, numpy as np
for file in pathlib.Path(sys.argv[1]).glob("*.keras"):
    model = keras.models.load_model(file)
    inputs = dict(np.load(file.with_suffix(".npz")))
    outputs = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    outputs = outputs if isinstance(outputs, (dict, list, tuple)) else [outputs]
    named = outputs if isinstance(outputs, dict) else {str(n): x for n, x in enumerate(outputs)}
    np.savez(file.with_suffix(".outputs.npz"), **{name: np.asarray(x) for name, x in named.items()})
assert not [name for name in sys.modules if name.startswith(("tfcompress", "tf_keras"))]
"""


@dataclasses.dataclass(frozen=True)
class NoFit:
    """A way of fitting that leaves the model as it is."""

    data: tfc.Data | None = None
    steps = 1

    def __call__(self, model, callbacks=()):
        return None


def convolutions():
    model = keras.Sequential(name="convolutions")
    model.add(keras.Input((8, 8, 3), name="image"))
    model.add(layers.Conv2D(16, 3, use_bias=False, name="first"))
    model.add(layers.BatchNormalization(name="normalization"))
    model.add(layers.ReLU(name="relu"))
    model.add(layers.Conv2D(16, 3, activation="hard_silu", name="second"))
    model.add(layers.GlobalAveragePooling2D(name="pooling"))
    model.add(layers.Dropout(0.2, name="dropout"))
    model.add(layers.Dense(5, activation="softmax", name="probabilities"))
    return model


def residual():
    inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(16, 3, padding="same", name="stem")(inputs)
    y = layers.Activation("relu6", name="relu")(layers.BatchNormalization(name="normalization")(x))
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(y)
    y = layers.SeparableConv2D(16, 3, padding="same", name="separable", trainable=False)(y)
    x = layers.Flatten(name="flat")(layers.Add(name="sum")([x, y]))
    return keras.Model(inputs, layers.Dense(4, name="logits")(x), name="residual")


def by_name():
    """Two inputs and two outputs under keys that are neither in order nor the layers' names."""
    right, left = keras.Input((6,), name="right"), keras.Input((4,), name="left")
    x = layers.Dense(16, activation="relu", name="of_right")(right)
    x = layers.Concatenate(name="both")([x, layers.Dense(16, activation="tanh", name="of_left")(left)])
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    outputs = {
        "spam": layers.Dense(1, activation="sigmoid", name="one")(x),
        "kind": layers.Dense(3, name="three")(x),
    }
    return keras.Model({"right": right, "left": left}, outputs, name="by_name")


def recurrent():
    inputs = keras.Input((6, 4), name="sequence")
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True, name="lstm"), name="both_ways")(inputs)
    return keras.Model(inputs, layers.Dense(2, name="last")(layers.LSTM(3, name="summary")(x)), name="recurrent")


def attention():
    inputs = keras.Input((8,), dtype="int32", name="tokens")
    x = layers.Embedding(20, 16, mask_zero=True, name="words")(inputs)
    x = layers.LayerNormalization(name="normalization")(x + layers.MultiHeadAttention(2, 8, name="attention")(x, x))
    x = layers.Dense(16, name="narrow")(layers.Dense(32, activation="gelu", name="wide")(x))
    return keras.Model(inputs, layers.Dense(3, name="scores")(layers.GlobalAveragePooling1D()(x)), name="attention")


def operations():
    inputs = keras.Input((6, 4), name="x")
    x = layers.RMSNormalization(name="hosted")(2 - ops.relu(inputs))  # tf_keras has none: Keras 3 computes it
    x = layers.Dense(8, name="hidden")(ops.reshape(x - ops.mean(inputs, axis=-1, keepdims=True), (-1, 24)))
    x = ops.where(x > 0, ops.concatenate([x, ops.tanh(x)], axis=-1)[:, ::2], ops.exp(x) - 1)
    y = ops.softmax(ops.transpose(ops.reshape(x, (-1, 2, 4)), (0, 2, 1)))
    return keras.Model(inputs, [layers.Dense(2, name="two")(x), y], name="operations")


PRUNED = (convolutions, residual, by_name, attention)
MAKERS = {make.__name__: make for make in (*PRUNED, recurrent, operations)}


def disturbed(model):
    """The model with no weight at its start: biases of zero would hide a mistake."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        values = np.asarray(weight.value)
        noise = random.standard_normal(values.shape).astype(values.dtype) if values.dtype.kind == "f" else 0
        weight.assign(values * np.exp(0.2 * noise) if weight.name.endswith("variance") else values + 0.1 * noise)
    return model


def examples(model):
    """Three random examples, by the names of the model's inputs."""
    random = np.random.default_rng(1)
    found = {}
    for tensor in model.inputs:
        shape = (3, *tensor.shape[1:])
        whole = tf.as_dtype(tensor.dtype).is_integer
        found[tensor.name] = random.integers(0, 20, shape, "int32") if whole else random.normal(size=shape)
    return {name: x if x.dtype == "int32" else x.astype("float32") for name, x in found.items()}


@dataclasses.dataclass(frozen=True)
class Case:
    """What went in, what it was compressed to, what came out, and the outputs of that in a fresh process."""

    original: object
    small: object
    made: object
    inputs: dict
    outputs: dict


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras3")
    parts = {}
    for name, make in MAKERS.items():
        original = disturbed(make())
        small = tfc.load_model(original)
        if make in PRUNED:
            small = tfc.PruneChannels(0.4, round_to=1).apply(small, NoFit())
        made = tfc.to_keras3(small, original)
        made.save(folder / f"{name}.keras")
        inputs = examples(made)
        np.savez(folder / f"{name}.npz", **inputs)
        parts[name] = (original, small, made, inputs)
    plain = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    command = [sys.executable, "-c", FRESH, str(folder)]
    fresh = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True)
    assert fresh.returncode == 0, fresh.stderr
    return {
        name: Case(*values, dict(np.load(folder / f"{name}.outputs.npz"))) for name, values in parts.items()
    }  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_plain_keras_gives_the_same_outputs(name, cases):
    case = cases[name]
    given = case.inputs if isinstance(case.small.input, dict) else list(case.inputs.values())
    wanted = case.small(given, training=False)
    found = case.outputs if isinstance(wanted, dict) else [case.outputs[str(n)] for n in range(len(case.outputs))]
    for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", PRUNED)
def test_what_was_removed_stays_removed(make, cases):
    case = cases[make.__name__]
    assert case.made.count_params() == case.small.count_params() < 0.9 * case.original.count_params()


@pytest.mark.parametrize("name", MAKERS)
def test_names_of_layers_inputs_and_outputs_are_the_originals(name, cases):
    original, made = cases[name].original, cases[name].made
    assert (made.name, list(map(ops.shape, made.inputs))) == (name, list(map(ops.shape, original.inputs)))
    assert [tensor.name for tensor in made.inputs] == [tensor.name for tensor in original.inputs]
    assert {layer.name for layer in original.layers} <= {layer.name for layer in made.layers}
    if isinstance(original, keras.Sequential):
        assert made.output_names == ["probabilities"]
    else:
        assert made.output_names == original.output_names
        assert type(made.output) is type(original.output)


def test_dictionaries_stay_dictionaries(cases):
    case = cases["by_name"]
    assert set(case.outputs) == {"spam", "kind"}
    assert {key: tensor.name for key, tensor in case.made.input.items()} == {"right": "right", "left": "left"}
    assert case.outputs["kind"].shape == (3, 3)


def test_a_layer_that_keras_3_computed_is_again_its_own(cases):
    assert type(cases["operations"].made.get_layer("hosted")) is layers.RMSNormalization


def test_frozen_layers_stay_frozen(cases):
    made = cases["residual"].made
    assert [layer.name for layer in made.layers if not layer.trainable] == ["separable"]
    assert len(made.non_trainable_weights) == 2 + 3  # batch normalization's statistics


def test_zeros_clusters_and_folded_layers_are_kept_to_the_bit(message):
    original = disturbed(convolutions())
    small = tfc.FoldBatchNorm().apply(tfc.load_model(original))
    kernel = small.get_layer("second").kernel
    kernel.assign(np.where(np.abs(kernel) > np.median(np.abs(kernel)), np.round(kernel, 1), 0))
    made = tfc.to_keras3(small, original)
    assert "normalization" not in [layer.name for layer in made.layers]
    for weights, wanted in zip(made.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, wanted)
    assert np.mean(np.asarray(made.get_layer("second").kernel) == 0) >= 0.5


def test_it_shares_nothing_and_trains(cases):
    case = cases["convolutions"]
    before = case.small.get_weights()
    made = tfc.to_keras3(case.small)
    made.compile("sgd", "sparse_categorical_crossentropy")
    made.fit(case.inputs["image"], np.array([0, 1, 2]), verbose=0)
    assert not np.array_equal(np.asarray(made.get_layer("first").kernel), before[0])
    for weights, old in zip(case.small.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, old)


def test_precision_is_that_of_the_tf_keras_model():
    inputs = keras2.Input((4,), name="x")
    outputs = keras2.layers.Dense(3, dtype="mixed_float16", name="half")(inputs)
    made = tfc.to_keras3(keras2.Model(inputs, keras2.layers.Dense(2, name="whole")(outputs)))
    assert [made.get_layer(name).dtype_policy.name for name in ("half", "whole")] == ["mixed_float16", "float32"]


def test_a_file_of_keras_3_has_the_names_of_the_file_it_came_from(tmp_path):
    disturbed(by_name()).save(tmp_path / "theirs.keras")
    small = tfc.load_model(tmp_path / "theirs.keras")
    tfc.save_model(small, tmp_path / "ours.keras", keras=3, original=tmp_path / "theirs.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    assert (set(again.input), set(again.output), again.name) == ({"right", "left"}, {"spam", "kind"}, "by_name")


def doubled(x):
    return x * 2


def test_what_has_no_keras_3_form_is_refused_by_name(message):
    def refused(model):
        return message(tfc.UnsupportedModel, lambda: tfc.to_keras3(model))

    small = tfc.load_model(keras2.Sequential([keras2.Input((4,)), keras2.layers.Dense(3, name="logits")]))
    assert "quantization wrapper of QuantizeAware" in refused(tfc.QuantizeAware().apply(small, NoFit()))
    wrapped = tfmot.sparsity.keras.prune_low_magnitude(copy_model(small))
    assert "still being pruned or clustered" in refused(wrapped)
    inputs = keras2.Input((4,))
    odd = keras2.Model(inputs, tf.math.bessel_i0(inputs))
    assert "no operation of keras.ops is known here for tf.math.bessel_i0" in refused(odd)
    own = keras2.layers.Dense(3, activation=doubled, name="own")
    assert "its activation is a function of its own" in refused(keras2.Sequential([keras2.Input((4,)), own]))


def test_a_difference_is_never_passed(monkeypatch, message):
    small = tfc.load_model(disturbed(residual()))
    monkeypatch.setattr("tfcompress.models_io.returning.keras3_graph._copy_weights", lambda layer, made: None)
    words = message(tfc.UnsupportedModel, lambda: tfc.to_keras3(small))
    assert "outputs must equal the tf_keras model's within" in words


def test_another_original_is_refused(cases, message, tmp_path):
    small = cases["residual"].small
    words = message(tfc.InvalidValue, lambda: tfc.to_keras3(small, cases["by_name"].original))
    assert "must be the model that 'residual' began as" in words
    assert "must be a tf_keras model" in message(tfc.InvalidValue, lambda: tfc.to_keras3(cases["residual"].made))
    assert "must be a Keras model" in message(tfc.InvalidValue, lambda: tfc.to_keras3(small, json))
    path = tmp_path / "small.h5"
    assert "must end in .keras for Keras 3" in message(tfc.InvalidValue, lambda: tfc.save_model(small, path, keras=3))
    path = tmp_path / "small.keras"
    words = message(tfc.InvalidValue, lambda: tfc.save_model(small, path, original=small))
    assert "must be left out for a file of Keras 2" in words
