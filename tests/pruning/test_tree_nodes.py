"""Scores of nodes and thresholds, on kernels small enough to work by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.pruning.tree_nodes import Group, Leaf, groups_of, root_mean_square, threshold_for, thresholds

# (height 1, width 2, 1 input, 2 filters): filter 0 holds 3 and 4, filter 1 holds 0.1 and 0.7.
KERNEL = np.array([[[[3.0, 0.1]], [[4.0, 0.7]]]])


def test_scores_are_norms_over_the_root_of_the_size():
    # Filters: sqrt((9 + 16) / 2) and sqrt((0.01 + 0.49) / 2); the layer: sqrt(25.5 / 4).
    np.testing.assert_allclose(root_mean_square(KERNEL, (0, 1, 2)).ravel(), [np.sqrt(12.5), 0.5])
    np.testing.assert_allclose(root_mean_square(KERNEL).item(), np.sqrt(6.375))


def test_a_weight_goes_with_the_first_node_above_it_that_does():
    least = thresholds({"a": Leaf(KERNEL)}, ("layer", "filter", "weight"))["a"]
    # 3 goes with its layer at sqrt(6.375) = 2.52, as 4 does; 0.1 goes itself; 0.7 goes with its filter at 0.5.
    np.testing.assert_allclose(least.ravel(), [np.sqrt(6.375), 0.1, np.sqrt(6.375), 0.5])


def test_levels_that_are_left_out_do_not_go():
    np.testing.assert_allclose(thresholds({"a": Leaf(KERNEL)}, ("weight",))["a"], KERNEL)
    least = thresholds({"a": Leaf(KERNEL)}, ("filter",))["a"]
    np.testing.assert_allclose(least.ravel(), [np.sqrt(12.5), 0.5, np.sqrt(12.5), 0.5])


def test_what_must_stay_alive_keeps_its_largest_filter_and_weight():
    least = thresholds({"a": Leaf(KERNEL)}, ("layer", "filter", "weight"), alive={"a"})["a"]
    np.testing.assert_allclose(least.ravel(), [3.0, 0.1, np.inf, 0.5])


def test_filters_of_an_answer_do_not_go():
    least = thresholds({"a": Leaf(KERNEL, protected=True)}, ("layer", "filter", "weight"))["a"]
    np.testing.assert_allclose(least.ravel(), [3.0, 0.1, np.inf, 0.7])


def test_a_node_of_the_users_goes_with_its_layers():
    # Two layers of one weight each, 1 and 7: alone they score 1 and 7, their group sqrt((1 + 49) / 2) = 5.
    leaves = {"a": Leaf(np.array([[1.0]])), "b": Leaf(np.array([[7.0]]))}
    least = thresholds(leaves, ("layer",), [Group(("block",), ("a", "b"))])
    assert {name: float(values.item()) for name, values in least.items()} == {"a": 1.0, "b": 5.0}


def test_the_threshold_for_a_share_is_its_quantile_and_takes_whole_nodes():
    least = {"a": np.array([1.0, 2.0, 2.0, 2.0]), "b": np.array([3.0, 4.0, np.inf, np.inf])}
    shares = {0.1: 1 / 8, 0.25: 1 / 8, 0.4: 4 / 8, 0.5: 4 / 8, 0.75: 6 / 8}  # the three of score 2 go together
    for wanted, reached in shares.items():
        limit = threshold_for(least, wanted)
        gone = sum(int((values < limit).sum()) for values in least.values())
        assert gone / 8 == reached, wanted


def test_a_share_beyond_reach_says_the_most_possible():
    with pytest.raises(tfc.InvalidValue, match="must be at most 0.75"):
        threshold_for({"a": np.array([1.0, 1.0, 2.0, np.inf])}, 0.9)


def test_a_tree_of_the_users_is_read_from_selectors():
    layers = {f"{name}/kernel": SimpleNamespace(name=name) for name in ("conv1", "conv2", "out")}
    tree = {"body": {"first": ("conv1",), "second": "conv2"}, "head": lambda layer: layer.name.startswith("o")}
    groups = groups_of(tree, layers)
    assert groups == [
        Group(("body",), ("conv1/kernel", "conv2/kernel")),
        Group(("body", "first"), ("conv1/kernel",)),
        Group(("body", "second"), ("conv2/kernel",)),
        Group(("head",), ("out/kernel",)),
    ]
    words = r"PruneTree.tree\['body'\] expects .*'conv3', which matches none. Near it: conv"
    with pytest.raises(tfc.InvalidValue, match=words):
        groups_of({"body": ("conv3",)}, layers)
