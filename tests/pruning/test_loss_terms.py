"""The terms against numbers worked by hand, and their gradients against finite differences."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import tf
from tfcompress.pruning.loss_terms import tree_lasso

MATRIX = np.array([[3.0, -1.0, 0.0], [4.0, 2.0, 0.0]])  # three filters of two weights each

HAND_WORKED = {
    tfc.regularizers.L1(): 3 + 1 + 4 + 2,
    tfc.regularizers.L2(): 9 + 1 + 16 + 4,
    tfc.regularizers.GroupLasso(): np.sqrt(2) * (5 + np.sqrt(5) + 0),
    tfc.regularizers.BatchNormL1(): 3 + 1 + 4 + 2,
}


def name_of(term):
    return type(term).__name__


@pytest.mark.parametrize(("term", "expected"), HAND_WORKED.items(), ids=map(name_of, HAND_WORKED))
def test_the_term_is_the_number_worked_by_hand(term, expected):
    assert float(term(tf.constant(MATRIX))) == pytest.approx(expected)


def test_tree_lasso_is_the_number_worked_by_hand():
    # (h 1, w 2, in 1, out 2): filter 0 holds 3, 4; filter 1 holds 0, 12. Slices are the filters, as there is one input.
    kernel = tf.constant(np.array([[[[3.0, 0.0]], [[4.0, 12.0]]]]))
    layer = 2 * 13  # sqrt(4) * sqrt(9 + 16 + 144)
    filters = np.sqrt(2) * (5 + 12)
    weights = 3 + 4 + 12
    assert float(tree_lasso(kernel)) == pytest.approx(layer + filters + filters + weights)
    assert float(tree_lasso(kernel, ("layer",))) == pytest.approx(layer)
    assert float(tree_lasso(kernel, ("filter",))) == pytest.approx(filters)
    # Along the other axis there is one filter of four weights, which is the layer.
    assert float(tree_lasso(kernel, ("filter",), output_axis=-2)) == pytest.approx(layer)


def differences(function, values, step=1e-6):
    """dR/dw by (R(w + step) - R(w - step)) / (2 step), entry by entry, in float64."""
    slope = np.zeros_like(values)
    for index in np.ndindex(values.shape):
        moved = [values.copy(), values.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        slope[index] = (float(function(tf.constant(moved[0]))) - float(function(tf.constant(moved[1])))) / (2 * step)
    return slope


def gradient(function, values):
    watched = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = function(watched)
    return tape.gradient(value, watched).numpy()


@pytest.mark.parametrize("term", [*HAND_WORKED, tree_lasso], ids=lambda term: getattr(term, "__name__", name_of(term)))
@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 2, 3)], ids=str)
def test_gradients_are_those_of_finite_differences(term, shape):
    values = np.random.default_rng(0).normal(size=shape) + 0.01
    if isinstance(term, tfc.regularizers.GroupLasso):
        values = values.reshape(-1, shape[-1])
    np.testing.assert_allclose(gradient(term, values), differences(term, values), rtol=1e-5, atol=1e-7)


def test_the_gradient_at_an_empty_group_is_zero_and_not_nan():
    np.testing.assert_array_equal(gradient(tfc.regularizers.GroupLasso(), MATRIX)[:, 2], [0.0, 0.0])
    np.testing.assert_array_equal(gradient(tree_lasso, np.zeros((2, 2))), np.zeros((2, 2)))


def test_sizes_of_what_may_go():
    np.testing.assert_array_equal(tfc.regularizers.L1().sizes(MATRIX), np.abs(MATRIX))
    np.testing.assert_array_equal(tfc.regularizers.L2().sizes(MATRIX), np.abs(MATRIX))
    np.testing.assert_allclose(tfc.regularizers.GroupLasso().sizes(MATRIX), [np.sqrt(12.5), np.sqrt(2.5), 0.0])
    np.testing.assert_array_equal(tfc.regularizers.BatchNormL1().sizes(np.array([1.0, -2.0])), [1.0, 2.0])
