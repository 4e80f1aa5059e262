"""What is told of a file, against the Keras model that it was made of."""

import numpy as np
import pytest

from tfcompress.export.metadata.with_metadata import notes_of
from tfcompress.inspecting.tflite.metadata import notes_lines, printable
from tfcompress.inspecting.tflite.reading import read_tflite
from tfcompress.inspecting.tflite.tflite_file import look_at
from tfcompress.measuring.measure import kernels, measure
from tfcompress.measuring.notes.in_file import FileNotes, with_notes
from tfcompress.measuring.tflite import UnreadableFile

MODES = ("float32", "float16", "dynamic_range", "int8", "aware")


@pytest.mark.parametrize("mode", MODES)
def test_macs_are_those_of_the_keras_model(seen, sparse, mode):
    assert seen[mode].totals["num_macs"] == measure(sparse).num_macs
    assert seen[mode].totals["uncounted_operators"] == []


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_zeros_and_distinct_values_are_those_of_the_kernels(seen, sparse, mode):
    dtype = {"float32": "float32", "float16": "float16"}[mode]
    stored = [values.astype(dtype) for values in kernels(sparse).values()]
    rows = [row for row in seen[mode].operators if row.weights is not None]
    assert [row.distinct_values for row in rows] == [len(np.unique(values)) for values in stored]
    assert [row.sparsity for row in rows] == [float((values == 0).mean()) for values in stored]


def test_bytes_are_those_of_the_file(seen, files):
    for mode, file in seen.items():
        assert file.raw_bytes == files[mode].stat().st_size
        assert file.totals["constant_bytes"] < file.raw_bytes
        # each buffer of this file is read by one operation, or is metadata
        metadata = sum(entry["bytes"] for entry in file.metadata)
        assert sum(row.constant_bytes for row in file.operators) == file.totals["constant_bytes"] - metadata


def test_arithmetic_by_mode(seen):
    shares = {mode: file.totals["int8_share"] for mode, file in seen.items()}
    assert shares == {"float32": 0, "float16": 0, "dynamic_range": 0, "int8": 1, "aware": 1}
    assert seen["int8"].totals["float_operators"] == {}
    assert seen["float32"].totals["float_operators"]["CONV_2D"] == 2
    kinds = [row.arithmetic for row in seen["dynamic_range"].operators if row.weights is not None]
    assert kinds == ["float32", "hybrid", "hybrid", "float32"]  # kernels under 1024 weights stay in float
    assert [row.arithmetic for row in seen["float16"].operators].count("conversion") == 8


def test_quantization_of_tensors(seen):
    file = seen["int8"]
    convolution = file.operators[0]
    kernel = file.tensor(convolution.weights)
    assert (kernel.scheme, kernel.num_scales, kernel.quantized_dimension) == ("per-channel", 16, 0)
    assert kernel.zero_point == (0,)
    assert len(kernel.scale) == 2
    image = file.tensor(file.inputs[0])
    assert (image.dtype, image.shape, image.scheme, image.zero_point) == ("int8", (1, 8, 8, 1), "per-tensor", (-128,))
    assert image.scale[0] == pytest.approx(1 / 255, rel=1e-3)  # digits are in [0, 1]
    assert file.tensor(seen["float32"].inputs[0]).scheme in ("", "per-tensor")


def test_metadata_and_signatures(seen):
    file = seen["float32"]
    assert [entry["key"] for entry in file.signatures] == ["serving_default"]
    runtime = next(entry for entry in file.metadata if entry["name"] == "min_runtime_version")
    assert runtime["text"].count(".") == 2


def test_what_a_file_says_of_itself_is_told(files, digits, tmp_path):
    about = FileNotes("d", "a CNN", "0.1.0", "digits", "ab" * 32, notes_of(digits))
    path = tmp_path / "noted.tflite"
    content = with_notes(files["int8"].read_bytes(), about)
    path.write_bytes(content)
    notes = read_tflite(path).notes
    assert (notes["recipe"], notes["inputs"]["image"]["scaling"]) == ("digits", [[0.0], [16.0]])
    assert notes_lines(notes)[0] == "says: a CNN, by tfcompress 0.1.0, recipe digits (abababababab)"
    assert notes_lines(notes)[1].endswith("as (x - 0) / 16")
    assert look_at(files["int8"]).notes == {} and notes_lines({}) == []
    place = content.index(b"M001")
    path.write_bytes(content[:place] + b"X001" + content[place + 4 :])
    damaged = look_at(path)
    assert list(damaged.notes) == ["damaged"] and damaged.operators
    assert notes_lines(damaged.notes)[0].startswith("metadata damaged: ")


def test_a_channels_zero_point_is_its_own(files, rewritten, tmp_path):
    def shift(model, graph):
        quantization = graph.tensors[graph.operators[0].inputs[1]].quantization
        quantization.zeroPoint = [200] + [0] * 15  # no int8 is 200: the first of 16 channels has no zeros then

    def whole(model, graph):
        kernel = graph.tensors[graph.operators[0].inputs[1]]
        model.buffers[kernel.buffer].data = np.zeros(16 * 9, np.uint8)

    zeros = rewritten(files["int8"], tmp_path / "zeros.tflite", whole)
    assert look_at(zeros).operators[0].sparsity == 1
    assert look_at(rewritten(zeros, tmp_path / "shifted.tflite", shift)).operators[0].sparsity == 15 / 16


@pytest.mark.parametrize(
    ("where", "value"),
    [("inputs", [99, 1, 2]), ("inputs", [-2, 1, 2]), ("outputs", [-1]), ("outputs", [99])],
)
def test_tensors_that_are_not_there_are_damage(files, rewritten, tmp_path, where, value):
    path = rewritten(files["int8"], tmp_path / "x.tflite", lambda _, graph: setattr(graph.operators[0], where, value))
    with pytest.raises(UnreadableFile, match="refers to tensors|out of range"):
        look_at(path)


def test_an_operation_may_lack_its_kernel(files, rewritten, tmp_path):
    path = rewritten(
        files["int8"], tmp_path / "x.tflite", lambda _, graph: setattr(graph.operators[-1], "inputs", [1, -1])
    )
    assert look_at(path).operators[-1].weights is None


def test_names_give_no_orders_to_a_terminal(files, rewritten, tmp_path):
    def rename(model, graph):
        graph.tensors[0].name = b"red\x1b[31m\nline"

    assert look_at(rewritten(files["int8"], tmp_path / "x.tflite", rename)).tensors[0].name == r"red\x1b[31m\nline"
    assert printable("größe") == "größe"
