"""An integer file's operations in float are named, with their layers and why."""

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.remarks import collecting

L = keras.layers


def said_of(compute, exporter, folder):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 2), name="x")
    model = keras.Model(inputs, compute(inputs), name="net")
    arrays = np.random.default_rng(0).uniform(-1, 1, (24, 6, 6, 2)).astype("float32")
    data = tfc.dataset((arrays, np.zeros(24)), (arrays, np.zeros(24)))
    with collecting() as said:
        exporter.convert(model, data, folder / "model.tflite")
    return said


def test_an_operation_without_an_int8_form_is_named_with_its_layer(tmp_path):
    def compute(x):
        return L.Conv2D(2, 3, name="last")(L.ELU(name="bend")(L.Conv2D(4, 3)(x)))

    assert said_of(compute, tfc.Int8(), tmp_path) == [
        "The int8 file computes in float: ELU (bend), as TFLite has no integer form of them."
    ]


def test_a_file_all_in_int8_says_nothing(tmp_path):
    assert said_of(L.Conv2D(4, 3), tfc.Int8(), tmp_path) == []


def test_a_float_file_says_nothing(tmp_path):
    assert said_of(tf.sin, tfc.Float32(), tmp_path) == []
