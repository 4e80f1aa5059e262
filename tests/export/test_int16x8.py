import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.core.errors import ConversionFailed, InvalidValue


def test_activations_are_int16_and_closer_to_keras_than_int8(trained, digits, tmp_path):
    outputs = trained.predict(digits.model_inputs(digits.test.inputs), verbose=0)
    differences = {}
    for exporter in (tfc.Int8(), tfc.Int16x8()):
        artifact = exporter.convert(trained, digits, tmp_path / f"{exporter.mode}.tflite")
        found = tfc.CpuBuiltin().run(artifact, digits, {"keras": outputs})
        (agreement,) = found.agreement["keras"].values()
        differences[exporter.mode] = agreement.largest_difference
    assert differences["int16x8"] < differences["int8"]
    interpreter = Interpreter(str(tmp_path / "int16x8.tflite"))
    assert interpreter.get_input_details()[0]["dtype"] == interpreter.get_output_details()[0]["dtype"] == np.int16


def test_float_inputs_on_request(trained, digits, tmp_path):
    tfc.Int16x8(float_inputs_and_outputs=True).convert(trained, digits, tmp_path / "file.tflite")
    assert Interpreter(str(tmp_path / "file.tflite")).get_input_details()[0]["dtype"] == np.float32


def test_a_quantization_aware_model_is_refused(aware, digits, tmp_path):
    with pytest.raises(ConversionFailed, match="quantization-aware"):
        tfc.Int16x8().convert(aware, digits, tmp_path / "file.tflite")


def test_no_examples_to_calibrate_with_are_refused():
    with pytest.raises(InvalidValue, match="Int16x8.num_representative must be at least 1"):
        tfc.Int16x8(num_representative=0)
