"""Networks for texts and series: their forms, what they refuse, and a model of words in two parts."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.file_run import FileRun
from tfcompress.measuring.tflite import read

WORDS = np.random.default_rng(0).integers(0, 50, (6, 8)).astype("int32")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: tfc.text_cnn(0, 3), "text_cnn.num_words must be at least 1"),
        (lambda: tfc.text_transformer(50, 3, width=30), "text_transformer.width must be a multiple of 4 heads"),
        (lambda: tfc.series_cnn((4, 1)), "series_cnn.input_shape must have 8 steps"),
        (lambda: tfc.autoencoder(9, ()), "autoencoder.hidden_units must have a layer"),
        (lambda: tfc.ds_cnn(width=0), "ds_cnn.width must be at least 1"),
    ],
)
def test_what_cannot_be_built_is_told(build, words):
    with pytest.raises(tfc.InvalidValue, match=words):
        build()


def test_the_place_of_a_word_counts_for_a_transformer():
    set_seed(0)
    model = tfc.text_transformer(50, 3, length=8, width=8, num_blocks=1, num_heads=2)
    model.get_layer("positions").bias.assign(np.random.default_rng(0).normal(size=(8, 8)))
    ours, turned = model(WORDS), model(WORDS[:, ::-1])
    assert ours.shape == (6, 3) and abs(ours - turned).numpy().max() > 1e-3


def test_a_model_of_words_in_two_parts_gives_the_same(tmp_path):
    set_seed(0)
    model = tfc.text_cnn(50, 3, length=8, embedding=4, filters=4)
    table, rest = tfc.split_lookup(model)
    np.testing.assert_allclose(rest(table[WORDS]), model(WORDS), atol=1e-6)
    path = tfc.Float32().convert(rest, None, tmp_path / "rest.tflite").path
    assert "GATHER" not in read(path).ops
    run = FileRun(path.read_bytes())
    (given,) = run.inputs
    np.testing.assert_allclose(run.outputs({given: table[WORDS]})["logits"], model(WORDS), atol=1e-5)


def test_a_model_without_a_lookup_is_not_split():
    with pytest.raises(
        tfc.UnsupportedModel, match="one Embedding layer. Received: .*, with 1 inputs and 0 such layers"
    ):
        tfc.split_lookup(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
