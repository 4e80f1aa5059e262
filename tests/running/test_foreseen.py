"""What is said of a model's files before it trains."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import ConversionFailed
from tfcompress.core.types import Recipe, Stage
from tfcompress.data.digits import Digits
from tfcompress.running.foreseen import foreseen_float, require_operations

L = keras.layers
DATA = Digits()


def recipe(exporter):
    stages = (
        Stage("teacher", tfc.Unchanged(), start=deep),
        Stage("base", tfc.Unchanged(), start=deep),
        Stage("small", tfc.PruneLowMagnitude(0.5)),
    )
    return Recipe(DATA, stages, exports={"small": (exporter,)}, checks=())


def deep():
    return keras.Sequential([keras.Input((4, 4, 4, 1)), L.Conv3D(2, 2, name="volume"), L.Flatten(), L.Dense(2)])


def flat():
    return keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 2), L.Flatten(), L.Dense(2)])


def test_names_the_layer_that_the_files_of_a_later_stage_compute_in_float():
    assert foreseen_float(recipe(tfc.Int8()), "base", deep()) == (
        "in int8 files these will compute in float, all or in part, as TFLite has no other: volume (CONV_3D)",
    )


def test_says_nothing_of_a_stage_whose_models_are_not_exported():
    assert foreseen_float(recipe(tfc.Int8()), "teacher", deep()) == ()


def test_says_nothing_of_float_files_or_of_layers_that_have_an_integer_form():
    assert foreseen_float(recipe(tfc.Float32()), "base", deep()) == ()
    assert foreseen_float(recipe(tfc.Int8()), "base", flat()) == ()


class Spectrum(L.Layer):
    """Singular values, of which TFLite has no operation."""

    def call(self, inputs):
        return tf.linalg.svd(inputs, compute_uv=False)


def strange():
    return keras.Sequential([keras.Input((4, 4)), Spectrum(name="own"), L.Dense(2)])


def test_a_model_with_an_operation_that_tflite_does_not_have_is_refused_before_it_trains():
    with pytest.raises(ConversionFailed, match=r"needs Svd\..*own \(Spectrum\)"):
        require_operations(recipe(tfc.Float32()), "base", strange())


def test_a_model_whose_file_would_not_run_is_refused_before_it_trains():
    examples = np.zeros((8, 4, 4, 3), "float32"), np.zeros(8)
    data = tfc.dataset(examples, examples)
    inputs = keras.Input((4, 4, 3))
    spectrum = tf.math.real(tf.signal.fft(tf.cast(inputs, tf.complex64)))
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(spectrum)))
    with pytest.raises(ConversionFailed, match=r"before it is trained.*IsPowerOfTwo.*TFOpLambda"):
        require_operations(dataclasses.replace(recipe(tfc.Float32()), data=data), "base", model)


def test_the_same_model_is_let_through_where_nothing_is_exported():
    require_operations(recipe(tfc.Float32()), "teacher", strange())


class Double(L.Layer):
    def call(self, inputs):
        return 2 * inputs


def test_a_layer_of_the_user_s_own_that_can_be_exported_is_let_through():
    model = keras.Sequential([keras.Input((4,)), Double(), L.Dense(2)])
    require_operations(recipe(tfc.Float32()), "base", model)
