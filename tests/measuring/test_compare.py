"""Errors of tensors and of a classifier's outputs, worked by hand."""

import math

import numpy as np
import pytest

from tfcompress.measuring.compare import ErrorSums, compare_outputs, sums_of
from tfcompress.quantization.quantizers.quantizer import error

# Two examples of two classes: probabilities (1/2, 1/2) and (3/4, 1/4), and (3/4, 1/4) and (1/4, 3/4).
EXACT = np.log([[0.5, 0.5], [0.75, 0.25]])
CHANGED = np.log([[0.75, 0.25], [0.25, 0.75]])


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


def test_outputs_of_a_classifier_worked_by_hand():
    found = compare_outputs(EXACT, CHANGED, np.array([0, 0]))
    # Of equal logits the first counts: classes 0, 0 in the exact run, 0, 1 in the other.
    assert (found.accuracy, found.top_1_agreement) == (0.5, 0.5)
    assert found.loss == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    first = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)  # 0.1438
    second = 0.75 * math.log(3) + 0.25 * math.log(1 / 3)  # 0.5493
    assert found.divergence == pytest.approx((first + second) / 2)


def test_probabilities_are_compared_as_they_come_and_by_their_logits():
    found = compare_outputs(np.exp(EXACT), np.exp(CHANGED), np.array([0, 0]), np.log)
    by_logits = compare_outputs(EXACT, CHANGED, np.array([0, 0]))
    assert found.divergence == pytest.approx(by_logits.divergence)
    assert found.loss == pytest.approx(by_logits.loss)
    # Signal 2/4 + 10/16, noise 2/16 + 2/4: 10 log10(1.125 / 0.625).
    assert found.error.sqnr_db == pytest.approx(2.5527, abs=1e-4)


def test_a_constant_added_to_all_logits_is_no_divergence_but_is_noise():
    found = compare_outputs(EXACT, EXACT + 1000, None)
    assert found.divergence == pytest.approx(0, abs=1e-9)
    assert (found.top_1_agreement, found.accuracy, found.loss) == (1.0, None, None)
    assert found.error.sqnr_db < 0


@pytest.mark.parametrize("shape", [(4, 1), (4, 8, 8, 3)])
def test_what_gives_no_classes_has_an_error_only(shape):
    found = compare_outputs(np.ones(shape), np.full(shape, 0.9), None)
    assert found.error.sqnr_db == pytest.approx(20)  # a tenth off
    assert (found.top_1_agreement, found.divergence) == (None, None)
