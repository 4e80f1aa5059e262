import random
import zlib

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import UnreadableModel
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import kernels, overall_sparsity

SIMPLE_CNN = ("CONV_2D", "MAX_POOL_2D", "CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "FULLY_CONNECTED")


def stored_as_keras(values):
    """TFLite's (out, height, width, in) and (out, in) as Keras's (height, width, in, out) and (in, out)."""
    return values.transpose(1, 2, 3, 0) if values.ndim == 4 else values.T


@pytest.fixture(scope="module")
def files(sparse, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    made = {}
    for exporter in (tfc.Float32(), tfc.Float16(), tfc.DynamicRange(), tfc.Int8()):
        exporter.convert(sparse, digits, path := folder / f"{exporter.mode}.tflite")
        made[exporter.mode] = path
    return made


@pytest.fixture(scope="module")
def pairs(files, sparse):
    """Of each mode the kernels: (Keras's, the file's in Keras's layout)."""
    return {
        mode: [
            (plain, stored_as_keras(kernel.values))
            for plain, kernel in zip(kernels(sparse).values(), tflite.read(path).kernels, strict=True)
        ]
        for mode, path in files.items()
    }


def test_float32_kernels_are_those_of_keras(pairs):
    for plain, stored in pairs["float32"]:
        np.testing.assert_array_equal(stored, plain)


def test_float16_kernels_are_those_of_keras_rounded(pairs):
    for plain, stored in pairs["float16"]:
        assert stored.dtype == np.float16
        np.testing.assert_array_equal(stored, plain.astype(np.float16))


@pytest.mark.parametrize("mode", ["dynamic_range", "int8"])
def test_int8_kernels_are_those_of_keras_over_a_scale_for_each_output_channel(pairs, mode):
    for plain, stored in pairs[mode]:
        if stored.dtype == np.int8:  # symmetric: the largest of a channel is 127 (Jacob et al., 2018)
            scale = np.abs(plain).max(axis=tuple(range(plain.ndim - 1))) / 127
            assert (np.abs(stored * scale - plain) <= 0.501 * scale).all()
        else:
            np.testing.assert_array_equal(stored, plain)


def test_dynamic_range_leaves_kernels_under_1024_weights_in_float(pairs):
    dtypes = [(stored.size >= 1024, stored.dtype) for _, stored in pairs["dynamic_range"]]
    assert dtypes == [(False, np.float32), (True, np.int8), (True, np.int8), (False, np.float32)]


@pytest.mark.parametrize("mode", ["float32", "float16", "dynamic_range", "int8"])
def test_zeros_of_keras_are_zeros_in_the_file(pairs, files, sparse, mode):
    for plain, stored in pairs[mode]:
        assert not stored[plain == 0].any()
    least = overall_sparsity(kernels(sparse))
    assert 0.5 <= least <= tflite.read(files[mode]).sparsity < least + 0.02  # rounding adds a few


@pytest.mark.parametrize("mode", ["float32", "dynamic_range", "int8"])
def test_operations_are_told_in_order(files, mode):
    assert tflite.read(files[mode]).ops == SIMPLE_CNN


def test_float16_widens_its_eight_weights_first(files):
    assert tflite.read(files["float16"]).ops == ("DEQUANTIZE",) * 8 + SIMPLE_CNN


def test_depthwise_kernels_are_found(tmp_path):
    model = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.DepthwiseConv2D(2, depth_multiplier=2, name="d")])
    tfc.Float32().convert(model, None, tmp_path / "d.tflite")
    (kernel,) = tflite.read(tmp_path / "d.tflite").kernels
    assert (kernel.op, kernel.values.shape) == ("DEPTHWISE_CONV_2D", (1, 2, 2, 6))
    # (height, width, in, multiplier) with the last two in one
    np.testing.assert_array_equal(kernel.values[0], kernels(model)["d/depthwise_kernel"].reshape(2, 2, 6))


def test_a_kernel_used_twice_is_told_once(tmp_path):
    shared, inputs = keras.layers.Dense(4), keras.Input((4,))
    model = keras.Model(inputs, shared(keras.layers.ReLU()(shared(inputs))))
    tfc.Float32().convert(model, None, tmp_path / "shared.tflite")
    contents = tflite.read(tmp_path / "shared.tflite")
    assert contents.ops.count("FULLY_CONNECTED") == 2
    assert len(contents.kernels) == 1


