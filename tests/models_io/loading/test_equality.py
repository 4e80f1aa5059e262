"""The comparison itself, by hand."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras
from tfcompress.models_io.loading.equality import TOLERANCE, Incomparable, compare, largest_relative_difference


def test_relative_to_the_largest_output():
    assert largest_relative_difference([np.array([2.0, -4.0])], [np.array([2.5, -4.0])]) == 0.125


def test_the_worst_output_counts():
    pairs = [np.array([1.0]), np.array([2.0])], [np.array([1.0]), np.array([1.0])]
    assert largest_relative_difference(*pairs) == 0.5


def test_nan_counts_only_where_the_other_is_none():
    nan = float("nan")
    assert largest_relative_difference([np.array([nan, 1.0])], [np.array([nan, 1.0])]) == 0
    assert largest_relative_difference([np.array([nan, 1.0])], [np.array([0.0, 1.0])]) == float("inf")


def test_shapes_and_words():
    assert largest_relative_difference([np.zeros((2, 3))], [np.zeros((3, 2))]) == float("inf")
    assert largest_relative_difference([np.array(["a"])], [np.array(["b"])]) == float("inf")


def test_a_picture_of_any_size_is_tried_at_one_that_is_not_pooled_away():
    """At 12x12 MobileNetV3 pools everything away; the mean of nothing is garbage that no two calls share."""
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    shapes = []

    def reference(inputs):
        shapes.append(inputs[0].shape)
        return [model(inputs[0])]

    assert compare(reference, model).difference < TOLERANCE
    assert shapes == [(2, 96, 96, 3)]


def test_garbage_at_one_length_is_followed_by_the_next():
    model = keras.Sequential([keras.Input((None, 3)), keras.layers.GlobalAveragePooling1D()])
    random = np.random.default_rng(0)

    def reference(inputs):
        return [random.random((2, 3)) if inputs[0].shape[1] < 50 else model(inputs[0])]

    assert compare(reference, model).difference < TOLERANCE


def test_random_answers_are_incomparable_and_wrong_ones_are_not():
    model = keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])
    random = np.random.default_rng(0)
    with pytest.raises(Incomparable, match="two outputs"):
        compare(lambda inputs: [random.random((2, 3))], model)
    assert compare(lambda inputs: [model(inputs[0]) + 1], model).difference > TOLERANCE


def test_a_model_that_hardly_hears_its_input_is_told():
    """Bias 1, kernel 1e-7: any model of the same bias would have passed."""
    import tfcompress as tfc

    deaf = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answer")])
    deaf.layers[-1].set_weights([np.full((3, 2), 1e-7, "float32"), np.ones(2, "float32")])
    arrival = tfc.load_with_report(deaf)
    assert arrival.spread < 1e-5
    assert "says little" in str(arrival)


def test_rounding_that_the_original_enlarges_itself_is_told():
    """sin(1e9 x) turns the last bit of x into anything at all."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])
    wild = compare(lambda inputs: [np.sin(1e9 * inputs[0].astype("float64"))], model)
    calm = compare(lambda inputs: [inputs[0] + 1], model)
    assert wild.rounding > TOLERANCE > calm.rounding


@pytest.mark.parametrize("strides", [16, 1])
def test_a_network_for_any_size_is_counted_with_its_strides(strides):
    """As MobileNetV3: what is behind a stride is small, and the same network without it would take 2.4 GB."""
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2048, 1, strides=strides)(inputs)
    for _ in range(15):
        x = keras.layers.ReLU()(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    if strides == 1:
        with pytest.raises(Incomparable, match=r"would take 2\.4 GB"):
            compare(lambda inputs: [model(inputs[0])], model)
    else:
        assert compare(lambda inputs: [model(inputs[0])], model).difference < TOLERANCE
