"""What a budget bounds, and budgets that make no sense."""

import math

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue
from tfcompress.core.tasks.task import ACCURACY


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "must bound something"),
        ({"max_zipped_bytes": -1}, "max_zipped_bytes must be above 0"),
        ({"max_zipped_bytes": math.nan}, "max_zipped_bytes must be above 0"),
        ({"max_ms": 0}, "max_ms must be above 0"),
        ({"max_drop": -0.1}, "max_drop must be at least 0"),
        ({"max_drop": "much"}, "max_drop must be at least 0, or relative"),
        ({"max_macs": 10, "minimise": "size"}, "minimise must be one of zipped_bytes"),
        ({"max_macs": 10, "kernels": "gpu"}, "kernels must be one of xnnpack"),
        ({"max_macs": 10, "num_threads": 0}, "num_threads must be 1 or more"),
        ({"max_zipped_bytes": 20, "max_raw_bytes": 10}, "max_zipped_bytes must be at most max_raw_bytes"),
    ],
)
def test_nonsense_is_one_line(settings, words):
    with pytest.raises(InvalidValue, match=words) as caught:
        tfc.Budget(**settings)
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "objective"),
    [
        ({"max_zipped_bytes": 9}, "drop"),
        ({"max_drop": 0.1}, "zipped_bytes"),
        ({"max_zipped_bytes": 9, "minimise": "ms"}, "ms"),
    ],
)
def test_what_is_minimised_unless_it_is_said(settings, objective):
    assert tfc.Budget(**settings).objective == objective


def test_the_pareto_set_is_over_all_that_is_named():
    assert tfc.Budget(max_ms=1.0, max_zipped_bytes=9).compared == ("zipped_bytes", "ms", "drop")
    assert tfc.Budget(max_drop=0.1).compared == ("zipped_bytes", "drop")


def test_a_relative_drop_is_of_the_reference():
    assert tfc.Budget(max_drop="2%").bounds(0.5) == {"drop": 0.01}


def test_points_are_hundredths_of_shares_alone():
    budget = tfc.Budget(max_drop=0.5, drop_in_points=True)
    assert budget.bounds(0.9, ACCURACY) == {"drop": 0.005}
    assert budget.bounds(0.9) == {"drop": 0.5}


def test_what_was_not_measured_keeps_no_bound():
    budget = tfc.Budget(max_ms=1.0)
    assert not budget.keeps({"drop": 0.0}, {"ms": 1.0}) and budget.keeps({"ms": 1.0}, {"ms": 1.0})


def test_within_the_budget_is_always_better_than_beyond():
    budget = tfc.Budget(max_zipped_bytes=100)
    bounds = budget.bounds(0.9)
    worst_within = budget.score({"zipped_bytes": 100, "drop": 0.9}, bounds)
    best_beyond = budget.score({"zipped_bytes": 100.1, "drop": -0.1}, bounds)
    assert worst_within < best_beyond
    assert budget.score({"zipped_bytes": 50, "drop": 0.01}, bounds) < worst_within
