import pytest

from tfcompress.core.errors import InvalidValue
from tfcompress.data.splits.splitting import split_by_label

LABELS = ["a"] * 10 + ["b"] * 5


def test_each_label_gives_its_share():
    train, test = split_by_label(LABELS, [""] * 15, 0.2, seed=3)
    assert sorted([*train, *test]) == list(range(15))
    assert sorted(LABELS[number] for number in test) == ["a", "a", "b"]
    assert split_by_label(LABELS, [""] * 15, 0.2, seed=3) == (train, test) != split_by_label(LABELS, [""] * 15, 0.2, 4)


def test_a_label_of_one_example_is_trained_on():
    assert split_by_label(["a", "a", "b"], [""] * 3, 0.5, 0)[1] in ([0], [1])


def test_named_splits_count_and_the_rest_is_trained_on():
    train, test = split_by_label(LABELS, ["test", "train", *[""] * 13], 0.5, 0)
    assert test == [0] and len(train) == 14


def test_no_other_word_is_trained_on():
    with pytest.raises(InvalidValue, match="'holdout'"):
        split_by_label(["a", "a"], ["train", "holdout"], 0.5, 0)


def test_groups_stay_together():
    groups = [str(number % 5) for number in range(15)]
    train, test = split_by_label(LABELS, [""] * 15, 0.4, 0, groups=groups)
    assert len({groups[n] for n in test}) == 2 and not {groups[n] for n in train} & {groups[n] for n in test}


def test_examples_are_limited():
    assert [len(part) for part in split_by_label(LABELS, [""] * 15, 0.4, 0, num_examples=2)] == [2, 2]
