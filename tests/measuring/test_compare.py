"""SQNR and cosine, worked by hand."""

import math

import numpy as np
import pytest

from tfcompress.measuring.compare import ErrorSums, sums_of
from tfcompress.quantization.quantizers.quantizer import error


def test_the_sums_of_two_short_vectors():
    # x = (3, -4), x^ = (3, -3): signal 9 + 16, noise 0 + 1, product 9 + 12, approximation 9 + 9.
    found = sums_of([3, -4], [3, -3])
    assert found == ErrorSums(25, 1, 21, 18)
    assert found.sqnr_db == pytest.approx(13.9794, abs=1e-4)  # 10 log10(25)
    assert found.cosine == pytest.approx(21 / math.sqrt(25 * 18))


def test_parts_add_up_to_what_the_whole_gives():
    random = np.random.default_rng(0)
    x = random.normal(size=(7, 5))
    y = x + random.normal(size=x.shape) / 10
    whole = sum((sums_of(a, b) for a, b in zip(x, y, strict=True)), ErrorSums())
    assert whole.sqnr_db == pytest.approx(error(x, y).sqnr_db)
    assert whole.cosine == pytest.approx(error(x, y).cosine)


@pytest.mark.parametrize(
    ("x", "y", "sqnr_db", "cosine"),
    [
        ([1.0, 2.0], [1.0, 2.0], math.inf, 1.0),
        ([0.0, 0.0], [0.0, 0.0], math.inf, 1.0),
        ([0.0, 0.0], [1.0, 0.0], -math.inf, 0.0),
        ([1.0, 0.0], [0.0, 0.0], 0.0, 0.0),
        ([1.0, 0.0], [-1.0, 0.0], -6.0206, -1.0),  # noise 4, signal 1: 10 log10(1/4)
    ],
)
def test_ends_of_the_scale(x, y, sqnr_db, cosine):
    found = sums_of(x, y)
    assert found.sqnr_db == pytest.approx(sqnr_db, abs=1e-4)
    assert found.cosine == pytest.approx(cosine)
