"""Splits by the names that folders and lists have, and by a draw where they have none; other names are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.errors import DataCorrupt
from .splitting import split_by_label

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training", "trainval"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}


def split_named(name: str) -> str:
    """The split that a folder, or the word in a list, names: "train", "validation" or "test"; "" for none.

    A year behind it does not count, as COCO's folders have one.

    >>> split_named("Val"), split_named("train2017"), split_named("images")
    ('validation', 'train', '')
    """
    return _NAMES.get(name.strip().lower().rstrip("0123456789"), "")


def split_said(word: str, where: Path, example: str) -> str:
    """The split that a word names, as `split_named`; "" for no word.

    Args:
      word: what a row, a folder or a file says of its split.
      where: the list or the folder in which it does.
      example: which row, folder or file that is.

    Raises:
      DataCorrupt: for a word that names no split: a row that says "holdout" is not to be trained on.
    """
    found = split_named(word)
    if word.strip() and not found:
        raise DataCorrupt(
            f"data must have {', '.join(_NAMES)} or nothing as a split. Received: {where}, with {word!r} for "
            f"{example}. Use one of these words, or take it out."
        )
    return found


def divided(
    named: Sequence[str], test_share: float, seed: int, num_examples: int | None = None
) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the training, the validation and the test examples, each in an order drawn by the seed.

    Where no example is named "test", those named "validation" are the test split; where neither is, `test_share` of
    them is drawn, one at least.

    Args:
      named: of each example "train", "validation", "test", or "" for none.
      test_share: in (0, 1).
      seed: of the draw.
      num_examples: use only so many of each split. Defaults to None: all.

    >>> divided(["train", "validation", "train", "test"], 0.2, seed=0)
    ([2, 0], [1], [3])
    >>> divided(["train", "validation"], 0.2, seed=0)
    ([0], [], [1])
    """
    import random

    has_test = TEST in named
    held = [number for number, split in enumerate(named) if split == VALIDATION and has_test]
    others = [number for number in range(len(named)) if number not in set(held)]
    asked = [TEST if named[number] == VALIDATION else named[number] for number in others]
    train, test = split_by_label([""] * len(others), asked, test_share, seed, num_examples)
    validation = random.Random(seed).sample(held, len(held))[:num_examples]
    return [others[number] for number in train], validation, [others[number] for number in test]
