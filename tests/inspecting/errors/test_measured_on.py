"""Examples by name, from arrays, from images, and at random."""

import numpy as np
import pytest
from PIL import Image

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import DataCorrupt
from tfcompress.inspecting.errors.measured_on import measured_on


@pytest.fixture(scope="module")
def model():
    return tfc.simple_cnn((8, 8, 1), width=2)


def test_a_named_data_set_is_its_test_split(model):
    found = measured_on("digits", model, num_examples=20)
    assert (found.title, len(found.examples)) == ("scikit-learn digits", 20)
    data = tfc.Digits()
    everything = measured_on("digits", model, num_examples=1000)
    np.testing.assert_array_equal(everything.inputs, data.model_inputs(data.test.inputs))
    np.testing.assert_array_equal(everything.examples.labels, data.test.targets)


def test_without_a_source_numbers_are_random_and_have_no_labels(model):
    found = measured_on(None, model, num_examples=5)
    assert (found.inputs.shape, found.examples.labels) == ((5, 8, 8, 1), None)
    assert 0 <= found.inputs.min() < 0.1 < 0.9 < found.inputs.max() < 1
    np.testing.assert_array_equal(found.inputs, measured_on(None, model, num_examples=5).inputs)
    inputs = keras.Input((6,), dtype="int32")
    tokens = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(keras.layers.Embedding(9, 3)(inputs))))
    found = measured_on(None, tokens, num_examples=4)
    assert found.inputs.dtype == "int32"
    assert set(np.unique(found.inputs)) == {0, 1}


def test_arrays_are_taken_as_the_model_sees_them(model, tmp_path):
    inputs = np.random.default_rng(0).random((6, 8, 8, 1), "float32")
    np.savez(tmp_path / "plain.npz", inputs=inputs)
    np.savez(tmp_path / "labelled.npz", inputs=inputs, labels=np.arange(6))
    plain, labelled = (measured_on(str(tmp_path / f"{name}.npz"), model, 512) for name in ("plain", "labelled"))
    np.testing.assert_array_equal(plain.inputs, inputs)
    assert plain.examples.labels is None
    assert labelled.examples.labels.tolist() == [0, 1, 2, 3, 4, 5]
    few = measured_on(str(tmp_path / "labelled.npz"), model, 3)
    np.testing.assert_array_equal(few.inputs, inputs[few.examples.labels])  # each has kept its own label


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"x": np.zeros((2, 8, 8, 1))}, DataCorrupt, "must hold an array 'inputs'.*Received: x"),
        ({"inputs": np.zeros((2, 4, 4, 1))}, tfc.InvalidValue, r"shape \(8, 8, 1\).*Received: \(4, 4, 1\)"),
        ({"inputs": np.zeros((2, 8, 8, 1)), "labels": np.zeros((2, 10))}, DataCorrupt, "not one-hot vectors"),
        ({"inputs": np.zeros((2, 8, 8, 1)), "labels": np.array([0, 10])}, tfc.InvalidValue, "labels from 0 to 9"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(model, tmp_path, arrays, error, words):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(error, match=words):
        measured_on(str(tmp_path / "bad.npz"), model, 512)


def test_a_damaged_file_and_one_that_is_not_there_are_told(model, tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(DataCorrupt, match="cannot be read"):
        measured_on(str(tmp_path / "bad.npz"), model, 512)
    with pytest.raises(tfc.DataUnavailable, match="none of this name"):
        measured_on(str(tmp_path / "none.npz"), model, 512)
    with pytest.raises(tfc.DataUnavailable, match="digits, cifar10, an .npz file"):
        measured_on("mnist", model, 512)


def test_pictures_with_and_without_classes(model, tmp_path):
    for folder in ("classes/a", "classes/b", "loose"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (9, 9), 100 * number).save(tmp_path / folder / f"{number}.png")
    loose = measured_on(str(tmp_path / "loose"), model, 512)
    assert (loose.examples.labels, loose.title) == (None, "images in loose")
    np.testing.assert_allclose(loose.inputs[:, 0, 0, 0], [0, 100 / 255, 200 / 255], atol=1e-6)
    stored = measured_on(str(tmp_path / "loose"), model, 512, scaling="0..255")
    assert stored.inputs.max() == 200
    classes = measured_on(str(tmp_path / "classes"), model, 512)
    assert sorted(classes.examples.labels) == [0, 1]  # one of three in each class is kept to test on


def test_models_of_several_inputs_or_any_size_are_refused():
    one, two = keras.Input((4,)), keras.Input((4,))
    with pytest.raises(tfc.UnsupportedModel, match="one input and one output. Received: 2 and 1"):
        measured_on(None, keras.Model([one, two], keras.layers.Add()([one, two])), 4)
    inputs = keras.Input((None, None, 3))
    with pytest.raises(tfc.UnsupportedModel, match="a known shape"):
        measured_on(None, keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)), 4)
    flat = keras.Input((4,))
    with pytest.raises(tfc.UnsupportedModel, match="Images are for a model"):
        measured_on("tests", keras.Model(flat, keras.layers.Dense(2)(flat)), 4)
