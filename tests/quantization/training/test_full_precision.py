"""Quantization-aware training of models that are not of float32 throughout."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.remarks import collecting
from tfcompress.models_io.copying import load_model, save_model
from tfcompress.models_io.full_precision import in_float32

layers = keras.layers
INPUTS = np.random.default_rng(0).uniform(0, 255, (16, 8, 8, 3)).astype("uint8")


def train(model, callbacks):
    model.compile("sgd", "mse")
    model.fit(INPUTS / 255, np.zeros((16, 2)), batch_size=8, verbose=0, callbacks=list(callbacks))


FIT = tfc.fit(train, steps=2)


def network(**of_input):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="image", **of_input)
    outputs = layers.Rescaling(1 / 255, name="rescaled")(inputs)
    outputs = layers.BatchNormalization()(layers.Conv2D(4, 3, name="conv")(outputs))
    outputs = layers.TimeDistributed(layers.Dense(3), name="each")(layers.ReLU()(outputs))
    return keras.Model(inputs, layers.Dense(2, dtype="float32", name="logits")(layers.Flatten()(outputs)), name="net")


@pytest.fixture
def mixed():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    yield network()
    keras.mixed_precision.set_global_policy("float32")


def test_a_model_of_mixed_precision_is_trained_in_float32_saved_and_exported(mixed, tmp_path):
    with collecting() as said:
        aware = tfc.QuantizeAware().apply(mixed, FIT)
    assert said[0] == "net computes in mixed precision; it is quantized, and trained, in float32."
    assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert {layer.compute_dtype for layer in aware.layers} == {"float32"}
    save_model(aware, tmp_path / "model.keras")
    found = load_model(tmp_path / "model.keras")(INPUTS / 255)
    np.testing.assert_array_equal(found, aware(INPUTS / 255))
    assert tfc.Int8().convert(aware, None, tmp_path / "model.tflite").raw_bytes > 0


def test_the_copy_in_float32_computes_what_the_weights_say(mixed):
    expected = in_float32(mixed)
    keras.mixed_precision.set_global_policy("float32")
    plain = network()
    plain.set_weights(mixed.get_weights())
    np.testing.assert_array_equal(expected(INPUTS / 255), plain(INPUTS / 255))
    assert expected.get_layer("each").layer.compute_dtype == "float32"


def test_whole_numbers_are_refused_before_training_with_what_to_write():
    with pytest.raises(tfc.UnsupportedModel) as caught:
        tfc.QuantizeAware().apply(network(dtype="uint8"), FIT)
    assert str(caught.value) == (
        "QuantizeAware expects float inputs. Received: uint8 from 'image' into 'rescaled'. Make the input float32, "
        "which takes the same data: keras.Input((8, 8, 3))."
    )


def test_whole_numbers_into_an_embedding_are_taken():
    inputs = keras.Input((5,), dtype="int32")
    outputs = layers.Flatten()(layers.Embedding(7, 3)(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="logits")(outputs))

    def train_words(model, callbacks):
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 5), "int32"), np.zeros((4, 2)), verbose=0, callbacks=list(callbacks))

    assert tfc.QuantizeAware().apply(model, tfc.fit(train_words, steps=1)).get_layer("quant_logits")
