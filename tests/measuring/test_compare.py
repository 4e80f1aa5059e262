"""Errors of tensors and of a classifier's outputs, worked by hand."""

import math

import numpy as np
import pytest

from tfcompress.core.tasks.task import BINARY, CLASSES, VALUES, Output
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


LOGITS, PROBABILITIES = Output("y", CLASSES), Output("y", CLASSES, from_logits=False)


def test_outputs_of_a_classifier_worked_by_hand():
    found = compare_outputs([EXACT], [CHANGED], [LOGITS])
    # Of equal logits the first counts: classes 0, 0 in the exact run, 0, 1 in the other.
    assert found.top_1_agreement == 0.5
    first = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)  # 0.1438
    second = 0.75 * math.log(3) + 0.25 * math.log(1 / 3)  # 0.5493
    assert found.divergence == pytest.approx((first + second) / 2)


def test_probabilities_are_compared_as_they_come_and_by_their_logits():
    found = compare_outputs([np.exp(EXACT)], [np.exp(CHANGED)], [PROBABILITIES])
    assert found.divergence == pytest.approx(compare_outputs([EXACT], [CHANGED], [LOGITS]).divergence)
    # Signal 2/4 + 10/16, noise 2/16 + 2/4: 10 log10(1.125 / 0.625).
    assert found.error.sqnr_db == pytest.approx(2.5527, abs=1e-4)


def test_a_constant_added_to_all_logits_is_no_divergence_but_is_noise():
    found = compare_outputs([EXACT], [EXACT + 1000], [LOGITS])
    assert found.divergence == pytest.approx(0, abs=1e-9)
    assert found.top_1_agreement == 1.0
    assert found.error.sqnr_db < 0


def test_of_one_number_the_divergence_is_between_two_classes():
    spam, others = Output("spam", BINARY), np.array([[0.0], [math.log(3)]])
    found = compare_outputs([others], [others[::-1]], [spam])
    # (1/2, 1/2) against (1/4, 3/4) and back, as above.
    first, second = 0.5 * math.log(2) + 0.5 * math.log(2 / 3), 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert found.divergence == pytest.approx((first + second) / 2)
    assert found.top_1_agreement == 0.0  # 0 is below the threshold, ln 3 above


def test_numbers_diverge_by_their_noise_as_a_share_of_the_signal_around_the_mean():
    x = np.array([[9.0], [11.0]])
    found = compare_outputs([x], [x + 0.1], [Output("price", VALUES)])
    assert found.divergence == pytest.approx(0.01)  # 2 * 0.1^2 over 2 * 1^2
    assert found.error.sqnr_db == pytest.approx(10 * math.log10(202 / 0.02))
    assert found.top_1_agreement is None


def test_of_several_outputs_the_worst_error_counts_and_divergences_add_up():
    x, outputs = np.array([[9.0], [11.0]]), [Output("a", VALUES), Output("b", VALUES)]
    found = compare_outputs([x, x], [x, x + 0.1], outputs)
    assert found.error == compare_outputs([x], [x + 0.1], outputs[:1]).error
    assert compare_outputs([x, x], [x + 0.1, x + 0.1], outputs).divergence == pytest.approx(2 * found.divergence)
