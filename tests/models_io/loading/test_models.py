"""Models that people hold: in, equal, saved by their own Keras, in again, saved by us, in again."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras as keras2
from tfcompress.backend.tensorflow import tf
from tfcompress.layers.twins import keras3 as import_keras3
from tfcompress.models_io.copying import copy_model
from tfcompress.models_io.loading.equality import TOLERANCE, compare

keras = import_keras3()
layers, ops = keras.layers, keras.ops


@keras.saving.register_keras_serializable("tests")
class Scale(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="kernel")

    def call(self, x):
        return x * self.kernel + ops.mean(x, axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    """A transformer block, as keras.io's examples write it."""

    def __init__(self, width=16, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.attention = layers.MultiHeadAttention(2, width // 2)
        self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()
        self.dropout = layers.Dropout(0.1)
        self.dense = keras.Sequential([layers.Dense(2 * width, activation="relu"), layers.Dense(width)])

    def build(self, shape):
        self.attention.build(shape, shape)
        for layer in (self.first, self.second, self.dense):
            layer.build(shape)

    def call(self, x, training=None):
        x = self.first(x + self.dropout(self.attention(x, x), training=training))
        return self.second(x + self.dense(x))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("tests")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.normalize, self.answer = layers.Dense(8), layers.BatchNormalization(), layers.Dense(3)

    def call(self, x, training=None):
        return self.answer(self.normalize(ops.relu(self.hidden(x)), training=training))


def transformer():
    inputs = keras.Input((12,), dtype="int32")
    x = layers.Embedding(50, 16, mask_zero=True)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, activation="gelu")(x)))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


def recurrent(kind):
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Embedding(50, 16, mask_zero=True)(inputs)
    x = layers.Bidirectional(kind(8, return_sequences=True))(x)
    return keras.Model(inputs, layers.Dense(3)(kind(8)(x)))


def cells():
    inputs = keras.Input((6, 4))
    x = layers.RNN([layers.LSTMCell(5), layers.GRUCell(3)], return_sequences=True)(inputs)
    return keras.Model(inputs, layers.TimeDistributed(layers.Dense(2))(x))


def unet():
    inputs = x = keras.Input((32, 32, 3))
    skips = []
    for width in (8, 16):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(32, 3, padding="same", activation="silu")(x)
    for width in (16, 8):
        x = ops.concatenate([layers.Conv2DTranspose(width, 2, strides=2)(x), skips.pop()], axis=-1)
        x = layers.Conv2D(width, 3, padding="same", activation="hard_sigmoid")(x)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def nested():
    """One backbone for two inputs, once frozen; outputs by name."""
    backbone = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3, name="conv1"),
            layers.BatchNormalization(name="bn"),
            layers.Flatten(),
        ],
        name="backbone",
    )
    first, second = keras.Input((16, 16, 3), name="first"), keras.Input((16, 16, 3), name="second")
    difference = backbone(first) - backbone(second, training=False)
    outputs = {"answer": layers.Dense(2)(difference), "size": ops.abs(backbone(first))}
    return keras.Model({"first": first, "second": second}, outputs)


def preprocessing():
    inputs = keras.Input((16, 16, 3))
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(0).random((10, 16, 16, 3)) * 3 + 1)
    x = normalization(layers.RandomFlip()(layers.Rescaling(1 / 127.5, offset=-1)(inputs)))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Resizing(8, 8)(x))))


def words():
    text, letter = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="string")
    vectorization = layers.TextVectorization(20, output_sequence_length=6)
    vectorization.adapt(["hello big world", "good day to you"])
    x = layers.Flatten()(layers.Embedding(20, 4)(vectorization(text)))
    y = layers.StringLookup(vocabulary=["a", "b", "c"], output_mode="one_hot")(letter)
    return keras.Model([text, letter], layers.Dense(2)(ops.concatenate([x, y], axis=-1)))


def arithmetic():
    x = keras.Input((6, 8))
    first, second = ops.split(x, 2, axis=-1)
    y = ops.einsum("btc,bsc->bts", first, 1.0 - second)
    y = ops.where(y > 0.1, y, ops.log1p(ops.exp(-ops.square(y))))
    y = ops.pad(ops.transpose(y, (0, 2, 1))[:, ::2, None], [[0, 0], [0, 0], [1, 1], [0, 0]])
    y = ops.sum(ops.expand_dims(ops.squeeze(y[:, :, 1:2], 2), 1), axis=(1, 2)) / np.arange(1, 7, dtype="float32")
    y = (
        ops.clip(ops.stack([y, ops.softmax(y) * 3], axis=1), -1.0, 1.0)
        + ops.cast(ops.argmax(y, axis=-1) > 2, "float32")[:, None, None]
    )
    return keras.Model(
        x, [ops.reshape(y, (-1, 12)), ops.take(x, [1, 0], axis=1), ops.one_hot(ops.argmax(x, axis=-1), 8)]
    )


def custom():
    inputs = keras.Input((12, 16))
    x = layers.RMSNormalization()(Block(name="block")(Scale()(inputs)))
    x = layers.AdaptiveAveragePooling1D(3)(ops.sort(x))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))


def subclassed():
    model = Subclassed()
    model(np.zeros((2, 5), "float32"))
    return model


