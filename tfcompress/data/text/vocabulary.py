"""Which number each word has: made of the training texts, and kept with the exported file."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PAD, UNKNOWN = 0, 1
SPECIAL = ("<PAD>", "<UNKNOWN>")
PATTERN = r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]"  # a word with its apostrophes, or one sign
_WORDS = re.compile(PATTERN)


def words_of(text: str) -> list[str]:
    """Small-letter words and signs of a text.

    >>> words_of("Where's my card? ¡Ayuda!")
    ["where's", 'my', 'card', '?', '¡', 'ayuda', '!']
    """
    return _WORDS.findall(text.lower())


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Words by number: 0 is padding, 1 any other word, then the words, the most frequent first.

    >>> known = Vocabulary.of([["my", "card"], ["my", "card"], ["my", "pin"]], min_count=2)
    >>> known.entries, known.numbers(["my", "pin"], length=4).tolist()
    (('<PAD>', '<UNKNOWN>', 'my', 'card'), [2, 1, 0, 0])
    """

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[Sequence[str]], min_count: int = 2, max_words: int | None = None) -> Vocabulary:
        """The words that occur `min_count` times at least in `texts`; of these the `max_words` most frequent."""
        counts = collections.Counter(word for words in texts for word in words)
        frequent = sorted((word for word, count in counts.items() if count >= min_count), key=lambda w: (-counts[w], w))
        return cls(tuple(frequent[:max_words]))

    @property
    def entries(self) -> tuple[str, ...]:
        """All of it in the order of the numbers, as the file beside a model has it, one a line."""
        return (*SPECIAL, *self.words)

    def __len__(self) -> int:
        return len(self.words) + len(SPECIAL)

    def numbers(self, words: Sequence[str], length: int) -> np.ndarray:
        """The numbers of the first `length` words, (length,), int32, padded with 0."""
        import numpy as np

        found = np.full(length, PAD, "int32")
        numbers = [self._numbers.get(word, UNKNOWN) for word in words[:length]]
        found[: len(numbers)] = numbers
        return found

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, len(SPECIAL))}
