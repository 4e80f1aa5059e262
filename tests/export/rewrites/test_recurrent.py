"""Recurrent layers in files, run as apps do: a loop that starts anew in each call, all steps, the fused operation."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue
from tfcompress.core.tasks.metrics import closeness
from tfcompress.export.rewrites.recurrent import in_form, short_enough
from tfcompress.measuring import tflite
from tfcompress.measuring.file_run import FileRun

L = keras.layers
LAYERS = {
    "lstm": lambda: L.LSTM(8, name="memory"),
    "gru": lambda: L.GRU(8, name="memory"),
    "simple_rnn": lambda: L.SimpleRNN(8, name="memory"),
    "sequences": lambda: L.LSTM(8, return_sequences=True, go_backwards=True, name="memory"),
    "stacked": lambda: L.RNN([L.LSTMCell(6), L.GRUCell(6)], name="memory"),
    "bidirectional": lambda: L.Bidirectional(L.LSTM(6), name="memory"),
    "masked": lambda: lambda inputs: L.LSTM(6, name="memory")(L.Masking()(inputs)),
}
QUICK = ("lstm", "gru", "stacked")  # the others are slow tests, here and in test_recurrent_table.py
KINDS = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in LAYERS]
INPUTS = np.random.default_rng(0).normal(size=(64, 8, 4)).astype("float32")
DATA = tfc.dataset(*[(INPUTS, np.zeros(64))] * 2)
FLOAT = {"float32": 100, "float16": 40, "dynamic_range": 40}


def with_layer(layer, length=8):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((length, 4))
    return keras.Model(inputs, L.Dense(3)(layer(inputs)))


def decibels(model, artifact, again=1, resets=False):
    """Of the file against Keras, without a reset between calls; the whole `again` times over."""
    run = FileRun(artifact.path.read_bytes(), forgets=resets)
    for _ in range(again):
        (found,) = run.outputs({artifact.inputs[0]: INPUTS}).values()
    expected = model(INPUTS).numpy()
    return closeness(expected, found.reshape(expected.shape)).sqnr_db


def contents(artifact):
    """The operations of all graphs, and the number of variable tensors."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(artifact.path.read_bytes())))
    variables = sum(bool(tensor.isVariable) for graph in model.subgraphs for tensor in graph.tensors)
    return set(tflite.read(artifact.path).ops), variables


@pytest.mark.parametrize("kind", KINDS)
def test_a_float_file_is_the_model_in_every_call(kind, tmp_path, remarks):
    model = with_layer(LAYERS[kind]())
    artifact = tfc.Float32().convert(model, DATA, tmp_path / "model.tflite")
    ops, variables = contents(artifact)
    assert decibels(model, artifact, again=2) > 100
    assert "WHILE" in ops and variables == 0 and not artifact.needs_reset and remarks == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_int8_file_is_the_model_in_every_call(kind, tmp_path, remarks):
    model = with_layer(LAYERS[kind]())
    artifact = tfc.Int8(num_representative=64).convert(model, DATA, tmp_path / "model.tflite")
    ops, variables = contents(artifact)
    assert decibels(model, artifact, again=2) > 24
    assert "WHILE" in ops and variables == 0 and remarks == []
    assert tflite.read(artifact.path).kernels and all(
        kernel.values.dtype == np.int8 for kernel in tflite.read(artifact.path).kernels
    )


@pytest.mark.parametrize("exporter", [tfc.Float16(), tfc.DynamicRange()], ids=lambda value: value.mode)
def test_other_float_modes_have_the_loop_too(exporter, tmp_path):
    model = with_layer(L.LSTM(40, name="memory"))
    artifact = exporter.convert(model, DATA, tmp_path / "model.tflite")
    assert decibels(model, artifact, again=2) > FLOAT[exporter.mode]
    assert contents(artifact)[1] == 0


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_int16x8_is_laid_out(kind, tmp_path, remarks):
    model = with_layer(LAYERS[kind]())
    artifact = tfc.Int16x8(num_representative=64).convert(model, DATA, tmp_path / "model.tflite")
    assert decibels(model, artifact, again=2) > 35
    assert "WHILE" not in contents(artifact)[0]
    assert remarks == [
        "memory: written step by step, as int16x8 of a loop cannot be made; the file has each step, and is larger."
    ]


