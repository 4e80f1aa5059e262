import numpy as np
import pytest

from tfcompress.quantization.quantizers.stochastic import generator, round_stochastically

NUM_DRAWS = 40_000


@pytest.mark.parametrize("value", [-2.75, -0.5, -0.01, 0.1, 0.25, 0.5, 7.9])
def test_the_mean_is_the_value_and_the_variance_keeps_its_bound(value):
    rounded = round_stochastically(np.full(NUM_DRAWS, value), np.random.default_rng(0))
    share = value - np.floor(value)
    assert set(np.unique(rounded)) == {np.floor(value), np.ceil(value)}
    variance = share * (1 - share)  # of a Bernoulli draw
    assert abs(rounded.mean() - value) < 4 * np.sqrt(variance / NUM_DRAWS)
    # the variance of a sample variance of Bernoulli draws is below (1/4 - variance) * 4 variance / N, plus 1 / N^2
    spread = np.sqrt(variance * (1 - 4 * variance) / NUM_DRAWS) + 1 / NUM_DRAWS
    assert abs(rounded.var() - variance) < 4 * spread
    assert rounded.var() <= 0.25


@pytest.mark.parametrize("value", [-32767.0, -3.0, 0.0, 1.0, 32767.0])
def test_whole_numbers_stay_and_those_that_float32_made_of_them(value):
    near = np.full(NUM_DRAWS, value * (1 + 2.0**-23))
    assert (round_stochastically(near, np.random.default_rng(0)) == value).all()


def test_the_same_seed_and_name_give_the_same_numbers():
    draws = [generator(seed, name).random(4).tolist() for seed, name in ((0, "a"), (0, "a"), (1, "a"), (0, "b"))]
    assert draws[0] == draws[1]
    assert len({tuple(draw) for draw in draws}) == 3
