"""Which weights go, on arrays that can be counted by eye."""

import numpy as np
import pytest

from tfcompress.pruning.masks.masks import keep_largest, reachable


def test_exactly_the_share_goes_and_of_equal_scores_the_first():
    (mask,) = keep_largest({"a": np.array([2.0, 1.0, 1.0, 1.0, 3.0])}, 0.4).values()
    np.testing.assert_array_equal(mask, [True, False, False, True, True])


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.33, 0.5, 0.99])
def test_the_share_over_random_scores_of_several_shapes(sparsity):
    rng = np.random.default_rng(0)
    scores = {"a": rng.normal(size=(3, 3, 4, 5)), "b": rng.normal(size=(20, 6))}
    masks = keep_largest(scores, sparsity)
    gone = np.concatenate([scores[name][~masks[name]] for name in scores])
    kept = np.concatenate([scores[name][masks[name]] for name in scores])
    assert gone.size == round(sparsity * 300)
    assert gone.size == 0 or gone.max() < kept.min()
    assert {name: mask.shape for name, mask in masks.items()} == {"a": (3, 3, 4, 5), "b": (20, 6)}


def test_whole_groups_go_together_and_the_last_stays():
    scores = {"a": np.repeat([1.0, 2.0, 3.0], 4)}
    assert keep_largest(scores, 0.25, whole_groups=True)["a"].sum() == 8  # 3 of 12 asked for: a group of 4 goes
    assert keep_largest(scores, 0.99, whole_groups=True)["a"].tolist() == [False] * 8 + [True] * 4


def test_what_can_be_reached_leaves_a_group():
    assert reachable(0.9, size=12, group_size=4) == pytest.approx(2 / 3)
