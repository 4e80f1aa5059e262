"""What each target takes and refuses, by rules on the operations of a file."""

import importlib.util
import subprocess
import sys

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue, UnsupportedModel
from tfcompress.measuring.targets.file_operations import FileOp, named
from tfcompress.measuring.targets.target import MICRO_OPERATIONS, MICRO_VERSION, PRESETS, Target, objections


def operation(op, inputs=("int8",), outputs=("int8",), constants=(), **more):
    usual = {"is_custom": False, "most_axes": 4, "is_dynamic": False, "has_variables": False}
    return FileOp(
        0, 0, op, tensor=f"net/layer/{op}", inputs=inputs, outputs=outputs, constants=constants, **{**usual, **more}
    )


FLOAT = ("float32",)
CONV = operation("CONV_2D")
CASES = {
    "int8 convolution": (CONV, set()),
    "float convolution": (operation("CONV_2D", FLOAT, FLOAT, FLOAT), {"npu", "mcu"}),
    "hybrid convolution": (operation("CONV_2D", FLOAT, FLOAT, ("int8",)), {"npu", "mcu"}),
    "int16 convolution": (operation("CONV_2D", ("int16",), ("int16",), ("int8",)), {"gpu", "mcu"}),
    "open shape": (operation("CONV_2D", is_dynamic=True), {"gpu", "npu", "mcu"}),
    "loop": (operation("WHILE"), {"gpu", "npu", "mcu"}),
    "fused LSTM": (operation("UNIDIRECTIONAL_SEQUENCE_LSTM", has_variables=True), {"gpu"}),
    "custom": (operation("MyOp", is_custom=True), {"cpu", "gpu", "npu", "mcu"}),
    "of Vela": (operation("ethos-u", is_custom=True), {"cpu", "gpu"}),
    "one that boards lack": (operation("ONE_HOT"), {"mcu"}),
    "five axes": (operation("ADD", most_axes=5), {"gpu"}),
    "bytes in": (operation("QUANTIZE", ("uint8",)), set()),
    "float out": (operation("DEQUANTIZE", outputs=FLOAT), set()),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_is_refused_by_these_targets_with_its_layer(name):
    given, expected = CASES[name]
    found = {target: objections(target, [CONV, given], ["layer"]) for target in PRESETS}
    assert {target for target, objected in found.items() if objected} == expected
    for objected in found.values():
        assert all(each.operations == f"{given.op} (layer)" and each.reason for each in objected)


def test_layers_of_one_kind_are_together_and_many_are_counted():
    many = [FileOp(0, 0, "ADD", False, f"n/l{n}/x", (), (), (), 1, False, False) for n in range(5)]
    assert named(many, [f"l{n}" for n in range(5)]) == "ADD (l0, l1, l2 and 2 more)"


@pytest.mark.parametrize(("target", "modes"), [(name, preset.modes) for name, preset in PRESETS.items()])
def test_it_takes_its_modes_in_all_their_forms(target, modes):
    known = Target(target)
    assert all(known.takes_mode(mode) and known.takes_mode(f"{mode}_fused") for mode in modes)
    assert known.takes_mode("int16x8") == (target == "npu")
    assert set(known.preset.why) == {"modes", "recurrent", "checks", "operations"}


def test_a_file_is_refused_in_one_line(tmp_path):
    from tfcompress.backend.tensorflow import keras, tf

    x = keras.Input((4,))
    y = keras.layers.Lambda(lambda value: tf.one_hot(tf.argmax(value, -1), 3), name="hot")(x)
    z = keras.layers.Dense(2, name="out")(y)
    path = tfc.Float32().convert(keras.Model(x, z), None, tmp_path / "hot.tflite").path
    with pytest.raises(UnsupportedModel) as caught:
        tfc.Target("mcu").require(path, ["hot"])
    assert "ONE_HOT (hot): tflite-micro has no such operation" in str(caught.value)
    tfc.Target("cpu").require(path)


def test_an_unknown_target_is_refused():
    with pytest.raises(InvalidValue, match="Target.name must be one of cpu, gpu, npu, mcu. Received: 'tpu'"):
        Target("tpu")


@pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed")
def test_the_interpreter_lacks_what_the_rules_say_it_lacks(tmp_path):
    """In one child: a file of all operations, of which those are said to be missing that the table has not."""
    from importlib.metadata import version

    if version("tflite-micro") != MICRO_VERSION:
        pytest.skip(f"the table is of tflite-micro {MICRO_VERSION}")
    code = """import sys; from pathlib import Path; import flatbuffers
from ai_edge_litert import schema_py_generated as s
from tfcompress.delegates.boards.lacking import lacking
m, g, t = s.ModelT(), s.SubGraphT(), s.TensorT()
m.version, m.buffers, m.subgraphs, m.operatorCodes = 3, [s.BufferT()], [g], []
t.name, t.shape, g.tensors, g.inputs, g.outputs, g.operators = b"x", [1], [t], [0], [0], []
for name in sys.argv[2].split():
    c, o = s.OperatorCodeT(), s.OperatorT()
    c.builtinCode, c.version = getattr(s.BuiltinOperator, name), 1
    c.deprecatedBuiltinCode = min(c.builtinCode, 127)
    o.inputs, o.outputs, o.opcodeIndex = [0], [0], len(m.operatorCodes)
    m.operatorCodes.append(c); g.operators.append(o)
b = flatbuffers.Builder(99)
b.Finish(m.Pack(b), b"TFL3")
Path(sys.argv[1]).write_bytes(bytes(b.Output()))
print(*lacking(Path(sys.argv[1])))"""
    missing = {"ONE_HOT", "POW", "TILE", "TOPK_V2", "GELU", "SELECT", "REDUCE_PROD"}
    asked = sorted((MICRO_OPERATIONS | missing) - {"VAR_HANDLE"})  # which looks at options that this file lacks
    run = [sys.executable, "-c", code, str(tmp_path / "all.tflite"), " ".join(asked)]
    end = subprocess.run(run, capture_output=True, text=True)
    assert set(end.stdout.split()) == missing, end.stderr[-500:]
