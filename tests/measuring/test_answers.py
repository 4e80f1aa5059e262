"""Answers of two networks, worked by hand."""

import math

import numpy as np
import pytest

from tfcompress.measuring.compare import compare

# Two examples of two classes: probabilities (1/2, 1/2) and (3/4, 1/4) before, (3/4, 1/4) and (1/4, 3/4) now.
BEFORE = np.log([[0.5, 0.5], [0.75, 0.25]])
NOW = np.log([[0.75, 0.25], [0.25, 0.75]])


def test_answers_worked_by_hand():
    found = compare(BEFORE, NOW, np.array([0, 0]))
    assert (found.accuracy, found.agreement) == (0.5, 0.5)  # of equal logits the first counts, so 0, 0 before; 0, 1 now
    assert found.loss == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    first = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)  # 0.1438
    second = 0.75 * math.log(3) + 0.25 * math.log(1 / 3)  # 0.5493
    assert found.divergence == pytest.approx((first + second) / 2)


def test_probabilities_are_compared_as_they_come_and_by_their_logits():
    found = compare(np.exp(BEFORE), np.exp(NOW), np.array([0, 0]), np.log)
    by_logits = compare(BEFORE, NOW, np.array([0, 0]))
    assert found.divergence == pytest.approx(by_logits.divergence)
    assert found.loss == pytest.approx(by_logits.loss)
    # Signal 2/4 + 10/16, noise 2/16 + 2/4: 10 log10(1.125 / 0.625).
    assert found.error.sqnr_db == pytest.approx(2.5527, abs=1e-4)


def test_a_constant_added_to_all_logits_is_no_divergence_but_is_noise():
    found = compare(BEFORE, BEFORE + 1000, None)
    assert found.divergence == pytest.approx(0, abs=1e-9)
    assert (found.agreement, found.accuracy, found.loss) == (1.0, None, None)
    assert found.error.sqnr_db < 0


@pytest.mark.parametrize("shape", [(4, 1), (4, 8, 8, 3)])
def test_what_gives_no_classes_has_an_error_only(shape):
    found = compare(np.ones(shape), np.full(shape, 0.9), None)
    assert found.error.sqnr_db == pytest.approx(20)  # a tenth off
    assert (found.agreement, found.divergence) == (None, None)
