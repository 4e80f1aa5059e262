"""Stateful models: their states as inputs and outputs of the file, handed on from call to call."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.tasks.metrics import closeness
from tfcompress.measuring import tflite
from tfcompress.measuring.file_run import FileRun

L = keras.layers
INPUTS = np.random.default_rng(0).normal(size=(64, 5, 4)).astype("float32")
DATA = tfc.dataset(*[(INPUTS, np.random.default_rng(1).normal(size=(64, 3)))] * 2)
CHECKS = [tfc.CpuXnnpack(), tfc.CpuCompiledModel()]


def stateful(layer):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(1, 5, 4), name="x")
    return keras.Model(inputs, L.Dense(3, name="out")(layer(inputs)))


def by_keras(model):
    call = tf.function(model)
    model.reset_states()
    return np.concatenate([call(INPUTS[number : number + 1]).numpy() for number in range(len(INPUTS))])


@pytest.mark.parametrize(
    ("layer", "exporter", "least"),
    [
        (L.LSTM, tfc.Float32(), 100),
        (L.GRU, tfc.Float32(), 100),
        (L.LSTM, tfc.Int8(num_representative=64), 20),
        (L.GRU, tfc.Int8(num_representative=64), 20),
    ],
    ids=lambda value: getattr(value, "mode", getattr(value, "__name__", value)),
)
def test_the_file_is_the_model_over_a_stream_of_calls(layer, exporter, least, tmp_path, remarks):
    model = stateful(layer(8, stateful=True, name="memory"))
    artifact = exporter.convert(model, DATA, tmp_path / "model.tflite")
    pairs = [("memory_state_0", "memory_new_state_0"), ("memory_state_1", "memory_new_state_1")]
    assert list(artifact.states) == pairs[: 2 if layer is L.LSTM else 1]
    assert artifact.inputs == ("x",) and [spec.name for spec in artifact.outputs] == ["out"]
    contents = tflite.read(artifact.path)
    assert set(contents.inputs) == {"x", *(given for given, _ in artifact.states)}
    assert set(contents.outputs) == {"out", *(made for _, made in artifact.states)}
    (found,) = FileRun(artifact.path.read_bytes(), states=artifact.states).outputs({"x": INPUTS}).values()
    assert closeness(by_keras(model), found).sqnr_db > least
    assert remarks[0].startswith("the states that the model keeps from call to call are inputs and outputs: give each")


def test_the_checks_begin_a_sequence_with_each_example(tmp_path):
    model = stateful(L.LSTM(8, stateful=True, name="memory"))
    artifact = tfc.Float32().convert(model, DATA, tmp_path / "model.tflite")
    found = {check.name: check.run(artifact, DATA, {"keras": from_zero(model)}, tfc.Regression()) for check in CHECKS}
    assert {name: finding.status for name, finding in found.items()} == dict.fromkeys(found, "pass")


def from_zero(model):
    rows, call = [], tf.function(model)
    for number in range(len(INPUTS)):
        model.reset_states()
        rows.append(call(INPUTS[number : number + 1]).numpy())
    return {"out": np.concatenate(rows)}


@pytest.mark.parametrize(("exporter", "least"), [(tfc.Float32, 100), (tfc.Int8, 20)])
def test_the_fused_form_keeps_them_in_the_file_and_says_so(exporter, least, tmp_path, remarks):
    model = stateful(L.LSTM(8, stateful=True, name="memory"))
    artifact = exporter(recurrent="fused").convert(model, DATA, tmp_path / "model.tflite")
    contents = tflite.read(artifact.path)
    assert artifact.states == () and contents.inputs == ("x",) and "UNIDIRECTIONAL_SEQUENCE_LSTM" in contents.ops
    (found,) = FileRun(artifact.path.read_bytes()).outputs({"x": INPUTS}).values()
    assert closeness(by_keras(model), found).sqnr_db > least
    assert any("memory: states stay in the file from call to call, as in the model" in said for said in remarks)


def test_the_models_own_states_stay_as_they_were(tmp_path):
    model = stateful(layer := L.LSTM(8, stateful=True, name="memory"))
    model(INPUTS[:1])
    before = [state.numpy() for state in layer.states]
    tfc.Int8(num_representative=8).convert(model, DATA, tmp_path / "model.tflite")
    for state, then in zip(layer.states, before, strict=True):
        np.testing.assert_array_equal(state.numpy(), then)
