"""Where a file hurts, on models that were made to hurt in a known place."""

import json
import math

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.progress import Silent
from tfcompress.inspecting.errors.against import errors_against, errors_on
from tfcompress.inspecting.errors.error_table import print_errors
from tfcompress.inspecting.errors.measured_on import measured_on
from tfcompress.inspecting.page import console
from tfcompress.quantization.quantizers.quantizer import error


@pytest.fixture(scope="module")
def on(trained):
    return measured_on("digits", trained, num_examples=100)


def accuracy(model, on):
    return float((np.asarray(model(on.inputs)).argmax(-1) == on.examples.labels).mean())


def test_the_layer_that_was_spoilt_is_found(trained, on, tmp_path):
    """A float file of the same model but for one kernel of two bits: nothing else differs, up to that layer."""
    others = {"conv1": None, "dense1": None, "logits": None}
    spoilt = tfc.QuantizeKernels(tfc.Affine(bits=2), per_layer=others).apply(trained)
    path = tfc.Float32().convert(spoilt, None, tmp_path / "spoilt.tflite").path
    found = errors_against(trained, "model.keras", path, on, None, Silent())
    rows = {row.name: row.in_file for row in found.layers}
    kernels = [model.get_layer("conv2").kernel.numpy() for model in (trained, spoilt)]
    assert rows["conv2"].kernel_sqnr_db == pytest.approx(error(*kernels).sqnr_db, abs=1e-3)
    assert rows["conv2"].kernel_cosine == pytest.approx(error(*kernels).cosine, abs=1e-6)
    assert all(rows[name].kernel_sqnr_db == math.inf for name in others)
    assert rows["conv1"].output_sqnr_db > 100
    assert max(rows[name].output_sqnr_db for name in ("conv2", "dense1", "logits")) < 30
    outputs = [np.asarray(model(on.inputs)) for model in (trained, spoilt)]
    assert found.predictions.sqnr_db == pytest.approx(error(*outputs).sqnr_db, abs=0.01)
    assert (found.accuracy, found.predictions.accuracy) == (accuracy(trained, on), accuracy(spoilt, on))
    assert all(row.alone is None for row in found.layers)  # nothing is stored in integers


def test_an_int8_file_is_compared_as_it_is_stored(trained, digits, on, tmp_path, capsys):
    path = tfc.Int8(num_representative=64).convert(trained, digits, tmp_path / "int8.tflite").path
    found = errors_against(trained, "model.keras", path, on, None, Silent())
    for row in found.layers:
        assert (row.in_file.stored_as, row.in_file.computes) == ("int8", "int8")
        assert (row.alone.bits, row.alone.output_bits) == (8, 8)
        # Nothing is folded here, so that the file's kernel is the one that was simulated.
        assert row.in_file.kernel_sqnr_db == pytest.approx(row.alone.kernel_sqnr_db, abs=0.01)
        assert row.alone.top_1_agreement > 0.95
    assert found.predictions.sqnr_db < min(row.alone.predictions_sqnr_db for row in found.layers) + 1
    print_errors(found, console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("int8.tflite")
    assert {"layer", "stored", "cosine", "accuracy"} <= set(lines[3].split())
    row = next(line.split() for line in lines if line.startswith("conv1"))
    assert row[-1] == f"{found.layers[0].alone.accuracy:.1%}"
    assert "It hurts most in" in " ".join(lines)


def test_on_data_alone_bits_are_tried(trained, on):
    found = errors_on(trained, "model.keras", on, 2, Silent())
    assert (found.predictions, found.accuracy) == (None, accuracy(trained, on))
    for row in found.layers:
        kernel = trained.get_layer(row.name).kernel.numpy()
        told = error(kernel, tfc.Affine(bits=2).approximate(kernel))
        assert row.alone.kernel_sqnr_db == pytest.approx(told.sqnr_db, abs=1e-3)
        assert (row.in_file, row.num_weights, row.alone.output_bits) == (None, kernel.size, 8)
    worst = [row.alone.predictions_sqnr_db for row in found.worst(4)]
    assert worst == sorted(worst)
    json.dumps(found.worst(1)[0].alone.accuracy)


def test_a_file_of_another_model_is_refused(trained, on, tmp_path):
    from tfcompress.backend.tensorflow import keras

    inputs = keras.Input((8, 8, 1))
    other = keras.Model(inputs, keras.layers.Dense(10, name="else")(keras.layers.Flatten()(inputs)))
    path = tfc.Float32().convert(other, None, tmp_path / "other.tflite").path
    with pytest.raises(tfc.UnsupportedModel, match="named after the model's layers"):
        errors_against(trained, "model.keras", path, on, None, Silent())


def test_a_quantization_aware_model_is_refused(aware, tmp_path):
    on = measured_on("digits", aware, num_examples=4)
    for compare in (
        lambda: errors_against(aware, "model.keras", tmp_path / "never_read.tflite", on, None, Silent()),
        lambda: errors_on(aware, "model.keras", on, None, Silent()),
    ):
        with pytest.raises(tfc.UnsupportedModel, match="inspect --against expects a float model"):
            compare()
