import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tfcompress as tfc
from tfcompress.quantization.quantizers.piecewise_linear import expected_error, fit_breakpoints
from tfcompress.quantization.quantizers.quantizer import error

GAUSSIAN = np.random.default_rng(0).normal(size=50_000)
ORDINARY = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
MATRICES = arrays(np.float32, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=ORDINARY)


def test_the_breakpoint_of_a_gaussian_is_the_papers():
    # Fang et al., 2020, section 4.2: p / sigma is about ln(0.8614 m / sigma + 0.6079) for normal weights
    magnitudes = np.abs(GAUSSIAN)
    largest = magnitudes.max()
    _, breakpoint_, end = fit_breakpoints(magnitudes, 2, 7)
    assert end == largest
    assert breakpoint_ == pytest.approx(np.log(0.8614 * largest + 0.6079), rel=0.03)


def test_the_expected_error_by_hand():
    # 3 of 4 values in [0, 1] with steps of 1/2, one in [1, 5] with steps of 2: (1/4 * 3/4 + 4 * 1/4) / 12
    ordered = np.array([0.1, 0.2, 0.9, 4.0])
    assert expected_error(ordered, np.array([0.0, 1.0, 5.0]), 2) == pytest.approx((0.1875 + 1) / 12)


def test_the_expected_error_is_the_one_that_comes():
    points = fit_breakpoints(np.abs(GAUSSIAN), 2, 7)
    found = error(GAUSSIAN, tfc.PiecewiseLinear(4, per_channel=False).approximate(GAUSSIAN.reshape(-1, 1)))
    assert found.mean_squared == pytest.approx(expected_error(np.sort(np.abs(GAUSSIAN)), points, 7), rel=0.05)


def test_more_regions_are_better_and_two_are_better_than_one():
    values = GAUSSIAN.reshape(-1, 1)
    ratios = [error(values, tfc.Affine(4).approximate(values)).sqnr_db]
    ratios += [error(values, tfc.PiecewiseLinear(4, regions).approximate(values)).sqnr_db for regions in (2, 3, 4)]
    assert np.diff(ratios).min() > 1


def test_levels_of_two_regions_by_hand():
    # 999 values in [0, 0.1] and one at 1: of the places tried the first after 0.1 is 0.1; steps of 1/30 and of 0.3
    values = np.concatenate([np.linspace(0, 0.0999, 999), [1.0]])
    found = tfc.PiecewiseLinear(3, per_channel=False).approximate(values)
    np.testing.assert_allclose(np.unique(found), [0, 1 / 30, 2 / 30, 0.1, 1], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.integers(2, 8), st.integers(2, 4))
def test_it_is_monotone_odd_and_keeps_zero_and_the_largest(values, bits, num_regions):
    quantizer = tfc.PiecewiseLinear(bits, num_regions, per_channel=False)
    found = quantizer.approximate(values)
    assert (np.diff(quantizer.approximate(np.sort(values, axis=None))) >= 0).all()
    np.testing.assert_array_equal(quantizer.approximate(-values), -found)
    assert (found[values == 0] == 0).all()
    assert np.abs(found).max() == pytest.approx(np.abs(values).max(), rel=1e-6)
    assert len(np.unique(found)) <= quantizer.num_values


@pytest.mark.parametrize("bad", [{"bits": 1}, {"bits": 17}, {"num_regions": 1}, {"num_regions": 9}, {"per_channel": 0}])
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"PiecewiseLinear.{next(iter(bad))} "):
        tfc.PiecewiseLinear(**bad)
