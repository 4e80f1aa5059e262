"""What TensorFlow's quantizer forgets (2.21), in integer files: each file gives its model's numbers."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.remarks import collecting
from tfcompress.core.tasks.metrics import closeness
from tfcompress.export import converting
from tfcompress.export.rewrites.integer_files import with_conversions
from tfcompress.measuring.file_run import FileRun

L = keras.layers


def given(*shape):
    return np.random.default_rng(0).uniform(-1, 1, (48, *shape)).astype("float32")


def model_of(shape, compute):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(shape, name="x")
    return keras.Model(inputs, compute(inputs))


def converted(model, exporter, folder):
    """The file, and the least SQNR of its outputs against the model."""
    inputs = given(*model.inputs[0].shape[1:])
    data = tfc.dataset((inputs, np.zeros(48)), (inputs, np.zeros(48)))
    path = exporter.convert(model, data, folder / "model.tflite").path
    found = FileRun(path.read_bytes()).outputs({"x": inputs})
    expected = dict(zip(model.output_names, tf.nest.flatten(model(inputs)), strict=True))
    return path, min(closeness(v.numpy(), found[k].reshape(v.shape)).sqnr_db for k, v in expected.items())


@pytest.fixture
def as_it_was(monkeypatch):
    """The converter's own work."""
    monkeypatch.setattr(converting, "_rewritten", lambda function, *others: function)
    monkeypatch.setattr(converting, "with_conversions", lambda content: content)
    monkeypatch.setattr(converting, "require_agreement", lambda *arguments, **others: None)


def clipped(x):
    gate = L.Activation("sigmoid")(x)
    return [tf.minimum(gate, 0.6), L.Dense(3, name="other")(gate)]


def leaky(x):
    return tf.where(x > 0.0, x, 0.1 * x)


CASES = {
    "a sum with its mirror image": (tfc.Int8(), (6, 5, 2), lambda x: L.Conv2D(3, 1)(x + tf.image.flip_left_right(x))),
    "minimum of what is used again": (tfc.Int8(), (6,), clipped),
    "where": (tfc.Int16x8(), (6,), lambda x: L.LeakyReLU(0.5)(leaky(L.Dense(5)(x)))),
    "sum": (tfc.Int16x8(), (6, 4), lambda x: tf.reduce_sum(x, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_integer_file_has_its_models_numbers(case, tmp_path):
    exporter, shape, compute = CASES[case]
    assert converted(model_of(shape, compute), exporter, tmp_path)[1] > 28


@pytest.mark.parametrize("case", CASES)
def test_the_quantizer_is_still_wrong(case, as_it_was, tmp_path):
    """Where this fails, the quantizer was mended, and the rewrite can go."""
    exporter, shape, compute = CASES[case]
    assert converted(model_of(shape, compute), exporter, tmp_path)[1] < 15


def test_int16_of_a_new_layer_normalization_runs(tmp_path):
    """It has a SQUARED_DIFFERENCE, and offsets of zero, either of which killed Python."""
    assert converted(model_of((6, 8), L.LayerNormalization()), tfc.Int16x8(), tmp_path)[1] > 28


def test_where_running_a_file_ends_the_process_it_is_not_the_users(tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "with_conversions", lambda content: content)
    with pytest.raises(tfc.ConversionFailed, match="The int16x8 file ends the process that runs it: it crashed with"):
        converted(model_of((6, 8), L.LayerNormalization()), tfc.Int16x8(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_float_operations_on_an_int16_input_read_real_numbers(tmp_path):
    assert converted(model_of((6,), lambda x: L.Dense(3)(leaky(x))), tfc.Int16x8(), tmp_path)[1] > 40


def test_a_prelu_left_in_float_reads_real_numbers(tmp_path):
    prelu = L.PReLU(shared_axes=[1, 2], alpha_initializer=keras.initializers.Constant(0.3))
    model = model_of((6, 5, 1), lambda x: x - prelu(L.Conv2D(1, 1)(x)))
    assert converted(model, tfc.Int16x8(), tmp_path)[1] > 40


def test_ends_without_an_int16_form_are_float32_and_that_is_said(tmp_path):
    model = model_of((6,), lambda x: L.Dense(3)(tf.sin(x)))
    with collecting() as said:
        path, decibels = converted(model, tfc.Int16x8(), tmp_path)
    assert decibels > 40 and Interpreter(str(path)).get_input_details()[0]["dtype"] == np.float32
    assert said == [
        "The int16x8 file has float32 inputs and outputs: an operation beside one of them has no int16 form.",
        "The int16x8 file computes in float: SIN (tf.math.sin), as TFLite has no integer form of them.",
    ]


def test_a_layer_that_is_always_zero_runs_under_xnnpack(tmp_path):
    dead = L.DepthwiseConv2D(1, activation="relu6", bias_initializer=keras.initializers.Constant(-9.0))
    model = model_of((4, 4, 2), lambda x: L.Dense(3)(L.Concatenate()([L.Flatten()(dead(x)), L.Flatten()(x)])))
    path, decibels = converted(model, tfc.Int8(), tmp_path)
    Interpreter(str(path)).allocate_tensors()
    assert decibels > 28


def test_a_file_that_reads_what_was_written_stays_as_it_is(tmp_path):
    path, _ = converted(model_of((4, 4, 2), L.Conv2D(3, 3)), tfc.Int8(), tmp_path)
    content = path.read_bytes()
    assert with_conversions(content) is content


def test_a_model_of_mixed_precision_is_exported_in_float32(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = model_of((6,), lambda x: L.Dense(3, dtype="float32")(1.0 + L.Dense(4, activation="swish")(x)))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    with collecting() as said:
        _, decibels = converted(model, tfc.Float32(), tmp_path)
    assert decibels > 40 and said[0].endswith("computes in mixed precision; the file is of its float32.")


def test_swish_beside_a_rewritten_operation_is_saved(tmp_path):
    """Its gradient holds a tensor that cannot be saved."""
    model = model_of((4, 3), lambda x: 1.0 - L.Permute((2, 1))(L.Dense(3, activation="swish")(x)))
    assert converted(model, tfc.Float32(), tmp_path)[1] > 100


def test_upsampling_of_a_sequence_is_three_operations(tmp_path):
    model = model_of((32, 4), L.UpSampling1D(3))
    path, decibels = converted(model, tfc.Float32(), tmp_path)
    operations = [
        each["op_name"] for each in Interpreter(str(path))._get_ops_details() if each["op_name"] != "DELEGATE"
    ]
    assert decibels == np.inf and set(operations) == {"RESHAPE", "TILE"}


def test_slices_in_another_order_are_left_alone(tmp_path):
    def compute(x):
        parts = tf.split(x, 4, axis=1)
        return tf.concat([parts[0], parts[1], parts[0], parts[1], parts[2], parts[2], parts[3], parts[3]], 1)

    assert converted(model_of((4, 3), compute), tfc.Float32(), tmp_path)[1] == np.inf
