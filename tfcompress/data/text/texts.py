"""Texts with a label each, as what a classifier of texts is trained on: numbers of words, and classes."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from ...core.errors import DataCorrupt, DataUnavailable, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.examples.source import Split
from ...core.types import Data
from ..splits.doubles import say_double_texts
from .vocabulary import PATTERN, Vocabulary, words_of


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Texts and the label of each."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]


def notes_of_numbers(vocabulary: Vocabulary, length: int) -> TensorNotes:
    """What an app must do with a text."""
    meaning = f"numbers of the first {length} small-letter words and signs of a text, 1 for unknown ones, then 0"
    return TensorNotes(meaning, vocabulary=vocabulary.entries, settings={"length": length, "words": PATTERN})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts(Data):
    """What `TextTable` and `TfdsTexts` share: texts become the numbers of their first `length` words, (N, length).

    Args:
      length: words of a text that count; shorter texts are padded. Defaults to 32.
      min_count: a word that the training texts have less often is unknown. Defaults to 2.
      max_words: of the vocabulary, the most frequent; None: all. Defaults to None.
      num_examples: use only N of each split. Defaults to None: all.
    """

    length: int = 32
    min_count: int = 2
    max_words: int | None = None
    num_examples: int | None = None

    def __post_init__(self) -> None:
        for name in ("length", "min_count"):
            expect(getattr(self, name) >= 1, self, name, "must be at least 1", "Use the default.")
        for name in ("max_words", "num_examples"):
            value = getattr(self, name)
            expect(value is None or value >= 1, self, name, "must be at least 1", "Use 1000.")

    def read(self) -> tuple[Labelled, Labelled]:
        """The training and the test texts. Raises `DataUnavailable` or `DataCorrupt`."""
        raise NotImplementedError

    @property
    def input_shape(self) -> tuple[int]:
        """(length,)."""
        return (self.length,)

    @property
    def num_train(self) -> int:
        """Texts to train on."""
        return len(self._read[0].texts)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The labels of the training texts in the order of the classes: alphabetical, or by number."""
        found = sorted(set(self._read[0].labels))
        return tuple(sorted(found, key=int) if all(name.isdecimal() for name in found) else found)

    @property
    def num_classes(self) -> int:
        """How many labels there are."""
        return len(self.class_names)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Of the training texts alone."""
        return Vocabulary.of(map(words_of, self._read[0].texts), self.min_count, self.max_words)

    def notes(self) -> Notes:
        """How a text becomes numbers, and the names of the classes."""
        return Notes(
            {"": notes_of_numbers(self.vocabulary, self.length)},
            {"": TensorNotes("logits of the classes", self.class_names)},
        )

    def require(self) -> None:
        """Reads the texts. Raises `DataUnavailable` or `DataCorrupt`."""
        train, test = self._read
        for name, part in (("train", train), ("test", test)):
            if not part.texts:
                raise DataUnavailable(
                    f"data must have texts to {name} on. Received: {self.title}, with none. Add some."
                )
        if self.num_classes < 2:
            raise DataUnavailable(
                f"data must have two labels at least. Received: {self.title}, with one alone. Add texts of others."
            )
        unseen = sorted(set(test.labels) - set(self.class_names))
        if unseen:
            raise DataCorrupt(
                f"data must have training texts of each label of the test split. Received: {self.title}, without any "
                f"of {', '.join(map(repr, unseen[:3]))}{' and others' if len(unseen) > 3 else ''}. Add some, or take "
                "its test texts out."
            )

    def load(self) -> tuple[Split, Split]:
        """Numbers of words, (N, length) int32, and classes, (N,)."""
        self.require()
        say_double_texts(*(list(zip(part.texts, part.labels, strict=True)) for part in self._read))
        train, test = (self._numbered(part) for part in self._read)
        return train, test

    def _numbered(self, part: Labelled) -> Split:
        import numpy as np

        number = {name: position for position, name in enumerate(self.class_names)}
        rows = np.stack([self.vocabulary.numbers(words_of(text), self.length) for text in part.texts])
        return Split(rows, np.array([number[label] for label in part.labels], "int64"))

    @cached_property
    def _read(self) -> tuple[Labelled, Labelled]:
        train, test = self.read()
        return train, test

    def settings(self) -> dict[str, Any]:
        """All fields, for `identity`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
