"""Linear quantization against numbers worked by hand, properties that hold for all values, and TFLite's own kernels."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tfcompress as tfc
from tfcompress.quantization.quantizers.affine import RANGES, dequantize, grid, quantize

ORDINARY = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
MATRICES = arrays(np.float32, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=ORDINARY)
AFFINE = st.builds(
    tfc.Affine,
    bits=st.integers(2, 16),
    symmetric=st.booleans(),
    per_channel=st.booleans(),
    rounding=st.sampled_from(["nearest", "floor"]),
)


def column(*values):
    return np.array(values, np.float32).reshape(-1, 1)


def levels_of(values, bits=4, symmetric=True, rounding="nearest"):
    found, _ = tfc.Affine(bits, symmetric, rounding=rounding).quantize(column(*values))
    return found.ravel().tolist()


def test_a_symmetric_grid_by_hand():
    # largest 3.5, levels -7..7: step 0.5
    found, levels = tfc.Affine(bits=4).quantize(column(-3.5, -0.6, 0.2, 0.3, 3.5))
    assert found.ravel().tolist() == [-7, -1, 0, 1, 7]
    assert (levels.scale.tolist(), levels.zero_point.tolist(), levels.lowest, levels.highest) == ([0.5], [0], -7, 7)
    assert dequantize(found, levels).ravel().tolist() == [-3.5, -0.5, 0.0, 0.5, 3.5]


def test_an_asymmetric_grid_by_hand():
    # from -1 to 6.5 in 15 steps of 0.5; zero is two steps above the lowest level, -8
    found, levels = tfc.Affine(bits=4, symmetric=False).quantize(column(-1.0, 0.0, 0.6, 6.5))
    assert found.ravel().tolist() == [-8, -6, -5, 7]
    assert (levels.scale.tolist(), levels.zero_point.tolist()) == ([0.5], [-6])


def test_ties_go_away_from_zero():
    assert levels_of([7, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5]) == [7, 1, 2, 3, -1, -2, -3]


def test_floor_is_the_textbooks():
    assert levels_of([7, 0.9, 2.0, -0.1, -2.0], rounding="floor") == [7, 0, 2, -1, -2]


def test_positive_values_leave_no_levels_below_zero_unused():
    assert levels_of([0.0, 5.0, 15.0], symmetric=False) == [-8, -3, 7]


def test_a_kernel_of_zeros_stays_so():
    assert (tfc.Affine().approximate(np.zeros((3, 4))) == 0).all()


def test_what_lies_outside_the_grid_is_clamped():
    assert quantize(column(-100, 100), grid(np.array([-7.0]), np.array([7.0]), 4, True)).ravel().tolist() == [-7, 7]


def test_each_channel_has_its_own_step():
    values = np.array([[[1.0, 10.0], [100.0, 1000.0]], [[-7.0, 70.0], [700.0, 7000.0]]])  # (2, 2, 2)
    _, last = tfc.Affine(bits=4).quantize(values)
    np.testing.assert_allclose(last.scale, [100, 1000])
    _, first = tfc.Affine(bits=4).quantize(values, axes=(0,))
    np.testing.assert_allclose(first.scale, [1000 / 7, 1000])
    _, both = tfc.Affine(bits=4).quantize(values, axes=(-2, -1))
    np.testing.assert_allclose(both.scale, [1, 10, 100, 1000])
    _, one = tfc.Affine(bits=4, per_channel=False).quantize(values)
    np.testing.assert_allclose(one.scale, [1000])


def test_channels_of_an_inner_axis_come_back_in_place():
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("f4")
    approximated = tfc.Affine(bits=3).approximate(values, axes=(1,))
    for channel in range(4):
        alone = tfc.Affine(bits=3, per_channel=False).approximate(values[:, channel])
        np.testing.assert_array_equal(approximated[:, channel], alone)


@pytest.mark.parametrize(("bits", "dtype"), [(2, np.int8), (8, np.int8), (9, np.int16), (16, np.int16)])
def test_levels_are_as_small_as_the_bits_allow(bits, dtype):
    found, levels = tfc.Affine(bits, symmetric=False).quantize(column(-1, 0, 1))
    assert found.dtype == dtype
    assert levels.highest - levels.lowest == 2**bits - 1


@pytest.mark.parametrize(
    ("values", "rounding"),
    [
        ((-5.0, 3.0), "floor"),  # scale 8/7, zero point rint(-4 + 4.375) = 0: -5 is -4.375 steps, and its floor -5
        ((-4.5, 2.5), "nearest"),  # scale 1, zero point rint(-4 + 4.5) = 0: -4.5 is a tie, away from zero -5
    ],
)
def test_no_level_is_below_the_lowest_where_the_zero_point_was_rounded(values, rounding):
    found, levels = tfc.Affine(3, symmetric=False, rounding=rounding).quantize(column(*values))
    assert levels.zero_point.tolist() == [0]
    assert found.min() == levels.lowest == -4


@settings(max_examples=150, deadline=None)
@given(MATRICES, AFFINE)
def test_quantizing_again_changes_nothing(values, affine):
    found, levels = affine.quantize(values)
    columns = found.reshape(-1, len(levels.scale))
    np.testing.assert_array_equal(quantize(dequantize(columns, levels), levels, affine.rounding), columns)


@settings(max_examples=150, deadline=None)
@given(MATRICES, AFFINE)
def test_larger_values_never_get_lower_levels(values, affine):
    ordered = np.sort(values, axis=None).reshape(-1, 1)
    assert (np.diff(affine.quantize(ordered)[0].astype(int), axis=0) >= 0).all()


@settings(max_examples=150, deadline=None)
@given(MATRICES, AFFINE)
def test_the_error_is_at_most_half_a_step_and_with_floor_one(values, affine):
    affine = dataclasses.replace(affine, per_channel=False)
    scale = affine.quantize(values)[1].scale[0]
    off = np.abs(values.astype(float) - affine.approximate(values))
    limit = 0.5 if affine.rounding == "nearest" else 1.5 if not affine.symmetric else 1.0
    assert off.max() <= scale * limit + np.abs(values).max() * 2e-7  # and float32's rounding of the product


@settings(max_examples=50, deadline=None)
@given(MATRICES, st.sampled_from(RANGES), st.booleans(), st.sampled_from(["nearest", "floor", "stochastic"]))
def test_zeros_stay_zeros_and_everything_stays_finite(values, range_by, symmetric, rounding):
    approximated = tfc.Affine(4, symmetric, range_by=range_by, rounding=rounding).approximate(values)
    assert (approximated[values == 0] == 0).all()
    assert np.isfinite(approximated).all()
    assert approximated.shape == values.shape


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("range_by", RANGES)
def test_what_is_not_finite_is_refused_by_name(bad, range_by):
    values = np.ones((4, 3))
    values[2, 1] = bad
    with pytest.raises(tfc.InvalidValue, match=rf"finite numbers in conv1/kernel.*{bad} at \[2, 1\], and 1 of 12"):
        tfc.Affine(range_by=range_by).approximate(values, name="conv1/kernel")


def test_no_values_are_refused_by_name():
    with pytest.raises(tfc.InvalidValue, match=r"values in conv1/kernel.*\(0, 3\)"):
        tfc.Affine().approximate(np.empty((0, 3)), name="conv1/kernel")


@pytest.mark.parametrize(
    "bad",
    [
        {"bits": 1},
        {"bits": 17},
        {"bits": 8.0},
        {"symmetric": "yes"},
        {"per_channel": 1},
        {"rounding": "up"},
        {"range_by": "max"},
        {"percentile": 50},
        {"seed": -1},
    ],
)
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"Affine.{next(iter(bad))} "):
        tfc.Affine(**bad)


def test_stochastic_rounding_of_a_kernel_follows_its_name_and_the_seed():
    values = np.random.default_rng(0).normal(size=(20, 20))
    rounded = [
        tfc.Affine(3, rounding="stochastic", seed=seed).approximate(values, name=name)
        for seed, name in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))
    ]
    np.testing.assert_array_equal(rounded[0], rounded[1])
    assert (rounded[0] != rounded[2]).any()
    assert (rounded[0] != rounded[3]).any()


def test_stochastic_rounding_is_unbiased_where_floor_is_not():
    values = np.random.default_rng(0).uniform(-1, 1, size=(100_000, 1)).astype("f4")
    bias = {
        rounding: float((tfc.Affine(3, rounding=rounding).approximate(values) - values).mean())
        for rounding in ("stochastic", "floor")
    }
    step = 1 / 3
    assert abs(bias["stochastic"]) < 4 * step / 2 / np.sqrt(len(values))
    assert bias["floor"] == pytest.approx(-step / 2, rel=0.02)
