"""Words of a text made unknown."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import tf
from ...core.errors import expect
from .draws import uniform

PAD, UNKNOWN = 0, 1  # as data/text/vocabulary.py numbers them


@dataclasses.dataclass(frozen=True)
class WordDropout:
    """Replaces each word with a probability by the unknown word, so that a model knows texts with new words.

    Args:
      probability: in [0, 1). Defaults to 0.1.

    Raises:
      InvalidValue: for a probability out of range.

    >>> WordDropout(0.99)(tf.constant([[7, 8, 9, 0]]), (0, 0), tf.constant([0])).numpy().tolist()
    [[1, 1, 1, 0]]

    Reference: Iyyer et al., "Deep unordered composition rivals syntactic methods for text classification", 2015.
    """

    probability: float = 0.1

    def __post_init__(self) -> None:
        expect(0 <= self.probability < 1, self, "probability", "must be in [0, 1)", "Use 0.1.")

    def __call__(self, words: Any, key: Any, indices: Any) -> Any:
        """Numbers of words (batch, length) as `key`, (seed, epoch), and the examples' `indices` draw them."""
        length = words.shape[1]
        places = tf.cast(indices, tf.int32)[:, None] * length + tf.range(length)
        drawn = tf.reshape(uniform("word dropout", key, tf.reshape(places, [-1])), [-1, length])
        unknown = tf.logical_and(drawn < self.probability, words != PAD)
        return tf.where(unknown, tf.cast(UNKNOWN, words.dtype), words)
