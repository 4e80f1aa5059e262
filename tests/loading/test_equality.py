"""The comparison itself, by hand."""

import numpy as np

from tfcompress.loading.equality import largest_relative_difference


def test_relative_to_the_largest_output():
    assert largest_relative_difference([np.array([2.0, -4.0])], [np.array([2.5, -4.0])]) == 0.125


def test_the_worst_output_counts():
    pairs = [np.array([1.0]), np.array([2.0])], [np.array([1.0]), np.array([1.0])]
    assert largest_relative_difference(*pairs) == 0.5


def test_nan_counts_only_where_the_other_is_none():
    nan = float("nan")
    assert largest_relative_difference([np.array([nan, 1.0])], [np.array([nan, 1.0])]) == 0
    assert largest_relative_difference([np.array([nan, 1.0])], [np.array([0.0, 1.0])]) == float("inf")


def test_shapes_and_words():
    assert largest_relative_difference([np.zeros((2, 3))], [np.zeros((3, 2))]) == float("inf")
    assert largest_relative_difference([np.array(["a"])], [np.array(["b"])]) == float("inf")
