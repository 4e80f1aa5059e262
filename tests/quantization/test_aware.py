"""Quantization-aware training on a small real training: accuracy, zeros kept or not, and clear refusals."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.keras import is_quantization_aware, keras
from tfcompress.core.measure import kernels, zero_share

DATA = tfc.Digits()


@pytest.fixture(scope="module")
def pruned():
    keras.utils.set_random_seed(0)
    model = tfc.simple_cnn((8, 8, 1), width=4, hidden_units=16)
    return tfc.PruneLowMagnitude(0.5).apply(model, tfc.KerasFit(DATA, epochs=15))


def fit(epochs=2):
    return tfc.KerasFit(DATA, epochs=epochs, learning_rate=0.005)


def accuracy(model):
    answers = model.predict(DATA.model_inputs(DATA.test.inputs), verbose=0).argmax(-1)
    return (answers == DATA.test.labels).mean()


def zeros(model):
    return min(zero_share(kernel) for kernel in kernels(model).values())


def test_keeps_zeros_by_default_when_there_are_some(pruned):
    aware = tfc.QuantizeAware().apply(pruned, fit())
    assert is_quantization_aware(aware)
    assert zeros(aware) == pytest.approx(zeros(pruned), abs=1e-6)


def test_fills_zeros_when_told_to(pruned):
    assert zeros(tfc.QuantizeAware(keep_sparsity=False).apply(pruned, fit())) < 0.1


def test_answers_as_well_as_the_float_model_after_a_short_training(pruned):
    assert accuracy(tfc.QuantizeAware().apply(pruned, fit())) > accuracy(pruned) - 0.03


def test_leaves_the_model_that_came_in_alone(pruned):
    before = [weight.copy() for weight in pruned.get_weights()]
    tfc.QuantizeAware().apply(pruned, fit(1))
    assert all(np.array_equal(old, new) for old, new in zip(before, pruned.get_weights(), strict=True))


def test_a_layer_that_tfmot_cannot_quantize_is_named():
    inputs = keras.Input((8, 4), name="sequence")
    model = keras.Model(inputs, keras.layers.LSTM(3, name="memory")(inputs))
    with pytest.raises(tfc.UnsupportedModel, match="memory"):
        tfc.QuantizeAware().apply(model, fit())


def test_twice_is_refused(pruned):
    aware = tfc.QuantizeAware().apply(pruned, fit(1))
    with pytest.raises(tfc.UnsupportedModel, match="quantization-aware"):
        tfc.QuantizeAware().apply(aware, fit(1))


def test_bad_value_names_its_field():
    with pytest.raises(tfc.InvalidValue, match="QuantizeAware.keep_sparsity"):
        tfc.QuantizeAware(keep_sparsity="yes")
