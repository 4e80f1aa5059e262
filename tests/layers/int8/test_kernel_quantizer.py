"""Kernels rounded to few bits: hand-worked levels, and that the file's type can hold them."""

import numpy as np
import pytest

from tfcompress.backend.tensorflow import keras, tf
from tfcompress.layers.int8.kernel_quantizer import KernelQuantizer, num_levels, stored_bits, stride

KERNEL = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")


def rounded(quantizer, kernel, training=True):
    layer = keras.layers.Layer()
    held = quantizer.build(kernel.shape, "kernel", layer)
    quantizer(tf.constant(kernel), True, held)
    return quantizer(tf.constant(kernel), training, held).numpy()


def test_three_bits_by_hand():
    # The largest weight, 3, is level 3, so that a step is 1: 1.4 -> 1, -2.6 -> -3, and 0.4 -> 0.
    kernel = np.array([[3.0, 1.4], [-2.6, 0.4]], "float32")
    np.testing.assert_allclose(rounded(KernelQuantizer(3), kernel), [[3, 1], [-3, 0]], atol=1e-6)


def test_a_scale_for_each_channel_by_hand():
    # Two bits have levels -1, 0, 1: of a channel's largest weight.
    kernel = np.array([[4.0, 0.1], [-3.0, -0.4], [1.0, 0.3]], "float32")
    expected = [[4, 0], [-4, -0.4], [0, 0.4]]
    np.testing.assert_allclose(rounded(KernelQuantizer(2, per_channel=True), kernel), expected, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("bits", range(2, 9))
def test_levels_are_few_near_and_among_those_that_the_file_has(bits, training):
    levels = rounded(KernelQuantizer(bits), KERNEL, training)
    step = np.abs(KERNEL).max() / num_levels(bits)
    assert np.abs(levels - KERNEL).max() <= step / 2 * (1 + 1e-4)
    assert len(np.unique(levels)) <= 2**bits - 1
    stored = levels / (step / stride(bits))  # in steps of int4 or int8
    np.testing.assert_allclose(stored, stored.round(), atol=2e-3)
    assert np.abs(stored).max() <= num_levels(stored_bits(bits)) + 1e-3


def test_a_view_is_only_another_shape():
    plain = rounded(KernelQuantizer(4, per_channel=True), KERNEL.reshape(15, 4))
    seen = rounded(KernelQuantizer(4, per_channel=True, view=(1, 3, 5, 4)), KERNEL)
    np.testing.assert_array_equal(seen.reshape(15, 4), plain)


def test_the_gradient_passes_straight_through():
    quantizer, kernel = KernelQuantizer(3), tf.Variable(KERNEL)
    held = quantizer.build(kernel.shape, "kernel", keras.layers.Layer())
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(2.0 * quantizer(kernel, True, held))
    np.testing.assert_array_equal(tape.gradient(total, kernel), np.full(KERNEL.shape, 2.0))


def test_a_kernel_of_zeros_stays_zero():
    assert not rounded(KernelQuantizer(3), np.zeros((2, 2), "float32")).any()
