"""Programs that the converter compiles wrongly (TensorFlow 2.21): each file gives its model's numbers."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, saving_utils, tf
from tfcompress.core.tasks.metrics import closeness
from tfcompress.export import converting
from tfcompress.export.rewrites.graph import with_changes
from tfcompress.measuring.file_run import FileRun

L = keras.layers


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def decibels(model, inputs, exporter, folder):
    """The SQNR of the file against the model, over examples of `inputs`."""
    nest = inputs[0] if len(inputs) == 1 else tuple(inputs)
    count = len(inputs[0])
    data = tfc.dataset((nest, np.zeros(count)), (nest, np.zeros(count)))
    artifact = exporter.convert(model, data, folder / "model.tflite")
    run = FileRun(artifact.path.read_bytes(), forgets=artifact.needs_reset)
    (found,) = run.outputs(dict(zip(artifact.inputs, inputs, strict=True))).values()
    expected = model(inputs[0] if len(inputs) == 1 else inputs).numpy()
    return closeness(expected, found.reshape(expected.shape)).sqnr_db


@pytest.fixture
def as_it_was(monkeypatch):
    """The converter's own work, for what it is that these files are held against."""
    monkeypatch.setattr(converting, "_rewritten", lambda function, *others: function)
    monkeypatch.setattr(converting, "with_cell_scales", lambda content: content)
    monkeypatch.setattr(converting, "require_agreement", lambda *arguments: None)


turned = L.Permute((2, 1))
CASES = {
    "sub": ((4, 1), lambda x: 1.0 - turned(x)),
    "sub of a real transpose": ((4, 3), lambda x: 1.0 - turned(x)),
    "sub of a sum": ((4, 1), lambda x: 1.0 - (turned(x) + 2.0)),
    "div": ((4, 1), lambda x: 2.0 / (turned(x) + 3.0)),
    "div of a real transpose": ((4, 3), lambda x: 2.0 / turned(x)),
    "weights less a transpose": ((4, 3), lambda x: tf.constant([1.0, 2.0, 3.0, 4.0]) - turned(x)),
    "unstack and concat": ((4, 5), lambda x: tf.concat(tf.unstack(x, axis=2), 1)),
    "unstack and concat, four axes": ((3, 4, 5), lambda x: tf.concat(tf.unstack(x, axis=3), 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_float_file_is_exact(case, tmp_path):
    shape, build = CASES[case]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, build(inputs))
    assert decibels(model, [abs(numbers(64, *shape)) + 0.5], tfc.Float32(), tmp_path) > 120


@pytest.mark.parametrize("case", ["sub", "div", "unstack and concat"])
def test_the_converter_is_still_wrong(case, as_it_was, tmp_path):
    """Where this fails, the converter was mended, and the rewrite can go."""
    shape, build = CASES[case]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, build(inputs))
    assert decibels(model, [abs(numbers(64, *shape)) + 0.5], tfc.Float32(), tmp_path) < 10


def test_the_issues_own_number(tmp_path):
    """1 - 0.671 is 0.329, and was written as -0.329."""
    x = keras.Input((4, 1), name="x")
    model = keras.Model(x, 1.0 - turned(x))
    tfc.Float32().convert(model, None, tmp_path / "model.tflite")
    given = np.full((1, 4, 1), 0.671, "float32")
    (found,) = FileRun((tmp_path / "model.tflite").read_bytes()).outputs({"x": given}).values()
    np.testing.assert_allclose(found.ravel(), np.full(4, 0.329), atol=1e-6)


def test_int8_takes_the_rewritten_operations(tmp_path):
    inputs = keras.Input((4, 5))
    parts = tf.concat(tf.unstack(1.0 - L.Permute((2, 1))(inputs), axis=2), 1)
    assert decibels(keras.Model(inputs, parts), [numbers(64, 4, 5)], tfc.Int8(), tmp_path) > 30


def test_a_model_without_them_is_left_as_it_is():
    inputs = keras.Input((4,), batch_size=1)
    function = saving_utils.trace_model_call(keras.Model(inputs, L.Dense(2)(1.0 - inputs)))
    assert converting._rewritten(function, "float32", None) is function
    assert with_changes(function, [lambda graph: False]) is function


FUSED = tfc.Int8(recurrent="fused")


@pytest.mark.parametrize(
    ("size", "exporter", "least"), [(0.05, FUSED, 30), (0.1, FUSED, 30), (1.0, FUSED, 30), (0.05, tfc.Int8(), 15)]
)
def test_an_int8_lstm_is_right_on_inputs_of_any_size(size, exporter, least, tmp_path):
    assert decibels(lstm(), [size * numbers(128, 16, 8)], exporter, tmp_path) > least


def test_the_kernel_is_still_wrong_below_two_to_the_minus_15(as_it_was, tmp_path):
    assert decibels(lstm(), [0.05 * numbers(128, 16, 8)], FUSED, tmp_path) < 0


def lstm():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 8))
    return keras.Model(inputs, L.Dense(3)(L.LSTM(8)(inputs)))


