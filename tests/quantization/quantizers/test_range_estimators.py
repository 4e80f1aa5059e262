import numpy as np
import pytest
from scipy import stats

import tfcompress as tfc
from tfcompress.quantization.quantizers import range_estimators as estimators
from tfcompress.quantization.quantizers.quantizer import error

GAUSSIAN = np.random.default_rng(0).normal(size=(50_000, 1))


def test_min_max_takes_all():
    low, high = estimators.min_max(np.array([[1.0, -5.0], [-2.0, 3.0]]))
    assert (low.tolist(), high.tolist()) == ([-2, -5], [1, 3])


def test_a_percentile_leaves_half_of_the_rest_on_either_side():
    low, high = estimators.percentile(np.arange(101.0).reshape(-1, 1), 90)
    assert (low.tolist(), high.tolist()) == ([5], [95])


# The clipping of a unit Gaussian with the least mean squared error, for B bits: Banner et al., "Post training 4-bit
# quantization of convolutional networks for rapid-deployment", 2019, table 1 (1.71, 2.15, 2.55, 2.93 for 2 to 5 bits).
@pytest.mark.parametrize(("bits", "clipping"), [(2, 1.71), (3, 2.15), (4, 2.55), (5, 2.93)])
def test_octav_finds_the_best_clipping_of_a_gaussian(bits, clipping):
    low, high = estimators.octav(GAUSSIAN, bits, symmetric=True)
    assert high[0] == pytest.approx(clipping, rel=0.04)
    assert low[0] == -high[0]


def test_octav_is_where_the_derivative_of_the_expected_error_is_zero():
    """E(s) = 4^-B / 3 s^2 P(|x| <= s) + E[(|x| - s)^2 ; |x| > s], of a Gaussian by quadrature."""
    bits = 4
    scores = np.linspace(0, 8, 400_001)
    density = 2 * stats.norm.pdf(scores) * (scores[1] - scores[0])

    def expected(s):
        return 4.0**-bits / 3 * s**2 * density[scores <= s].sum() + (((scores - s) ** 2 * density)[scores > s]).sum()

    candidates = np.arange(2, 3.2, 0.01)
    best = candidates[np.argmin([expected(s) for s in candidates])]
    assert estimators.octav(GAUSSIAN, bits, symmetric=True)[1][0] == pytest.approx(best, rel=0.03)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mse_is_never_worse_than_min_max(bits, symmetric):
    values = np.random.default_rng(1).standard_t(3, size=(500, 8)) + 0.3
    plain, searched = (
        error(values, tfc.Affine(bits, symmetric, range_by=how).approximate(values)).mean_squared
        for how in ("min_max", "mse")
    )
    assert searched <= plain * 1.001


def test_mse_finds_the_best_of_all_clippings():
    values = np.random.default_rng(2).standard_t(3, size=(2000, 1))
    _, (high,) = estimators.mean_squared_error(values, 14, symmetric=True)

    def squared(radius):
        step = radius / 7
        return ((values - np.clip(np.rint(values / step), -7, 7) * step) ** 2).mean()

    tried = np.linspace(0.05, 1, 2000) * np.abs(values).max()
    assert squared(high) <= min(map(squared, tried)) * 1.02


@pytest.mark.parametrize("how", ["percentile", "mse", "octav", "kl"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_an_outlier_does_not_take_the_levels_from_the_others(how, symmetric):
    values = np.concatenate([GAUSSIAN[:5000], [[40.0]]])
    inliers = GAUSSIAN[:5000]
    plain, clipped = (
        error(inliers, tfc.Affine(3, symmetric, range_by=by).approximate(values)[:5000]).mean_squared
        for by in ("min_max", how)
    )
    assert clipped < plain / 4


def test_kl_keeps_all_of_what_has_no_tail():
    uniform = np.random.default_rng(0).uniform(-1, 1, (50_000, 1))
    low, high = estimators.kullback_leibler(uniform, 14, symmetric=True)
    assert high[0] == pytest.approx(1, abs=0.02)
    assert low[0] == -high[0]


@pytest.mark.parametrize("how", ["mse", "octav", "kl", "percentile"])
def test_each_channel_is_fitted_alone(how):
    values = np.random.default_rng(0).standard_t(4, size=(400, 3)) * [1, 10, 0]
    _, together = tfc.Affine(4, range_by=how).quantize(values)
    alone = [tfc.Affine(4, range_by=how).quantize(values[:, [channel]])[1].scale[0] for channel in range(3)]
    np.testing.assert_allclose(together.scale, alone)
