"""Which examples are trained on, which validate and which test, where whoever made the data has not said."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ...core.contracts import DataWithScalings
from ...core.errors import InvalidValue, expect
from ...core.examples.source import Source, Stream, Subset
from ...core.settings import MOST_HELD_OUT
from ...core.tasks.task import Task
from ...core.types import Data

VALIDATION, TEST = "validation", "test"
LEAST_EXAMPLES = 2  # on each side of the cut
# What a data set may say of itself beside its protocol, and is asked for by its presence.
_OFFERS = ("scale", "offset", "seen_as", "title", "num_classes", "input_shape", "class_names", "scalings")


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

    Raises:
      InvalidValue: for another word in `named`, which would be trained on; `split_said` gives these three.

    >>> split_by_label(["a", "a", "b", "b"], [""] * 4, 0.5, seed=0)
    ([3, 0], [2, 1])
    """
    unknown = sorted(set(named) - {"train", "test", ""})
    if unknown:
        raise InvalidValue(f"named must be train, test or nothing. Received: {unknown[0]!r}. Use one of these.")
    draw = random.Random(seed)  # Python's own is the same everywhere, and comes without NumPy
    train, test = ([number for number, split in enumerate(named) if split == name] for name in ("train", "test"))
    has_test = bool(test)
    loose: dict[str, list[int]] = {}
    for number, split in enumerate(named):
        if not split:
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


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut(Data):
    """`data`, of whose training examples a share is held out; training and calibration never see them.

    Which ones is drawn by the number of examples alone, so that it is the same in every process. Data that has a
    validation split of its own keeps all of its training examples.

    Args:
      data: the whole.
      share: of the training examples that is held out, in (0, 0.9]; not looked at where the data has validation
        examples of its own. Defaults to 0.2.
      evaluated_on: what `test` gives, and models are evaluated on: "validation" or "test". Defaults to "validation".

    Raises:
      InvalidValue: for a value out of range, and, when the examples are asked for, for a stream, whose examples have no
        numbers.

    >>> from tfcompress.data.digits import Digits
    >>> held_out = HeldOut(Digits(), 0.2)
    >>> len(held_out.train), len(held_out.test), held_out.num_train
    (1150, 287, 1150)
    """

    data: Data
    share: float = 0.2
    evaluated_on: str = VALIDATION

    def __post_init__(self) -> None:
        most = f"must be above 0 and at most {MOST_HELD_OUT}"
        expect(0 < self.share <= MOST_HELD_OUT, self, "share", most, "Use 0.2.")
        known = self.evaluated_on in (VALIDATION, TEST)
        expect(known, self, "evaluated_on", "must be 'validation' or 'test'", "Use 'validation'.")
        for name in _OFFERS:
            if hasattr(self.data, name):
                object.__setattr__(self, name, getattr(self.data, name))
        if isinstance(self.data, DataWithScalings):
            object.__setattr__(self, "with_scaling", functools.partial(_scaled, self))

    def identity(self) -> dict[str, Any]:
        """The data, and how it is cut."""
        own = {} if self.data.validation is not None else {"share": self.share}
        return {"type": "HeldOut", "data": self.data, "evaluated_on": self.evaluated_on, **own}

    @property
    def task(self) -> Task | None:
        """What the data says."""
        return self.data.task

    @property
    def num_train(self) -> int | None:
        """Examples to train on; None for a stream."""
        if self.data.validation is not None:
            return self.data.num_train
        return self.data.num_train - num_held_out(self.data.num_train, self.share)

    def require(self) -> None:
        """As the data does."""
        self.data.require()

    @cached_property
    def train(self) -> Source | Stream:
        """What is left to train on."""
        return self.data.train if self.data.validation is not None else self._cut[0]

    @cached_property
    def validation(self) -> Source:
        """The examples that were held out, or the data's own."""
        own = self.data.validation
        return self._cut[1] if own is None else own

    @property
    def test(self) -> Source:
        """What models are evaluated on."""
        return self.data.test if self.evaluated_on == TEST else self.validation

    @cached_property
    def _cut(self) -> tuple[Subset, Subset]:
        import numpy as np

        whole = self.data.train
        if isinstance(whole, Stream):
            raise InvalidValue(
                f"{self.title} must have validation examples, as its training examples are a stream, of which none "
                "can be held out. Received: none. Give tfc.dataset(train, test, validation)."
            )
        number = num_held_out(len(whole), self.share)
        if number < LEAST_EXAMPLES or len(whole) - number < LEAST_EXAMPLES:
            raise InvalidValue(
                f"{self.title} must have enough examples to hold {self.share:.0%} out. Received: {len(whole)}. "
                "Use more of them, or give tfc.dataset(train, test, validation)."
            )
        order = np.random.default_rng(len(whole)).permutation(len(whole))
        return Subset(whole, np.sort(order[number:])), Subset(whole, np.sort(order[:number]))


def _scaled(held_out: HeldOut, scaling: str) -> HeldOut:
    data: Any = held_out.data
    return dataclasses.replace(held_out, data=data.with_scaling(scaling))


def num_held_out(num_examples: int, share: float) -> int:
    """How many examples a share of them is.

    >>> num_held_out(1437, 0.2)
    287
    """
    return round(num_examples * share)
