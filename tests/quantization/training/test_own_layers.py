"""Layers of our own: in float they answer as Keras's do, and what they cannot take the place of is named."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras
from tfcompress.graph.rewriting import rewritten
from tfcompress.layers.int8.all_layers import split_equation
from tfcompress.quantization.training.coverage import gaps
from tfcompress.quantization.training.own_layers import has_own, objection, own

layers = keras.layers
SEQUENCE, WORDS = (9, 4), (9,)


def attend(**settings):
    layer = layers.MultiHeadAttention(2, 3, name="odd", **settings)
    return lambda x: layer(x, layers.Conv1D(5, 2)(x))


TAKEN = {
    "Conv1D": layers.Conv1D(6, 3, padding="same", activation="relu"),
    "Conv1D causal, dilated": layers.Conv1D(6, 3, padding="causal", dilation_rate=2, use_bias=False),
    "Conv1D strided": layers.Conv1D(6, 3, strides=2),
    "DepthwiseConv1D": layers.DepthwiseConv1D(3, strides=2, depth_multiplier=2, padding="same", activation="tanh"),
    "BatchNormalization": layers.BatchNormalization(),
    "BatchNormalization without scale": layers.BatchNormalization(scale=False),
    "BatchNormalization without centre": layers.BatchNormalization(center=False),
    "LayerNormalization": layers.LayerNormalization(),
    "LayerNormalization plain": layers.LayerNormalization(center=False, scale=False),
    "EinsumDense": layers.EinsumDense("abc,cde->abde", output_shape=(9, 2, 3), bias_axes="de"),
    "EinsumDense of short bias": layers.EinsumDense("abc,cde->abde", output_shape=(9, 2, 3), bias_axes="e"),
    "EinsumDense of two axes": layers.EinsumDense("abc,bcd->ad", output_shape=(5,), activation="gelu"),
    "MultiHeadAttention": attend(),
    "MultiHeadAttention, other widths": attend(value_dim=5, output_shape=7, use_bias=False),
    "LSTM": layers.LSTM(5),
    "LSTM of all steps": layers.LSTM(5, return_sequences=True, use_bias=False),
    "LSTM backwards": layers.LSTM(5, return_sequences=True, go_backwards=True),
    "LSTM unrolled": layers.LSTM(5, unroll=True),
    "GRU": layers.GRU(5),
    "GRU of all steps": layers.GRU(5, return_sequences=True),
    "GRU without bias": layers.GRU(5, use_bias=False),
}
REFUSED = {
    "Conv1D first": (layers.Conv1D(6, 3, data_format="channels_first"), "channels come first"),
    "Conv1D groups": (layers.Conv1D(6, 3, groups=2), "in groups"),
    "Conv1D swish": (layers.Conv1D(6, 3, activation="swish"), "swish inside of Conv1D is not int8"),
    "BatchNormalization": (layers.BatchNormalization(axis=1), "do not come last"),
    "LayerNormalization": (layers.LayerNormalization(axis=[1, 2]), "other axes"),
    "EinsumDense": (layers.EinsumDense("abc,bcd->abd", output_shape=(9, 3)), "no product with a matrix"),
    "EinsumDense bias": (layers.EinsumDense("abc,cd->abd", output_shape=(9, 3), bias_axes="bd"), "from place to place"),
    "causal": (lambda x: layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True), "given a mask"),
    "scores": (lambda x: layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True)[0], "are an output"),
    "LSTM state": (lambda x: layers.LSTM(3, return_state=True)(x)[0], "its state is an output"),
    "LSTM given": (lambda x: layers.LSTM(3)(x, initial_state=[x[:, 0, :3], x[:, 1, :3]]), "is given a state"),
    "LSTM relu": (layers.LSTM(3, activation="relu"), "not tanh and sigmoid"),
    "GRU": (layers.GRU(3, reset_after=False), "reset_after=True"),
}


def model_of(layer, shape=SEQUENCE):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    rng = np.random.default_rng(0)
    # Positive, as variances must be; and no bias or mean is zero.
    model.set_weights([rng.uniform(0.1, 0.6, weight.shape) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("layer", TAKEN.values(), ids=TAKEN)
def test_ours_answers_as_keras_does_and_has_its_weights(layer):
    model = model_of(layer)
    ours = rewritten(model, lambda layer: own(layer) if has_own(layer) else None)
    assert any(type(layer).__name__.startswith("Aware") for layer in ours.layers)
    assert [weight.shape for weight in ours.get_weights()] == [weight.shape for weight in model.get_weights()]
    inputs = np.random.default_rng(1).normal(size=(3, *SEQUENCE)).astype("float32")
    np.testing.assert_allclose(ours(inputs), model(inputs), atol=2e-5)
    assert ours.output_shape == model.output_shape


@pytest.mark.parametrize("name", ["BatchNormalization", "LSTM", "MultiHeadAttention"])
def test_ours_trains_as_keras_does(name):
    """Batch statistics, and gradients through the loop."""
    inputs = np.random.default_rng(1).normal(size=(6, *SEQUENCE)).astype("float32")
    model = model_of(TAKEN[name])
    ours = rewritten(model, lambda layer: own(layer) if has_own(layer) else None)
    for each in (model, ours):
        each.compile(keras.optimizers.SGD(0.05), "mse")
        each.fit(inputs, np.ones(each.output_shape[1:])[None].repeat(6, 0), epochs=2, batch_size=6, verbose=0)
    for mine, theirs in zip(ours.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_embedding():
    inputs = keras.Input(WORDS, dtype="int32")
    model = keras.Model(inputs, layers.Embedding(7, 3)(inputs))
    ours = rewritten(model, lambda layer: own(layer) if has_own(layer) else None)
    words = np.arange(18).reshape(2, 9) % 7
    np.testing.assert_array_equal(ours(words), model(words))


@pytest.mark.parametrize(("layer", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_ours_cannot_do_is_named(layer, reason):
    if "first" in reason:  # Keras's own cannot run it on a CPU
        assert reason in objection(layer)
        return
    assert any(reason in told for told in gaps(model_of(layer)).values())


def test_what_a_mask_reaches_stays_in_float():
    inputs = keras.Input(WORDS, dtype="int32")
    x = layers.Embedding(7, 3, mask_zero=True, name="words")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.LSTM(3, name="memory")(x)))
    assert gaps(model) == {"words": "it makes a mask", "memory": "a mask reaches it"}


@pytest.mark.parametrize(
    ("equation", "expected"),
    [("ab,bc->ac", (1, 1)), ("abc,cde->abde", (1, 2)), ("abcd,cde->abe", (2, 1)), ("...b,bc->...c", (1, 1)),
     ("abc,cd->adb", None), ("abc,bc->abc", None), ("abc,acd->abd", None), ("abc,dc->abd", None)],
)  # fmt: skip
def test_equations(equation, expected):
    assert split_equation(equation) == expected
