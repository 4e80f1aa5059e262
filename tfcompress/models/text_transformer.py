"""A small transformer encoder over embeddings of words: a teacher of smaller networks."""

from __future__ import annotations

from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue


def text_transformer(
    num_words: int,
    num_classes: int,
    length: int = 32,
    width: int = 96,
    num_blocks: int = 2,
    num_heads: int = 4,
    dropout: float = 0.3,
) -> Any:
    """Builds embeddings with positions - blocks of attention and two dense layers - the largest of each - dense.

    Each block normalizes before attention and before the dense layers, and adds what comes out to what went in.

    Args:
      num_words: of the vocabulary, padding and the unknown word included.
      num_classes: number of logits.
      length: words of a text. Defaults to 32.
      width: numbers of each word, a multiple of `num_heads`. Defaults to 96.
      num_blocks: at least 1. Defaults to 2.
      num_heads: of the attention. Defaults to 4.
      dropout: share dropped in training, in [0, 1). Defaults to 0.3.

    Returns:
      An uncompiled functional tf_keras model, (batch, length) of int32 -> (batch, num_classes).

    Raises:
      InvalidValue: for a width that the heads cannot share.

    Example:

    >>> text_transformer(num_words=500, num_classes=7, width=32, num_blocks=1).output_shape
    (None, 7)

    Reference: Vaswani et al., "Attention is all you need", 2017, https://arxiv.org/abs/1706.03762
    """
    if num_heads < 1 or width % num_heads:
        raise InvalidValue(
            f"text_transformer.width must be a multiple of {num_heads} heads. Received: {width!r}. Use 96."
        )
    layers = keras.layers
    words = keras.Input((length,), dtype="int32", name="words")
    x = layers.Embedding(num_words, width, name="embedding")(words)
    # A bias of its own at each place: where a word stands.
    x = layers.EinsumDense("btd,de->bte", (length, width), bias_axes="te", name="positions")(x)
    x = layers.Dropout(dropout, name="embedding_dropout")(x)
    for number in range(1, num_blocks + 1):
        name = f"block{number}"
        y = layers.LayerNormalization(name=f"{name}_norm1")(x)
        y = layers.MultiHeadAttention(num_heads, width // num_heads, dropout=dropout / 2, name=f"{name}_attention")(
            y, y
        )
        x = layers.Add(name=f"{name}_add1")([x, layers.Dropout(dropout, name=f"{name}_dropout1")(y)])
        y = layers.LayerNormalization(name=f"{name}_norm2")(x)
        y = layers.Dense(2 * width, activation="relu", name=f"{name}_dense1")(y)
        y = layers.Dense(width, name=f"{name}_dense2")(y)
        x = layers.Add(name=f"{name}_add2")([x, layers.Dropout(dropout, name=f"{name}_dropout2")(y)])
    x = layers.GlobalMaxPooling1D(name="largest")(layers.LayerNormalization(name="norm")(x))
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(words, layers.Dense(num_classes, name="logits")(x), name="text_transformer")
