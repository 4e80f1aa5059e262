"""Keras 3 layers of layers without a `build` of their own, the pattern of keras.io's examples."""

import keras as keras3
import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.models_io.copying import copy_model, load_model, save_model

SOURCE = """
import keras
from keras import layers, ops

class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim, **kwargs):
        super().__init__(**kwargs)
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        positions = ops.arange(0, ops.shape(x)[-1], 1)
        return self.token_emb(x) + self.pos_emb(positions)

class Gate(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.gate, self.bias = layers.Dense(units), layers.Dense(units)

    def call(self, x, y):
        return self.gate(x) * y + self.bias(ops.ones((1, 2)))
"""
WORDS = np.random.default_rng(0).integers(0, 50, (3, 12)).astype("float32")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "layers_without_build.py"
    path.write_text(SOURCE)
    return tfc.custom_objects_from(path)


@pytest.fixture(scope="module")
def original(mine):
    keras3.utils.set_random_seed(0)
    inputs = keras3.Input((12,))
    outputs = keras3.layers.GlobalAveragePooling1D()(mine["TokenAndPositionEmbedding"](12, 50, 8)(inputs))
    return keras3.Model(inputs, keras3.layers.Dense(2)(outputs))


@pytest.mark.filterwarnings("ignore:`build")
@pytest.mark.parametrize("origin", ["memory", "file"])
def test_comes_in_equal_and_is_copied_saved_and_exported(origin, original, mine, tmp_path):
    if origin == "file":
        original.save(tmp_path / "model.keras")
        arrival = tfc.load_with_report(tmp_path / "model.keras", custom_objects=mine)
    else:
        arrival = tfc.load_with_report(original)
    expected = np.asarray(original(WORDS))
    assert list(arrival.hosted) == ["token_and_position_embedding"]
    assert arrival.largest_difference < 1e-6
    np.testing.assert_allclose(arrival.model(WORDS), expected, atol=1e-6)
    np.testing.assert_allclose(copy_model(arrival.model)(WORDS), expected, atol=1e-6)
    save_model(arrival.model, tmp_path / "own.keras")
    np.testing.assert_allclose(load_model(tmp_path / "own.keras")(WORDS), expected, atol=1e-6)
    assert len(arrival.model.get_layer("token_and_position_embedding").trainable_weights) == 2
    assert tfc.Float32().convert(arrival.model, None, tmp_path / "model.tflite").raw_bytes > 0


@pytest.mark.filterwarnings("ignore:`build")
def test_one_of_several_inputs_is_told_what_to_do(mine, message):
    inputs = keras3.Input((8,))
    model = keras3.Model(inputs, mine["Gate"](8, name="gate")(inputs, inputs))
    assert "layer 'gate' (Gate) must make its weights in build()" in message(
        tfc.UnsupportedModel, lambda: tfc.load_model(model)
    )
