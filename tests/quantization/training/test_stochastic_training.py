import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, tf
from tfcompress.measuring.measure import kernels, zero_share
from tfcompress.quantization.training.stochastic_training import round_kernel

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 4, 5)).astype("f4")


@pytest.mark.parametrize("per_channel", [True, False])
def test_values_are_on_int8s_levels_next_to_them_and_right_on_average(per_channel):
    axes = (0, 1, 2) if per_channel else None
    scale = np.abs(KERNEL).max(axes, keepdims=True) / 127
    random = np.random.default_rng(1)
    draws = np.array(
        [round_kernel(tf.constant(KERNEL), random.random(KERNEL.shape).astype("f4"), per_channel) for _ in range(2000)]
    )
    steps = draws / scale
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)
    assert np.abs(draws - KERNEL).max() < scale.max() * 1.001
    # four standard errors of a Bernoulli draw, at most half a step each; of 180 weights one may lie beyond, hardly more
    beyond = np.abs(draws.mean(0) - KERNEL) > 4 * scale / 2 / np.sqrt(len(draws))
    assert beyond.sum() == 0


def test_zeros_and_the_largest_stay_and_the_gradient_passes():
    kernel = tf.constant(np.where(KERNEL < 0, 0, KERNEL))
    chance = np.full(KERNEL.shape, 0.999, "f4")
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        rounded = round_kernel(kernel, chance, per_channel=True)
        total = tf.reduce_sum(rounded * 3)
    assert (rounded.numpy()[kernel.numpy() == 0] == 0).all()
    np.testing.assert_allclose(rounded.numpy().max((0, 1, 2)), kernel.numpy().max((0, 1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(total, kernel), np.full(KERNEL.shape, 3.0))


def trained_by(model, digits, **settings):
    set_seed(0)
    return tfc.QuantizeAware(**settings).apply(model, tfc.KerasFit(digits, epochs=1, learning_rate=0.005))


def test_training_is_repeatable_by_its_seed_and_keeps_zeros(sparse, digits):
    one, again, other = (
        kernels(trained_by(sparse, digits, **settings))
        for settings in (
            {"rounding": "stochastic"},
            {"rounding": "stochastic"},
            {"rounding": "stochastic", "seed": 1},
        )
    )
    for name, values in one.items():
        np.testing.assert_array_equal(again[name], values)
        assert zero_share(values) >= zero_share(kernels(sparse)[name])
    assert any((other[name] != values).any() for name, values in one.items())


def test_what_comes_out_rounds_to_the_nearest_and_exports(sparse, digits, tmp_path):
    aware = trained_by(sparse, digits, rounding="stochastic")
    inputs = digits.model_inputs(digits.test.inputs)
    np.testing.assert_array_equal(aware(inputs), aware(inputs))
    assert (aware(inputs).numpy().argmax(-1) == digits.test.targets).mean() > 0.85
    assert all("_Stochastic" not in str(type(each)) for layer in aware.layers for each in _quantizers(layer))
    assert tfc.Int8().convert(aware, digits, tmp_path / "model.tflite").raw_bytes > 0


def _quantizers(layer):
    return [quantizer for _, quantizer, _ in getattr(layer, "_weight_vars", [])]


@pytest.mark.parametrize("bad", [{"rounding": "floor"}, {"seed": -1}])
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"QuantizeAware.{next(iter(bad))} "):
        tfc.QuantizeAware(**bad)
