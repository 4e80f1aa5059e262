"""A file is known by its kernels, whatever the converter does to their layout and scale."""

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring import tflite
from tfcompress.measuring.kernel_match import LEAST_COSINE, match_kernels
from tfcompress.measuring.measure import kernels

L = keras.layers


def network(seed):
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((8, 8, 1))
    x = L.BatchNormalization(name="bn")(L.Conv2D(8, 3, name="conv", use_bias=False)(L.Rescaling(1 / 16)(x)))
    x = L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", activation="relu")(x)
    x = L.Conv2DTranspose(4, 2, strides=2, name="transposed")(x)
    x = L.Reshape((64, 4))(x)
    x = L.Conv1D(6, 3, name="conv1d")(x)
    return keras.Model(inputs, L.Dense(10, name="logits")(L.Flatten()(x)))


@pytest.fixture(scope="module")
def model():
    return network(0)


@pytest.mark.parametrize("exporter", [tfc.Float32(), tfc.DynamicRange(), tfc.Int8(num_representative=8)])
def test_each_kernel_is_found_and_is_the_models(model, exporter, digits, tmp_path):
    contents = tflite.read(exporter.convert(model, digits, tmp_path / "a.tflite").path)
    found = {match.layer: match.cosine for match in match_kernels(contents, kernels(model))}
    assert set(found) == {"conv", "depthwise", "transposed", "conv1d", "logits"}
    assert min(found.values()) > 0.99
    others = match_kernels(contents, kernels(network(1)))
    assert max(match.cosine for match in others) < LEAST_COSINE - 0.2