@pytest.mark.parametrize("exporter", [tfc.Float32, tfc.Int8], ids=lambda value: value.__name__)
def test_the_fused_form_says_that_it_wants_a_reset(exporter, tmp_path, remarks):
    model = with_layer(L.LSTM(8, name="memory"))
    artifact = exporter(recurrent="fused").convert(model, DATA, tmp_path / "model.tflite")
    ops, variables = contents(artifact)
    assert artifact.mode == exporter().mode + "_fused" and artifact.needs_reset
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in ops and variables == 2
    assert len(remarks) == 1 and "keeps its states from call to call" in remarks[0] and "memory" in remarks[0]
    kept, fresh = (decibels(model, artifact, again=2, resets=resets) for resets in (False, True))
    assert kept < 20 < fresh


def test_the_unrolled_form_has_neither_loop_nor_variables(tmp_path):
    model = with_layer(LAYERS["bidirectional"]())
    artifact = tfc.Float32(recurrent="unrolled").convert(model, DATA, tmp_path / "model.tflite")
    ops, variables = contents(artifact)
    assert decibels(model, artifact) > 100 and "WHILE" not in ops and variables == 0
    assert artifact.mode == "float32_unrolled"


def test_the_model_itself_stays_as_it_was(tmp_path):
    layer = L.LSTM(8, name="memory")
    tfc.Float32().convert(with_layer(layer), None, tmp_path / "model.tflite")
    assert layer._could_use_gpu_kernel


@pytest.mark.parametrize(
    ("layer", "form", "length", "words"),
    [
        (lambda: L.GRU(8, name="memory"), "fused", 8, "Received: a model with GRU 'memory'. Use 'auto'."),
        (lambda: L.Flatten(), "fused", 8, "Received: a model with no recurrent layer. Use 'auto'."),
        (lambda: L.Flatten(), "unrolled", 8, "Received: a model without one. Use 'auto'."),
        (lambda: L.GRU(8, name="memory"), "unrolled", 1000, "at most 256 steps.*layer 'memory' with 1000 steps"),
    ],
)
def test_a_form_that_no_layer_can_have_is_refused(layer, form, length, words):
    with pytest.raises(InvalidValue, match=words):
        in_form(with_layer(layer(), length), form)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_mixed_precision_is_laid_out(kind, tmp_path, remarks):
    pytest.importorskip("litert_quantizer", reason="not run: tfcompress[edge] is not installed")
    model = with_layer(LAYERS[kind]())
    artifact = tfc.MixedPrecision(8, num_representative=64).convert(model, DATA, tmp_path / "model.tflite")
    assert decibels(model, artifact, again=2) > 20 and not artifact.needs_reset
    assert any(said.startswith("memory: written step by step, as int8_weights of a loop cannot") for said in remarks)


@pytest.mark.parametrize("exporter", [tfc.Float32, tfc.Float16, tfc.DynamicRange, tfc.Int8, tfc.MixedPrecision])
def test_a_form_that_is_none_is_refused(exporter):
    with pytest.raises(InvalidValue, match=rf"{exporter.__name__}.recurrent must be .* Received: 'rolled'"):
        exporter(recurrent="rolled")


def test_a_convolutional_layer_which_keras_cannot_unroll_is_not_laid_out():
    model = keras.Sequential([keras.Input((4, 6, 2)), L.ConvLSTM1D(2, 3, name="memory")])
    assert short_enough(model, ("memory",)) == ()
    with pytest.raises(InvalidValue, match="the convolutional 'memory'"):
        in_form(model, "unrolled")
