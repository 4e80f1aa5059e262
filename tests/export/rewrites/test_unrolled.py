"""Recurrent layers in integer modes, whose loops end the converter's process (TensorFlow 2.21)."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.tasks.metrics import closeness
from tfcompress.export.rewrites.unrolled import loops
from tfcompress.measuring.file_run import FileRun

L = keras.layers
LAYERS = {
    "gru": lambda: L.GRU(8, name="memory"),
    "gru_sequences": lambda: L.GRU(8, return_sequences=True, name="memory"),
    "simple_rnn": lambda: L.SimpleRNN(8, name="memory"),
    "stacked": lambda: L.RNN([L.LSTMCell(6), L.GRUCell(6)], name="memory"),
    "bidirectional": lambda: L.Bidirectional(L.GRU(6), name="memory"),
    "masked": lambda: lambda inputs: L.LSTM(6, name="memory")(L.Masking()(inputs)),
}


def with_layer(layer, length=8):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((length, 4))
    return keras.Model(inputs, L.Dense(3)(layer(inputs)))


@pytest.mark.parametrize(
    ("kind", "exporter"),
    [*((kind, tfc.Int8(num_representative=64)) for kind in LAYERS), ("gru", tfc.Int16x8(num_representative=64))],
    ids=lambda value: getattr(value, "mode", value),
)
def test_an_integer_file_is_the_model(kind, exporter, tmp_path, remarks):
    model = with_layer(LAYERS[kind]())
    inputs = np.random.default_rng(0).normal(size=(64, 8, 4)).astype("float32")
    artifact = exporter.convert(model, tfc.dataset(*[(inputs, np.zeros(64))] * 2), tmp_path / "model.tflite")
    (found,) = FileRun(artifact.path.read_bytes()).outputs({artifact.inputs[0]: inputs}).values()
    expected = model(inputs).numpy()
    assert closeness(expected, found.reshape(expected.shape)).sqnr_db > 25
    assert remarks == [
        f"memory: written step by step, as {exporter.mode} of a loop cannot be calibrated; the file has each step, "
        "and is larger."
    ]


def test_what_is_fused_and_what_is_too_long_is_left():
    assert loops(with_layer(L.LSTM(8, name="memory"))) == []
    assert loops(with_layer(L.GRU(8, unroll=True, name="memory"))) == []
    assert loops(with_layer(L.LSTM(8, activation="relu", name="memory"))) == ["memory"]
    assert loops(with_layer(L.GRU(8, name="memory"), length=1000)) == []
