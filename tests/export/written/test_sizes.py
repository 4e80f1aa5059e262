"""A file that is no smaller than the model in float32 says what it spends its bytes on."""

import re

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.remarks import collecting

L = keras.layers


def said_of(layers, shape, exporter, folder):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *layers])
    arrays = np.random.default_rng(0).uniform(-1, 1, (24, *shape)).astype("float32")
    data = tfc.dataset((arrays, np.zeros(24)), (arrays, np.zeros(24)))
    with collecting() as said:
        exporter.convert(model, data, folder / "model.tflite")
    return said


def test_a_file_of_many_operations_says_that_it_is_larger_than_its_weights(tmp_path):
    said = said_of([L.GRU(4), L.Dense(2)], (24, 2), tfc.Int16x8(), tmp_path)
    (larger,) = [each for each in said if "takes" in each]
    assert re.search(r"takes [\d,]+ bytes, the weights in float32 424: [\d,]+ describe \d+ operations", larger)


def test_kernels_too_small_for_dynamic_range_are_said_to_stay_float32(tmp_path):
    assert said_of([L.Dense(4)], (6,), tfc.DynamicRange(), tmp_path) == [
        "The dynamic_range file is as large as the float32 one: the converter leaves kernels below 1,024 values in "
        "float32, and the model has no larger ones."
    ]


def test_a_file_that_is_smaller_says_nothing(tmp_path):
    assert said_of([L.Dense(64)], (32,), tfc.DynamicRange(), tmp_path) == []
    assert said_of([L.Dense(64)], (32,), tfc.Int8(), tmp_path) == []
