"""Behind a layer that stays in float a quantization-aware model is quantized again, in training and in the file."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.remarks import collecting
from tfcompress.measuring import tflite
from tfcompress.quantization.training import coverage

L = keras.layers
INPUTS = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 2)).astype("float32")


def train(model, callbacks):
    model.compile("sgd", "mse")
    model.fit(INPUTS, np.zeros((16, 3)), batch_size=8, verbose=0, callbacks=list(callbacks))


def network(middle):
    keras.backend.clear_session()  # operations are named by how many there were
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    x = middle(L.Conv2D(4, 3, activation="relu", name="before")(inputs))
    x = L.Conv2D(4, 3, name="behind")(x)
    return keras.Model(inputs, L.Dense(3, name="logits")(L.Flatten()(x)))


def share_of_int8(folder):
    with collecting() as said:
        aware = tfc.QuantizeAware().apply(network(tf.sin), tfc.fit(train, steps=2))
        path = tfc.Int8().convert(aware, None, folder / "model.tflite").path
    kernels = [kernel.values for kernel in tflite.read(path).kernels]
    return sum(each.size for each in kernels if each.dtype == "int8") / sum(each.size for each in kernels), said


def test_what_stands_behind_a_float_layer_is_int8_in_the_file(tmp_path):
    share, said = share_of_int8(tmp_path)
    assert share == 1.0
    assert said == [
        "tf.math.sin stays in float: tfmot knows no quantization of TFOpLambda.",
        "The int8 file computes in float: SIN (tf.math.sin), as TFLite has no integer form of them.",
    ]


def test_without_a_range_behind_it_the_rest_would_stay_in_float(tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "_with_ranges_behind_float", lambda flat, registry: (flat, set()))
    share, said = share_of_int8(tmp_path)
    assert share < 1.0 and "no range of their inputs or outputs is known" in said[-1]


@pytest.mark.parametrize(
    ("middle", "ranges"),
    [
        (tf.sin, ["tf.math.sin_range"]),
        (lambda x: x[:, 1:], []),
        (lambda x: tf.transpose(x, (0, 2, 1, 3)), []),
        (L.GaussianNoise(0.1), []),
        (L.ReLU(), []),
    ],
    ids=["computes", "slices", "transposes", "does nothing", "is quantized"],
)
def test_a_range_is_followed_behind_what_computes_in_float_alone(middle, ranges):
    found = [getattr(layer, "layer", layer).name for layer in coverage.annotated(network(middle)).layers]
    assert [name for name in found if name.endswith("_range")] == ranges
