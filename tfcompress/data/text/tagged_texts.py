"""Sentences with an intent and a slot for each word, as the snips benchmark writes them: JSON files of parts."""

from __future__ import annotations

import dataclasses
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.examples.source import Split
from ...core.tasks.presets import ByOutput, Classification
from ...core.tasks.task import Metric
from ...core.types import Data
from .slot_f1 import slot_f1
from .texts import notes_of_numbers
from .vocabulary import PAD, Vocabulary, words_of

if TYPE_CHECKING:
    import numpy as np

OUTSIDE = "O"  # the tag of words that are in no slot
NONE = "<PAD>"  # the class of what is no word


@dataclasses.dataclass(frozen=True)
class Sentence:
    """Words, the tag of each (B-name, I-name or O), and what is asked for."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    intent: str


@dataclasses.dataclass(frozen=True)
class TaggedTexts(Data):
    """Sentences as numbers of words (N, length), with two targets: `intent` (N,), and `slots` (N, length).

    A folder of JSON files, {INTENT: [{"data": [{"text": "play "}, {"text": "jazz", "entity": "genre"}]}]}, whose names
    begin with "train" and with "validate" or "test". Of training files of one intent only that with "full" in its name
    counts, where there is one.

    Args:
      source: the folder.
      length: words of a sentence that count. Defaults to 24.
      min_count: a word that the training sentences have less often is unknown. Defaults to 2.
      max_words: of the vocabulary, the most frequent; None: all. Defaults to None.
      num_examples: use only N of each split, spread evenly. Defaults to None: all.

    Raises:
      InvalidValue: for a value out of range.
      DataUnavailable: when the folder has no such files; at the first use.
      DataCorrupt: for a file of another form, or an intent that no training file has; at the first use.

    Example:

    >>> TaggedTexts("snips").input_shape
    (24,)

    Reference: Coucke et al., "Snips voice platform: an embedded spoken language understanding system for
    private-by-design voice interfaces", 2018, https://arxiv.org/abs/1805.10190
    """

    source: str | Path
    length: int = 24
    min_count: int = 2
    max_words: int | None = None
    num_examples: int | None = None

    def __post_init__(self) -> None:
        for name in ("length", "min_count"):
            expect(getattr(self, name) >= 1, self, name, "must be at least 1", "Use the default.")
        for name in ("max_words", "num_examples"):
            value = getattr(self, name)
            expect(value is None or value >= 1, self, name, "must be at least 1", "Use 1000.")

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"sentences in {Path(self.source).name}"

    @property
    def task(self) -> ByOutput:
        """A class of the sentence, and one of each word; slots are judged by their F1 first."""
        f1 = Metric("F1", lambda targets, outputs: slot_f1(targets, outputs, self.slots), unit="%")
        return ByOutput(tasks={"intent": Classification(), "slots": Classification(ignore=PAD, metrics=(f1,))})

    @property
    def input_shape(self) -> tuple[int]:
        """(length,)."""
        return (self.length,)

    @property
    def num_train(self) -> int:
        """Sentences to train on."""
        return len(self._read[0])

    @cached_property
    def intents(self) -> tuple[str, ...]:
        """What may be asked for, in the order of the classes."""
        return tuple(sorted({sentence.intent for sentence in self._read[0]}))

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """The tags in the order of the classes; the first is padding."""
        return (NONE, *sorted({tag for sentence in self._read[0] for tag in sentence.tags} | {OUTSIDE}))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Of the training sentences alone."""
        return Vocabulary.of((sentence.words for sentence in self._read[0]), self.min_count, self.max_words)

    def notes(self) -> Notes:
        """How a sentence becomes numbers, the names of intents and of tags."""
        outputs = {
            "intent": TensorNotes("logits of what is asked for", self.intents),
            "slots": TensorNotes("logits of the tag of each word: B begins a slot, I goes on with it", self.slots),
        }
        return Notes({"": notes_of_numbers(self.vocabulary, self.length)}, outputs)

    def identity(self) -> dict[str, Any]:
        """The settings and the files, which count by their sizes and times of change."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"type": "TaggedTexts", **settings, "source": Path(self.source).expanduser().absolute()}

    def require(self) -> None:
        """Reads the sentences. Raises `DataUnavailable` or `DataCorrupt`."""
        _, test = self._read
        unseen = sorted({sentence.intent for sentence in test} - set(self.intents))
        if unseen:
            raise DataCorrupt(
                f"data must have training sentences of each intent. Received: none of {unseen[0]!r}. Add some."
            )

    def load(self) -> tuple[Split, Split]:
        """Numbers of words (N, length), and by output `intent` (N,) and `slots` (N, length)."""
        self.require()
        train, test = (self._numbered(part) for part in self._read)
        return train, test

    def _numbered(self, sentences: list[Sentence]) -> Split:
        import numpy as np

        tags = {tag: number for number, tag in enumerate(self.slots)}
        slots = np.full((len(sentences), self.length), PAD, "int64")
        for row, sentence in zip(slots, sentences, strict=True):
            numbers = [tags.get(tag, tags[OUTSIDE]) for tag in sentence.tags[: self.length]]
            row[: len(numbers)] = numbers
        intents = np.array([self.intents.index(sentence.intent) for sentence in sentences], "int64")
        words: np.ndarray = np.stack([self.vocabulary.numbers(sentence.words, self.length) for sentence in sentences])
        return Split(words, {"intent": intents, "slots": slots})

    @cached_property
    def _read(self) -> tuple[list[Sentence], list[Sentence]]:
        folder = Path(self.source).expanduser()
        files = sorted(folder.glob("*.json"))
        train = [path for path in files if path.name.startswith("train")]
        full = [path for path in train if "full" in path.stem]
        test = [path for path in files if path.name.startswith(("validate", "test"))]
        if not train or not test:
            raise DataUnavailable(
                f"data must be a folder with train*.json and validate*.json. Received: {folder}, with {len(train)} and "
                f"{len(test)} of them. Look at its name."
            )
        parts = ([s for path in paths for s in _sentences(path)] for paths in (full or train, test))
        first, second = (
            part[:: max(1, len(part) // (self.num_examples or len(part)))][: self.num_examples] for part in parts
        )
        return first, second


def _sentences(path: Path) -> list[Sentence]:
    """The sentences of a file; those without a word are left out."""
    try:
        # The benchmark's own files have a few bytes that are no UTF-8.
        found = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        sentences = [_sentence(example["data"], intent) for intent, examples in found.items() for example in examples]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataCorrupt(
            f'data must be JSON as {{INTENT: [{{"data": [{{"text": ..., "entity": ...}}]}}]}}. Received: {path}, over '
            f"which: {type(error).__name__}: {error}. Mend it or take it out."
        ) from error
    return [sentence for sentence in sentences if sentence.words]


def _sentence(parts: list[dict[str, str]], intent: str) -> Sentence:
    words = [(word, part.get("entity"), place) for part in parts for place, word in enumerate(words_of(part["text"]))]
    tags = tuple(f"{'I' if place else 'B'}-{slot}" if slot else OUTSIDE for _, slot, place in words)
    return Sentence(tuple(word for word, _, _ in words), tags, intent)
