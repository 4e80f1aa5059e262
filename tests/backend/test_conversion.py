"""The converter's child: the bytes of one process, its words, and a sentence when it dies."""

import os
import signal
import sys
import time
import warnings

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend import conversion
from tfcompress.backend.conversion import ConverterDied, ConverterRefused, ConverterSettings, converted, served_by
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.export import converting
from tfcompress.models_io.copying import copy_model

INT8 = ConverterSettings(optimize=True, ops=("TFLITE_BUILTINS_INT8",), io_type="int8")


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3), batch_size=1)
    hidden = keras.layers.Conv2D(8, 3, activation="relu", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.Dense(40, name="out")(keras.layers.Flatten()(hidden)))


def examples():
    return ([array] for array in np.random.default_rng(0).normal(size=(8, 1, 6, 6, 3)).astype("float32"))


def by_one_process(carrier, settings, calibration):
    converter = tf.lite.TFLiteConverter.from_keras_model(carrier)
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if settings.optimize else []
    if settings.types:
        converter.target_spec.supported_types = [tf.float16]
    if calibration:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = examples
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return converter.convert()


@pytest.mark.parametrize(
    "settings",
    [
        ConverterSettings(),
        ConverterSettings(optimize=True, types=("float16",)),
        ConverterSettings(optimize=True),
        INT8,
    ],
    ids=["float32", "float16", "dynamic_range", "int8"],
)
def test_the_bytes_are_those_of_one_process(settings):
    calibration = examples() if settings is INT8 else None
    carrier = served_by(network())
    assert converted(carrier, settings, calibration) == by_one_process(carrier, settings, settings is INT8)


def test_of_a_quantization_aware_model_too(aware):
    carrier = served_by(copy_model(aware, batch_size=1))
    settings = ConverterSettings(optimize=True, io_type="int8")
    converter = tf.lite.TFLiteConverter.from_keras_model(carrier)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with pytest.warns(UserWarning, match="Statistics for quantized inputs"):
        expected = converter.convert()
    assert converted(carrier, settings) == expected


def test_what_the_converter_says_comes_back():
    inputs = keras.Input((3,), batch_size=1)
    with pytest.raises(ConverterRefused, match="'tf.Erfinv' op is neither a custom op nor a flex op"):
        converted(served_by(keras.Model(inputs, tf.math.erfinv(inputs))), ConverterSettings())


def test_the_child_is_kept_and_a_killed_one_is_replaced():
    carrier = served_by(network())
    first = converted(carrier, ConverterSettings())
    process = conversion._CHILD._process
    assert converted(carrier, ConverterSettings()) == first
    assert conversion._CHILD._process is process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert converted(carrier, ConverterSettings()) == first
    assert conversion._CHILD._process is not process


def test_a_later_conversion_is_quick():
    carrier = served_by(network())
    converted(carrier, ConverterSettings())
    begin = time.monotonic()
    converted(carrier, ConverterSettings())
    assert time.monotonic() - begin < 3  # 0.3 s on a machine that does nothing else


def test_a_gru_whose_calibration_crashes_is_a_sentence(tmp_path, monkeypatch):
    """TensorFlow 2.21's calibrator ends its process with SIGSEGV on a GRU, where we do not find the ranges."""
    monkeypatch.setattr(converting, "_has_loop", lambda carrier: False)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 4))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GRU(8, name="memory")(inputs)))
    data = tfc.dataset(*[(np.random.default_rng(0).normal(size=(32, 8, 4)).astype("float32"), np.zeros(32))] * 2)
    with pytest.raises(tfc.ConversionFailed) as caught:
        tfc.Int8().convert(model, data, tmp_path / "model.tflite")
    said = str(caught.value)
    assert "could not write int8: its process crashed with SIG" in said and "the model has 'memory'" in said
    assert "recurrent='unrolled'" in said and list(tmp_path.iterdir()) == []
    assert tfc.Float32().convert(model, data, tmp_path / "model.tflite").raw_bytes > 1000  # and it goes on


@pytest.fixture
def impostor(monkeypatch):
    """A child that runs some Python instead of the converter."""

    def start(program):
        child = conversion._WarmChild()
        original = conversion.subprocess.Popen
        command = [sys.executable, "-c", program]
        monkeypatch.setattr(conversion, "_CHILD", child)
        monkeypatch.setattr(conversion.subprocess, "Popen", lambda _, **options: original(command, **options))
        return child

    return start


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(60)", "did not finish within 0.5 s"),
        ("import os; input(); os.abort()", r"crashed with SIGABRT \(signal 6\)"),
        ("import sys; input(); sys.exit('no memory')", 'ended with exit code 1; its last words: "no memory"'),
    ],
    ids=["slow", "aborted", "ended"],
)
def test_how_it_died_is_said(program, said, impostor, monkeypatch):
    child = impostor(program)
    limit = 0.5 if "sleep" in program else 60
    monkeypatch.setattr(conversion, "TIME_LIMIT_S", limit)
    with pytest.raises(ConverterDied, match=said):
        converted(served_by(network()), ConverterSettings())
    assert child._process is None
