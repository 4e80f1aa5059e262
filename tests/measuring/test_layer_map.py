import pytest

import tfcompress as tfc
from tfcompress.measuring.layer_map import layer_in, layer_ops
from tfcompress.measuring.measure import kernels


@pytest.mark.parametrize(
    "exporter",
    [tfc.Float32(), tfc.Int8(), pytest.param(tfc.DynamicRange(), marks=pytest.mark.slow)],
    ids=lambda value: value.mode,
)
def test_every_kernel_of_a_file_is_told_by_its_keras_layer(exporter, tmp_path):
    model = tfc.resnet(8, input_shape=(8, 8, 1))
    exporter.convert(model, tfc.Digits(num_examples=8), tmp_path / "model.tflite")
    found = layer_ops(tmp_path / "model.tflite", [layer.name for layer in model.layers])
    assert {f"{crossing.layer}/kernel" for crossing in found} == set(kernels(model))


def test_quantization_aware_models_have_the_same_names(aware, digits, tmp_path):
    tfc.Int8().convert(aware, digits, tmp_path / "aware.tflite")
    found = layer_ops(tmp_path / "aware.tflite", ["conv1", "conv2", "dense1", "logits"])
    assert [crossing.layer for crossing in found] == [name.split("/")[0] for name in kernels(aware)]


def test_a_layer_that_is_part_of_anothers_name_is_not_mistaken():
    assert layer_in("net/conv10/Conv2D", {"conv1", "conv10"}) == "conv10"
    assert layer_in("net/conv10/Conv2D", {"conv1"}) is None