MODELS = {
    "transformer": transformer,
    "lstm": lambda: recurrent(layers.LSTM),
    "gru": lambda: recurrent(layers.GRU),
    "cells": cells,
    **{make.__name__: make for make in (unet, nested, preprocessing, words, arithmetic, custom, subclassed)},
}


def disturbed(model):
    """The model with no weight at its start: biases of zero would hide a mistake."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in ("mean", "variance", "count"):  # Normalization's: it has worked with them already
            continue
        values = np.asarray(weight.value)
        noise = random.standard_normal(values.shape).astype(values.dtype) if values.dtype.kind == "f" else 0
        weight.assign(values * np.exp(0.2 * noise) if weight.name.endswith("variance") else values + 0.1 * noise)
    return model


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == "gru" else ()) for name in MODELS],  # as "lstm" is
)
def test_comes_in_equal_from_memory_and_file_and_back(name, tmp_path):
    model = disturbed(MODELS[name]())
    assert tfc.load_with_report(model).largest_difference < TOLERANCE

    model.save(tmp_path / "theirs.keras")
    arrival = tfc.load_with_report(tmp_path / "theirs.keras")
    assert arrival.largest_difference < TOLERANCE
    assert not any(isinstance(layer, keras2.Model) for layer in arrival.model.layers)

    tfc.save_model(arrival.model, tmp_path / "ours.keras")
    again = tfc.load_model(tmp_path / "ours.keras")
    reference = arrival.model

    def answers(x):
        return tf.nest.flatten(reference(x if len(x) > 1 else x[0], training=False))

    assert compare(answers, again).difference == 0


def test_nested_names_are_readable_and_shared_layers_are_one():
    model = tfc.load_model(nested())
    names = [layer.name for layer in model.layers]
    assert names.count("backbone_conv1") == 1
    assert len(model.get_layer("backbone_conv1")._inbound_nodes) == 3  # as often as it was called


def test_a_frozen_call_stays_frozen():
    """The backbone was called with training=False on the second input, and so its batch normalization is."""
    model = tfc.load_model(nested())
    calls = [node.call_kwargs.get("training") for node in model.get_layer("backbone_bn")._inbound_nodes]
    assert sorted(calls, key=str) == [False, None, None]


def test_a_block_of_layers_becomes_its_layers_and_the_rest_is_hosted():
    arrival = tfc.load_with_report(custom())
    assert {"block_multi_head_attention", "block_dropout"} <= {
        layer.name.rstrip("_0123456789") for layer in arrival.model.layers
    }
    assert sorted(name.rstrip("_0123456789") for name in arrival.hosted) == [
        "adaptive_average_pooling1d".rstrip("_0123456789"), "rms_normalization", "scale", "sort",
    ]  # fmt: skip
    assert any(weight.name.split(":")[0].endswith("kernel") for weight in arrival.model.get_layer("scale" if "scale" in
        arrival.hosted else next(n for n in arrival.hosted if n.startswith("scale"))).trainable_weights)  # fmt: skip


def test_hosted_layers_train():
    model = tfc.load_model(custom())
    before = [weight.numpy() for weight in model.trainable_weights]
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    model.fit(random.random((8, 12, 16)), random.random((8, 2)), verbose=0)
    # An attention's key bias adds the same to every score: its gradient is zero, or what rounding leaves of it.
    still = [w.name for w, old in zip(model.trainable_weights, before, strict=True) if np.array_equal(w.numpy(), old)]
    assert not [name for name in still if "key/bias" not in name]


def test_augmentation_is_not_baked_on():
    model = tfc.load_model(preprocessing())
    assert [node.call_kwargs for layer in model.layers if "flip" in layer.name for node in layer._inbound_nodes] == [{}]


def test_dropout_at_inference_is_told_and_not_compared():
    inputs = keras2.Input((50,))
    model = keras2.Model(inputs, keras2.Sequential([keras2.layers.Dropout(0.5)])(inputs, training=True))
    arrival = tfc.load_with_report(model)
    assert arrival.largest_difference is None
    assert "two outputs" in str(arrival)


def test_training_true_of_keras_3_is_overruled_by_predict_as_in_keras_3():
    inputs = keras.Input((50,))
    assert tfc.load_with_report(keras.Model(inputs, layers.Dropout(0.5)(inputs, training=True))).largest_difference == 0


def test_a_hosted_layer_of_several_arguments():
    query, value = keras.Input((5, 8)), keras.Input((6, 8))
    x = layers.GroupQueryAttention(4, 4, 2)(query, value, use_causal_mask=True)
    arrival = tfc.load_with_report(disturbed(keras.Model([query, value], x)))
    assert len(arrival.hosted) == 1 and arrival.largest_difference < TOLERANCE
    assert copy_model(arrival.model).count_params() == arrival.model.count_params()


def test_mixed_precision_becomes_float32():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = keras.Input((8,))
        model = keras.Model(inputs, layers.Dense(3)(layers.Dense(16, activation="relu")(inputs) * 2))
    finally:
        keras.config.set_dtype_policy("float32")
    made = tfc.load_model(model)
    assert {layer.compute_dtype for layer in made.layers} == {"float32"}


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize` method")
def test_a_layer_quantized_by_keras_3_is_refused(message):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, name="answer")])
    model.quantize("int8")
    assert "'answer' must have float weights" in message(tfc.UnsupportedModel, lambda: tfc.load_model(model))
