import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tfcompress as tfc
from tfcompress.quantization.quantizers.codebook import lloyd_max, uniform
from tfcompress.quantization.quantizers.quantizer import error

ORDINARY = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
MATRICES = arrays(np.float32, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=ORDINARY)


# Max, "Quantizing for minimum distortion", 1960, table I: mean squared error of the best N levels for a unit Gaussian.
@pytest.mark.parametrize(("bits", "distortion"), [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)])
def test_lloyd_max_reaches_maxs_distortions(bits, distortion):
    values = np.random.default_rng(0).normal(size=200_000).astype("f4")
    approximated = tfc.Codebook(2**bits, keep_zero=False).approximate(values)
    assert error(values, approximated).mean_squared == pytest.approx(distortion, rel=0.02)


def test_lloyd_maxs_levels_for_two_bits():
    # The same table: 0.4528 and 1.510
    values = np.random.default_rng(0).normal(size=500_000)
    levels = lloyd_max(np.concatenate([values, -values]), 4)
    np.testing.assert_allclose(levels, [-1.510, -0.4528, 0.4528, 1.510], rtol=0.01)


def test_every_level_is_the_mean_of_what_is_nearest_to_it():
    values = np.random.default_rng(0).standard_t(3, size=3000)
    found, levels = tfc.Codebook(8, keep_zero=False).quantize(values)
    np.testing.assert_array_equal(found, np.abs(values[:, None] - levels).argmin(1))
    np.testing.assert_allclose(levels, [values[found == each].mean() for each in range(8)], rtol=1e-6)


def test_uniform_levels_are_the_middles_of_equal_intervals():
    assert uniform(np.array([0.0, 8.0, 2.0]), 4).tolist() == [1, 3, 5, 7]
    values = np.array([0.1, 1.9, 2.1, 8.0, -0.0 + 0.0])
    found = tfc.Codebook(4, "uniform", keep_zero=False).approximate(values)
    np.testing.assert_allclose(found, [1, 1, 3, 7, 1], rtol=1e-6)


def test_intervals_of_the_users_own():
    codebook = tfc.Codebook(3, levels=(-1.0, 0.0, 10.0), ends=(-0.1, 1.0))
    assert codebook.approximate(np.array([-0.2, -0.1, 0.9, 1.0, 99.0])).tolist() == [-1, 0, 0, 10, 10]


def test_zero_is_a_level_when_it_is_to_be_kept_and_others_are_fitted_around_it():
    values = np.random.default_rng(0).normal(size=10_000) + 0.5
    values[:6000] = 0
    for fitted_by in ("lloyd_max", "uniform"):
        kept = tfc.Codebook(6, fitted_by).approximate(values)
        assert (kept[:6000] == 0).all()
        assert len(np.unique(kept)) <= 6
    assert not (tfc.Codebook(6, keep_zero=False).approximate(values)[:6000] == 0).all()


def test_a_pruned_kernel_spends_its_levels_on_what_is_left():
    values = np.random.default_rng(0).normal(size=10_000)
    values[:9500] = 0
    kept = tfc.Codebook(8).approximate(values)
    assert len(np.unique(kept)) == 8
    assert error(values, kept).sqnr_db > 12  # 7 levels for what is left: 3 bits of a Gaussian are 14.6 dB


def test_no_more_distinct_values_than_levels_are_kept_exactly():
    values = np.array([[1.5, -2.0], [0.0, 1.5]], "f4")
    np.testing.assert_array_equal(tfc.Codebook(3).approximate(values), values)


@settings(max_examples=150, deadline=None)
@given(MATRICES, st.integers(2, 9), st.sampled_from(["lloyd_max", "uniform"]), st.booleans())
def test_it_is_idempotent_monotone_and_has_at_most_as_many_values(values, num_levels, fitted_by, keep_zero):
    codebook = tfc.Codebook(num_levels, fitted_by, keep_zero)
    once = codebook.approximate(values)
    assert len(np.unique(once)) <= num_levels
    ordered = codebook.approximate(np.sort(values, axis=None))
    assert (np.diff(ordered) >= 0).all()
    if keep_zero:
        assert (once[values == 0] == 0).all()
    if fitted_by == "lloyd_max":
        np.testing.assert_array_equal(codebook.approximate(once), once)
    fixed = tfc.Codebook(2, levels=(-1.0, 1.0), keep_zero=False)
    np.testing.assert_array_equal(fixed.approximate(fixed.approximate(values)), fixed.approximate(values))


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"num_levels": 1}, "num_levels"),
        ({"num_levels": 2.0}, "num_levels"),
        ({"fitted_by": "guess"}, "fitted_by"),
        ({"keep_zero": 0}, "keep_zero"),
        ({"num_levels": 2, "levels": (1.0, 0.0)}, "levels"),
        ({"num_levels": 3, "levels": (0.0, 1.0)}, "levels"),
        ({"num_levels": 2, "levels": (1.0, 2.0)}, "levels"),
        ({"num_levels": 2, "levels": (0.0, float("nan"))}, "levels"),
        ({"ends": (0.0,)}, "ends"),
        ({"num_levels": 3, "levels": (0.0, 1.0, 2.0), "ends": (0.5,)}, "ends"),
    ],
)
def test_a_bad_value_names_its_field(bad, field):
    with pytest.raises(tfc.InvalidValue, match=f"Codebook.{field} "):
        tfc.Codebook(**bad)
