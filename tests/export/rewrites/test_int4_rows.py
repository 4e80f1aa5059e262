"""Embeddings of four bits, a scale for each row: the numbers of a table, and of a model behind it."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.file_run import FileRun
from tfcompress.measuring.tflite import look_into, read

NUM_WORDS, LENGTH, WIDTH = 40, 6, 8


@pytest.fixture(scope="module")
def texts():
    words = np.random.default_rng(0).integers(0, NUM_WORDS, (64, LENGTH)).astype("int32")
    return tfc.dataset((words, np.arange(64) % 2), (words, np.arange(64) % 2))


def model_of(width=WIDTH):
    """Embeddings of very different sizes, and their sum by word: what a row's own scale is for."""
    set_seed(0)
    words = keras.Input((LENGTH,), dtype="int32", name="words")
    embedding = keras.layers.Embedding(NUM_WORDS, width, name="embedding")
    model = keras.Model(words, keras.layers.Dense(4, name="out")(keras.layers.Flatten()(embedding(words))))
    table = np.random.default_rng(1).normal(size=(NUM_WORDS, width)) * np.logspace(-1, 0, NUM_WORDS)[:, None]
    embedding.set_weights([table])
    return model


@pytest.fixture(scope="module")
def files(texts, tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("int4"), model_of()
    made = {bits: tfc.Int8(embedding_bits=bits).convert(model, texts, folder / f"{bits}.tflite") for bits in (8, 4)}
    return model, made


def table_in(path):
    """The rows of the table in a file, worked out by hand: two entries a byte, the first in the lower half."""

    def look(model):
        (tensor,) = (each for each in model.subgraphs[0].tensors if list(each.shape) == [NUM_WORDS, WIDTH])
        data = np.asarray(model.buffers[tensor.buffer].data, "uint8")
        halves = np.stack([data & 15, data >> 4], axis=1).reshape(NUM_WORDS, WIDTH).astype(int)
        halves[halves > 7] -= 16
        return halves, np.asarray(tensor.quantization.scale)

    return look_into(path, look)


def test_each_row_has_its_own_scale(files):
    model, made = files
    table = model.get_layer("embedding").get_weights()[0]
    entries, scales = table_in(made[4].path)
    step_of_int8 = np.abs(table).max() / 127
    np.testing.assert_allclose(scales, np.abs(table).max(axis=1) / 7, atol=step_of_int8 / 7)
    assert np.abs(entries).max() == 7 and np.all(np.abs(entries).max(axis=1) == 7)
    error = np.abs(entries * scales[:, None] - table)
    assert np.all(error <= scales[:, None] / 2 + step_of_int8)


def test_the_file_computes_with_the_rounded_rows(files, texts):
    model, made = files
    entries, scales = table_in(made[4].path)
    rounded = model_of()
    rounded.set_weights([entries * scales[:, None], *model.get_weights()[1:]])
    words = texts.test.inputs
    (found,) = FileRun(made[4].path.read_bytes()).outputs({"words": words}).values()
    near, far = (np.abs(found - each(words)).max() for each in (rounded, model))
    assert near < 0.1 * np.abs(found).max() and near < far


def test_the_file_says_what_it_is(files):
    _, made = files
    assert (made[8].mode, made[4].mode) == ("int8", "int8_int4_embeddings")
    assert "EMBEDDING_LOOKUP" in read(made[4].path).ops and "GATHER" not in read(made[4].path).ops


@pytest.mark.parametrize("model", [lambda: model_of(7), lambda: tfc.simple_cnn((8, 8, 1))], ids=["odd", "no table"])
def test_what_has_no_such_table_is_told(model, texts, digits, tmp_path):
    made = model()
    data = texts if made.input_names == ["words"] else digits
    with pytest.raises(tfc.NothingHappened, match="embedding_bits=4 expects a table of embeddings"):
        tfc.Int8(embedding_bits=4).convert(made, data, tmp_path / "file.tflite")
    assert not list(tmp_path.iterdir())


def test_bits_out_of_range_are_refused():
    with pytest.raises(tfc.InvalidValue, match="embedding_bits must be 4 or 8. Received: 2"):
        tfc.Int8(embedding_bits=2)
