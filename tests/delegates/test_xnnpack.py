"""Which operations XNNPACK leaves, asked of the interpreter."""

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.delegates.xnnpack import left_by_xnnpack


def content(pool, tmp_path):
    set_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu", padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(pool(x))))
    x = np.random.default_rng(0).normal(size=(64, 1, 1, 1)).astype("float32") * np.ones((64, 8, 8, 1), "float32")
    return tfc.Int8().convert(model, tfc.dataset(x, x), tmp_path / "m.tflite").path.read_bytes()


def test_an_int8_average_pooling_is_left_and_a_mean_is_not(tmp_path):
    assert left_by_xnnpack(content(keras.layers.AveragePooling2D(8), tmp_path)) == {1}
    assert left_by_xnnpack(content(keras.layers.GlobalAveragePooling2D(), tmp_path)) == frozenset()
