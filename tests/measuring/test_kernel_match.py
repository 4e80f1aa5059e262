"""A file is known by its kernels, whatever the converter does to their layout and scale."""

import math

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring import tflite
from tfcompress.measuring.kernel_match import LEAST_COSINE, aligned_kernels, match_kernels
from tfcompress.measuring.measure import kernels
from tfcompress.measuring.tflite import Contents, Kernel

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


def test_kernels_are_aligned_to_the_unit_of_the_model():
    ours = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype("float32")
    gains = np.array([1.0, 0.5, -2.0, 3.0], "float32")  # a normalization that was folded in
    rows = np.moveaxis(ours * gains, -1, 0)
    steps = abs(rows.reshape(4, -1)).max(1) / 127
    stored = np.round(rows / steps[:, None, None, None]).astype("int8")
    (found,) = aligned_kernels(Contents((), (Kernel("m/conv/Conv2D", "CONV_2D", stored, 0, 0),)), {"conv/kernel": ours})
    assert found.layer == "conv"
    assert found.is_integer
    np.testing.assert_allclose(found.steps, steps / abs(gains), rtol=0.01)
    assert 40 < found.sqnr_db < 55
    np.testing.assert_allclose(found.stored, found.ours, atol=0.02)


def test_rows_of_zeros_stay_zeros_and_another_models_kernel_is_left_out():
    ours = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    ours[:, 1] = 0
    contents = Contents((), (Kernel("m/dense/MatMul", "FULLY_CONNECTED", ours.T.copy()),))
    (found,) = aligned_kernels(contents, {"dense/kernel": ours})
    assert found.sqnr_db == math.inf or found.sqnr_db > 100
    assert not found.stored[1].any()
    other = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
    assert aligned_kernels(contents, {"dense/kernel": other}) == []