def padded(mask_value, residual):
    """Attention of a sequence to itself, its padding masked."""
    keras.utils.set_random_seed(0)
    x, real = keras.Input((8, 12), name="x"), keras.Input((8,), name="real")
    scores = tf.matmul(x, x, transpose_b=True) / 12**0.5 + (1 - real[:, None, :]) * mask_value
    found = L.Dense(12)(tf.matmul(tf.nn.softmax(scores), x))
    return keras.Model([x, real], found + x if residual else found)


def with_lengths(count):
    lengths = np.random.default_rng(1).integers(3, 9, (count, 1))
    return [numbers(count, 8, 12), (np.arange(8)[None] < lengths).astype("float32")]


@pytest.mark.parametrize(
    ("mask_value", "exporter", "least"),
    [(-1e4, tfc.Int8(), 25), (-1e9, tfc.Int8(), 25), (-1e4, tfc.Int16x8(), 37), (-1e9, tfc.Int16x8(), 37)],
    ids=lambda value: getattr(value, "mode", str(value)),
)
def test_a_mask_leaves_the_scores_their_range(mask_value, exporter, least, tmp_path):
    assert decibels(padded(mask_value, False), with_lengths(128), exporter, tmp_path) > least


def test_a_mask_takes_all_of_it_without(as_it_was, tmp_path):
    assert decibels(padded(-1e4, False), with_lengths(128), tfc.Int8(), tmp_path) < 6


@pytest.mark.parametrize("exporter", [tfc.Int8(), tfc.Int16x8()], ids=lambda value: value.mode)
def test_the_causal_mask_of_keras_too(exporter, tmp_path):
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 12))
    model = keras.Model(x, L.MultiHeadAttention(2, 6)(x, x, use_causal_mask=True))
    assert decibels(model, [numbers(128, 8, 12)], exporter, tmp_path) > 28


def test_a_float_files_mask_stays_what_it_is(tmp_path):
    assert decibels(padded(-1e9, True), with_lengths(64), tfc.Float32(), tmp_path) > 100


def averages_that_are_joined():
    """A part of a DenseNet, quantization-aware."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    pooled = L.AveragePooling2D(2)(L.Conv2D(4, 3, padding="same")(inputs))
    joined = L.Concatenate()([pooled, L.Conv2D(4, 1)(L.ReLU()(L.BatchNormalization()(pooled)))])
    model = keras.Model(inputs, L.Dense(3)(L.Flatten()(joined)))
    images = numbers(32, 8, 8, 3)

    def train(model, callbacks):
        model.compile("adam", "mse")
        model.fit(images, np.zeros((32, 3)), epochs=4, verbose=0, callbacks=callbacks)

    return tfc.QuantizeAware().apply(model, tfc.fit(train, steps=4)), images


def test_an_average_that_is_joined_has_the_scale_of_what_it_averages(tmp_path):
    model, images = averages_that_are_joined()
    assert decibels(model, [images], tfc.Int8(), tmp_path) > 25


def test_the_converter_refuses_it_as_it_was(tmp_path, as_it_was):
    model, images = averages_that_are_joined()
    with pytest.raises(tfc.ConversionFailed, match="same scale constraint"):
        decibels(model, [images], tfc.Int8(), tmp_path)
