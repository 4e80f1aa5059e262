"""The Pareto set and its hypervolume, by hand."""

import pytest

from tfcompress.measuring.tradeoffs.pareto import hypervolume, pareto_set


def test_equal_points_count_once_and_dominated_ones_not():
    points = [(3, 1), (1, 3), (2, 2), (2, 2), (3, 3)]
    assert pareto_set(range(5), points) == [1, 2, 0]


def test_of_no_points_there_is_none():
    assert pareto_set([], []) == []


def test_the_hypervolume_of_a_staircase():
    # To (4, 4): 3 x 1 of the first, then 2 x 1 and 1 x 1 below it.
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4)) == 6


@pytest.mark.parametrize("point", [(5, 1), (1, 5), (4, 4)])
def test_what_is_beyond_the_worst_point_adds_nothing(point):
    assert hypervolume([(1, 3), point], (4, 4)) == 3
