"""Schedules in fractions of training: what tfmot is told at each step of it."""

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import tf


def masks(schedule, steps, final_sparsity):
    """(step, sparsity) of each renewal of the mask in a training of `steps` steps; tfmot counts from 1."""
    made = schedule.over(steps, final_sparsity)
    asked = [(step, *made(tf.constant(step, tf.int64))) for step in range(1, steps + 1)]
    return [(step, round(float(sparsity), 6)) for step, due, sparsity in asked if bool(due)]


def test_polynomial_decay_follows_its_formula():
    # From 0 at step 1 to 0.8 at step 11 of 20: s(6) = 0.8 - 0.8 * (1 - 5/10)^3 = 0.7
    updates = dict(masks(tfc.PolynomialDecay(end=0.55), 20, 0.8))
    assert (updates[1], updates[6], updates[11]) == (0.0, 0.7, 0.8)


@pytest.mark.parametrize("steps", [2, 7, 22, 101, 333, 1000, pytest.param(12345, marks=pytest.mark.slow)])
def test_polynomial_decay_ends_at_the_final_sparsity_however_long_the_training(steps):
    updates = masks(tfc.PolynomialDecay(), steps, 0.75)
    assert updates[-1][1] == 0.75
    assert updates[-1][0] <= max(1, 0.6 * steps + 1)


@pytest.mark.parametrize("steps", [1, 2, 50, 999])
def test_constant_sparsity_begins_at_once_and_renews_the_choice(steps):
    updates = masks(tfc.ConstantSparsity(end=0.5), steps, 0.9)
    assert updates[0] == (1, 0.9)
    assert {sparsity for _, sparsity in updates} == {0.9}
    assert updates[-1][0] <= max(1, 0.5 * steps)


def test_compounding_halves_what_is_left_as_the_textbook_does():
    # 200 steps: half at 3/4, and at 7/8 twice more; 50 %, then 75 and 87.5 % at once.
    assert masks(tfc.Compounding(at=(3 / 4, 7 / 8, 7 / 8)), 200, 0.875) == [(150, 0.5), (175, 0.875)]


def test_compounding_takes_the_same_share_of_what_is_left_each_time():
    # 1 - (1 - 0.488)^(k/3) with 1 - 0.488 = 0.512 = 0.8^3: 20 %, 36 %, 48.8 %
    shares = [share for _, share in masks(tfc.Compounding(at=(0.2, 0.4, 0.6)), 10, 0.488)]
    assert shares == pytest.approx([0.2, 0.36, 0.488], abs=1e-6)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: tfc.PolynomialDecay(begin=0.6, end=0.5), "PolynomialDecay.end"),
        (lambda: tfc.PolynomialDecay(initial_sparsity=1.0), "PolynomialDecay.initial_sparsity"),
        (lambda: tfc.PolynomialDecay(power=0.0), "PolynomialDecay.power"),
        (lambda: tfc.ConstantSparsity(begin=-0.1), "ConstantSparsity.begin"),
        (lambda: tfc.Compounding(at=()), "Compounding.at"),
        (lambda: tfc.Compounding(at=(0.5, 0.4)), "Compounding.at"),
    ],
)
def test_bad_values_name_their_field(make, field):
    with pytest.raises(tfc.InvalidValue, match=field):
        make()
