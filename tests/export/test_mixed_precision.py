import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import ConversionFailed, InvalidValue
from tfcompress.core.remarks import collecting
from tfcompress.export import converting
from tfcompress.measuring import tflite

pytest.importorskip("litert_quantizer", reason="not run: tfcompress[edge] is not installed")


def types(path):
    """The type of each layer's kernel in a file."""
    from tfcompress.export.mixed_precision import _kernel_types
    from tfcompress.measuring.layer_map import layer_ops

    stored = tflite.look_into(path, _kernel_types)
    return {c.layer: stored[c.kernel] for c in layer_ops(path, ["conv1", "conv2", "dense1", "logits"])}


@pytest.mark.parametrize(
    ("exporter", "expected"),
    [
        (tfc.MixedPrecision(), ["INT4"] * 4),
        (tfc.MixedPrecision(8), ["INT8"] * 4),
        (tfc.MixedPrecision(4, {"conv*": 8, "Dense": "float32"}), ["INT8", "INT8", "FLOAT32", "FLOAT32"]),
    ],
    ids=lambda value: value.mode if hasattr(value, "mode") else "",
)
def test_each_layer_gets_its_bits_and_the_file_answers(exporter, expected, trained, digits, tmp_path):
    artifact = exporter.convert(trained, digits, tmp_path / "file.tflite")
    assert list(types(artifact.path).values()) == expected
    outputs = trained.predict(digits.model_inputs(digits.test.inputs), verbose=0)
    for check in (tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference()):
        found = check.run(artifact, digits, {"keras": outputs})
        assert found.status == "pass", found.reason


PARTS = {
    "a part of a split": lambda x: tf.split(x, 2, axis=2)[0],
    "a part of an unstack": lambda x: tf.unstack(x, axis=1)[1],
    "the first step of an LSTM": keras.layers.LSTM(4),
    "and of a GRU": keras.layers.GRU(4),
}


@pytest.mark.parametrize("what", PARTS)
def test_what_nothing_reads_does_not_keep_a_file_from_apps(what, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, keras.layers.Dense(3)(PARTS[what](keras.layers.Dense(4)(inputs))))
    values = np.random.default_rng(0).normal(size=(32, 3, 4)).astype("float32")
    with collecting() as said:
        path = tfc.MixedPrecision(8).convert(model, data_of(values), tmp_path / "file.tflite").path
    assert not [remark for remark in said if "XNNPACK" in remark or "rough" in remark]
    Interpreter(str(path)).allocate_tensors()  # as an app does, by default


def test_a_file_that_most_apps_cannot_load_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "with_conversions", lambda content: content)
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, keras.layers.Dense(3)(tf.split(keras.layers.Dense(4)(inputs), 2, axis=2)[0]))
    values = np.random.default_rng(0).normal(size=(32, 3, 4)).astype("float32")
    with collecting() as said:
        tfc.MixedPrecision(8).convert(model, data_of(values), tmp_path / "file.tflite")
    assert [remark for remark in said if "does not load as most apps load it" in remark and "SPLIT" in remark]


def data_of(values):
    return tfc.dataset((values, np.zeros(len(values))), (values, np.zeros(len(values))))


def test_fewer_bits_make_a_smaller_file(trained, digits, tmp_path):
    sizes = [
        exporter.convert(trained, digits, tmp_path / f"{exporter.mode}.tflite").raw_bytes
        for exporter in (tfc.MixedPrecision(4), tfc.MixedPrecision(8), tfc.Float32())
    ]
    assert sizes[0] < 0.7 * sizes[1] < 0.3 * sizes[2]


def test_eight_bits_are_what_the_converter_makes_of_them(trained, digits, tmp_path):
    """Two programs, one formula: the largest magnitude of each output channel is 127 steps."""
    files = [
        exporter.convert(trained, digits, tmp_path / f"{number}.tflite").path
        for number, exporter in enumerate((tfc.Int8(), tfc.MixedPrecision(8)))
    ]
    convs = [[k.values for k in tflite.read(path).kernels if k.op == "CONV_2D"] for path in files]
    assert len(convs[0]) == 2
    for ours, theirs in zip(*convs, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_pattern_that_matches_nothing_is_an_error(trained, digits, tmp_path):
    with pytest.raises(InvalidValue, match="'conv9', which matches none. Near it: conv"):
        tfc.MixedPrecision(per_layer={"conv9": 8}).convert(trained, digits, tmp_path / "file.tflite")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weight_bits": 3}, "weight_bits must be 4 or 8. Received: 3"),
        ({"per_layer": {"a": 5}}, "per_layer must hold bits of"),
        ({"per_layer": {"a": 16}}, "Use 8, or 'float32'"),
        ({"per_layer": {3: 8}}, "per_layer must select layers by name"),
        ({"num_representative": 0}, "num_representative must be at least 1"),
    ],
)
def test_a_value_out_of_range_is_refused(settings, words):
    with pytest.raises(InvalidValue, match=words):
        tfc.MixedPrecision(**settings)


def test_an_operation_that_has_no_four_bits_is_told(digits, tmp_path):
    with pytest.raises(ConversionFailed, match=r"could not quantize the model. Its reason: .*DEPTHWISE_CONV_2D"):
        tfc.MixedPrecision(4).convert(tfc.mobile_cnn((8, 8, 1), width=4), digits, tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
