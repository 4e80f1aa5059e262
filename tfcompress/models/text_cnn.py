"""Convolutions over embeddings of words: a class of a text (TextCNN), or of the text and of each word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue


def text_cnn(
    num_words: int,
    num_classes: int,
    length: int = 32,
    embedding: int = 96,
    filters: int = 160,
    widths: Sequence[int] = (1, 2, 3),
    dropout: float = 0.5,
) -> Any:
    """Builds embeddings - convolutions of each width, side by side - the largest of each channel - dropout - dense.

    For 2,000 words, 77 classes and the defaults: 321,677 parameters, of which the embeddings are 192,000.

    Args:
      num_words: of the vocabulary, padding and the unknown word included.
      num_classes: number of logits.
      length: words of a text. Defaults to 32.
      embedding: numbers of each word. Defaults to 96.
      filters: channels of each width. Defaults to 160.
      widths: words that a convolution sees at once. Defaults to (1, 2, 3).
      dropout: share of the embeddings' numbers, half as much, and of the largest values that is dropped in training,
        in [0, 1). Defaults to 0.5.

    Returns:
      An uncompiled functional tf_keras model, (batch, length) of int32 -> (batch, num_classes).

    Raises:
      InvalidValue: for a number below 1.

    Example:

    >>> from tfcompress.measuring.measure import measure
    >>> measure(text_cnn(num_words=2000, num_classes=77)).num_parameters
    321677

    Reference: Kim, "Convolutional neural networks for sentence classification", 2014,
    https://arxiv.org/abs/1408.5882
    """
    for name, value in (("num_words", num_words), ("embedding", embedding), ("filters", filters)):
        if value < 1:
            raise InvalidValue(f"text_cnn.{name} must be at least 1. Received: {value!r}. Use a larger number.")
    layers = keras.layers
    words = keras.Input((length,), dtype="int32", name="words")
    x = layers.Embedding(num_words, embedding, name="embedding")(words)
    x = layers.Dropout(dropout / 2, name="embedding_dropout")(x)
    largest = []
    for width in widths:
        seen = layers.Conv1D(filters, width, padding="same", activation="relu", name=f"conv{width}")(x)
        largest.append(layers.GlobalMaxPooling1D(name=f"largest{width}")(seen))
    x = layers.Concatenate(name="features")(largest) if len(largest) > 1 else largest[0]
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(words, layers.Dense(num_classes, name="logits")(x), name="text_cnn")


def text_tagger(
    num_words: int,
    num_intents: int,
    num_tags: int,
    length: int = 24,
    embedding: int = 48,
    filters: int = 96,
    num_layers: int = 3,
    dropout: float = 0.3,
) -> Any:
    """Builds embeddings - convolutions of width 3, one after another - a dense layer a word, and one for the text.

    Args:
      num_words: of the vocabulary, padding and the unknown word included.
      num_intents: logits of the output `intent`.
      num_tags: logits of each word in the output `slots`, padding's included.
      length: words of a text. Defaults to 24.
      embedding: numbers of each word. Defaults to 48.
      filters: channels of each convolution. Defaults to 96.
      num_layers: convolutions; each word sees as many to its left and its right. Defaults to 3.
      dropout: share dropped in training, in [0, 1). Defaults to 0.3.

    Returns:
      An uncompiled functional tf_keras model, (batch, length) of int32 -> `intent` (batch, num_intents) and `slots`
      (batch, length, num_tags).

    Example:

    >>> [tensor.shape[1:].as_list() for tensor in text_tagger(500, 7, 72).outputs]
    [[7], [24, 72]]
    """
    layers = keras.layers
    words = keras.Input((length,), dtype="int32", name="words")
    x = layers.Embedding(num_words, embedding, name="embedding")(words)
    x = layers.Dropout(dropout, name="embedding_dropout")(x)
    for number in range(1, num_layers + 1):
        x = layers.Conv1D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    slots = layers.Dense(num_tags, name="slots")(x)
    intent = layers.Dense(num_intents, name="intent")(layers.GlobalMaxPooling1D(name="largest")(x))
    return keras.Model(words, [intent, slots], name="text_tagger")
