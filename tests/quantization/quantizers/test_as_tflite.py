"""The default quantizer gives the int8 kernels that TFLite's converter writes, bit for bit, on three models.

The converter's arithmetic (MLIR's quantizer): scale = (max - -max) / 254 in double, level = round(w / scale), the
quotient in double and ties away from zero. BatchNormalization is folded into the kernels before: so it is here.
"""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.tflite import read
from tfcompress.quantization.kernels import channel_axes

layers = keras.layers


def simple_cnn():
    return tfc.simple_cnn((32, 32, 3))


def depthwise():
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for filters in (32, 64):
        x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 1, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def resnet8():
    model = tfc.resnet(8)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (np.shape(weight) for weight in layer.get_weights())
            new = random.uniform(0.5, 2, gamma), random.normal(size=beta), random.normal(size=mean)
            layer.set_weights([*new, random.uniform(0.5, 2, variance)])
    return model


def layers_with_kernels(model):
    """(layer, kind, kernel as float32, with the BatchNormalization after it multiplied in)."""
    for layer in model.layers:
        for kind in ("kernel", "depthwise_kernel"):
            if not hasattr(layer, kind):
                continue
            kernel = getattr(layer, kind).numpy()
            following = [node.layer for node in layer.outbound_nodes]
            if len(following) == 1 and isinstance(following[0], layers.BatchNormalization):
                norm = following[0]
                gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + np.float32(norm.epsilon))
                kernel = kernel * gain.astype("f4")
            yield layer, kind, kernel


def as_stored(kernel, kind):
    """From Keras's order of axes to TFLite's: output channels first, for a depthwise kernel last."""
    if kind == "depthwise_kernel":
        return kernel.reshape(1, *kernel.shape[:2], -1)
    return np.moveaxis(kernel, -1, 0)


@pytest.mark.parametrize("build", [simple_cnn, depthwise, resnet8])
def test_equals_the_converters_int8_kernels_bit_for_bit(build, tmp_path):
    set_seed(0)
    model = build()
    images = np.random.default_rng(0).uniform(0, 1, (4, *model.input_shape[1:])).astype("f4")
    path = tmp_path / "model.tflite"
    tfc.Int8(num_representative=4).convert(model, images, path)
    stored = [kernel.values for kernel in read(path).kernels]
    assert {values.dtype for values in stored} == {np.dtype("int8")}
    ours = [
        as_stored(tfc.Affine().quantize(kernel, channel_axes(layer, kind), kind)[0], kind)
        for layer, kind, kernel in layers_with_kernels(model)
    ]
    assert len(ours) == len(stored)
    for values in ours:
        # Names do not survive the converter: the one that is the same stands for it.
        candidates = [found for found in stored if found.shape == values.shape]
        differing = min(int((found != values).sum()) for found in candidates)
        assert differing == 0, f"{differing} of {values.size} levels differ in a kernel of shape {values.shape}"


def test_ties_are_rounded_as_the_converter_rounds_them(tmp_path):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, use_bias=False)])
    model.layers[0].kernel.assign(np.array([[127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.0]]).T)
    data = np.eye(8, dtype="f4")
    tfc.Int8(num_representative=8).convert(model, data, tmp_path / "model.tflite")
    (stored,) = read(tmp_path / "model.tflite").kernels
    assert stored.values.ravel().tolist() == [127, 1, 2, 3, -1, -2, -3, 0]
    np.testing.assert_array_equal(tfc.Affine().quantize(model.layers[0].kernel.numpy())[0].T, stored.values)