def rewritten(source, target, change):
    """Writes the file again with `change` made to its main graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(source.read_bytes(), 0))
    change(model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    target.write_bytes(bytes(builder.Output()))
    return target


def test_the_zero_point_of_the_file_stands_for_zero(files, tmp_path):
    """TensorFlow's exporters give kernels none today; older files have one."""

    def shift(graph):
        graph.tensors[graph.operators[0].inputs[1]].quantization.zeroPoint = [5] * 16  # the first convolution's kernel

    shifted = tflite.read(rewritten(files["int8"], tmp_path / "shifted.tflite", shift))
    assert [kernel.zero_point for kernel in shifted.kernels] == [5, 0, 0, 0]
    # The first kernel's zeros stand for something else now: 144 entries, half of them zero, out of 13,584.
    assert shifted.sparsity < tflite.read(files["int8"]).sparsity - 0.4 * 144 / 13_584


def test_operations_in_a_circle_are_unreadable(files, tmp_path):
    def close(graph):
        for op in graph.operators[:8]:  # DEQUANTIZE
            op.inputs = op.outputs

    circle = rewritten(files["float16"], tmp_path / "circle.tflite", close)
    with pytest.raises(tflite.UnreadableFile, match="run in a circle"):
        tflite.read(circle)


def test_int4_is_two_values_a_byte_the_lower_half_first(files, tmp_path):
    def narrow(graph):
        kernel = graph.tensors[graph.operators[0].inputs[1]]
        kernel.type, kernel.shape = schema.TensorType.INT4, [kernel.shape[0], 18]  # the 144 bytes hold 288 values

    stored = tflite.read(files["int8"]).kernels[0].values.reshape(-1)
    (values, *_) = (kernel.values for kernel in tflite.read(rewritten(files["int8"], tmp_path / "4", narrow)).kernels)
    assert (values.shape, values.min() >= -8, values.max() <= 7) == ((16, 18), True, True)
    np.testing.assert_array_equal(values.reshape(-1)[::2] & 15, stored & 15)
    np.testing.assert_array_equal(values.reshape(-1)[1::2], stored >> 4)


def test_sparsity_counts_what_stands_for_zero():
    first = tflite.Kernel("a", "CONV_2D", np.array([5, 5, 0, 7], np.int8), zero_point=5)  # 2 of 4
    second = tflite.Kernel("b", "FULLY_CONNECTED", np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]))  # 1 of 6
    assert tflite.Contents((), (first, second)).sparsity == 3 / 10
    assert tflite.Contents((), ()).sparsity == 0.0


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x1c\x00\x00\x00TFL4" + bytes(100), b"PK\x03\x04" + bytes(100)])
def test_what_is_no_tflite_is_said_to_be_none(content, tmp_path):
    (tmp_path / "x.tflite").write_bytes(content)
    with pytest.raises(tflite.UnreadableFile, match="is not a .tflite file: its identifier is"):
        tflite.read(tmp_path / "x.tflite")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_a_cut_file_is_unreadable(files, share, tmp_path):
    whole = files["int8"].read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(tflite.UnreadableFile):
        tflite.read(tmp_path / "cut.tflite")


def test_unreadable_is_one_of_the_errors_with_an_exit_code():
    assert issubclass(tflite.UnreadableFile, UnreadableModel)


def mutated(whole, rng):
    """A cut, or flipped bits: anywhere, or at the end, where the file's structure lies."""
    content = bytearray(whole)
    kind = rng.choice(("cut", "anywhere", "structure"))
    if kind == "cut":
        return bytes(content[: rng.randrange(8, len(content))])
    for _ in range(rng.randint(1, 20)):
        position = rng.randrange(8, len(content)) if kind == "anywhere" else -rng.randrange(1, 5000)
        content[position] ^= 1 << rng.randrange(8)
    return bytes(content)


@pytest.mark.parametrize("mode", ["float16", "int8"])
def test_a_damaged_file_is_read_or_unreadable_and_nothing_else(files, mode, tmp_path):
    rng, unreadable, path = random.Random(0), 0, tmp_path / "damaged.tflite"
    for _ in range(100):
        path.write_bytes(mutated(files[mode].read_bytes(), rng))
        try:
            tflite.read(path)
        except tflite.UnreadableFile:
            unreadable += 1
    assert unreadable > 30  # a third are cut


def test_zipped_bytes_are_those_of_deflate():
    assert tflite.zipped_bytes(bytes(10_000)) == len(zlib.compress(bytes(10_000), 9)) < 50


def test_the_digest_is_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert tflite.digest(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
