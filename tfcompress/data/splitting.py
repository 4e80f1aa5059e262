"""Which examples are trained on and which are for the test, where whoever made the data has not said."""

from __future__ import annotations

import random
from collections.abc import Sequence


def split_by_label(
    labels: Sequence[str],
    named: Sequence[str],
    test_share: float,
    seed: int,
    num_examples: int | None = None,
    groups: Sequence[str] | None = None,
) -> tuple[list[int], list[int]]:
    """The numbers of the training and of the test examples, each in an order drawn by the seed.

    Of examples of no named split each label gives its share to the test split, at least one example and never all;
    where a test split is named, they are trained on. With `groups`, whole groups (speakers, say) go to one side.

    Args:
      labels: of the examples.
      named: of each, "train", "test", or "" for none.
      test_share: in (0, 1).
      seed: of the draw.
      num_examples: use only so many of each split. Defaults to None: all.
      groups: of each example. Defaults to None: each is alone.

    >>> split_by_label(["a", "a", "b", "b"], [""] * 4, 0.5, seed=0)
    ([3, 0], [2, 1])
    """
    draw = random.Random(seed)  # Python's own is the same everywhere, and comes without NumPy
    train, test = ([number for number, split in enumerate(named) if split == name] for name in ("train", "test"))
    has_test = bool(test)
    loose: dict[str, list[int]] = {}
    for number, split in enumerate(named):
        if split not in ("train", "test"):
            loose.setdefault(labels[number] if groups is None else "", []).append(number)
    for label in sorted(loose):
        together: dict[str, list[int]] = {}
        for number in loose[label]:
            together.setdefault(str(number) if groups is None else groups[number], []).append(number)
        order = draw.sample(sorted(together), len(together))
        num_test = 0 if has_test else min(len(order) - 1, max(1, round(test_share * len(order))))
        test += [number for name in order[:num_test] for number in together[name]]
        train += [number for name in order[num_test:] for number in together[name]]
    train, test = (draw.sample(part, len(part))[:num_examples] for part in (train, test))
    return train, test
