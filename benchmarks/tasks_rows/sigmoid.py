"""Whether a customer's question is about a card: one sigmoid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfcompress as tfc

from . import text

TASK, DATA = "one sigmoid", "banking77: the 27 intents about cards against the other 50"
EPOCHS = 3
LENGTH = 32


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Numbers of words (N, 32) and 0 or 1 (N,)."""
    told = [text.banking(folder, split) for split in ("train", "test")]
    known = text.vocabulary(told[0][0])
    splits = []
    for (sentences, categories), step in zip(told, (20, 20), strict=True):
        chosen = slice(None, None, step if smoke else None)
        about_cards = np.array(["card" in category for category in categories], "int64")
        splits.append((text.numbers(sentences, known, LENGTH)[chosen], about_cards[chosen]))
    return splits[0], splits[1]


def trained(train: Any, smoke: bool) -> Any:
    """Embeddings, convolutions of two widths, the largest of each, a sigmoid."""
    layers = keras.layers
    inputs = keras.Input((LENGTH,), dtype="int32", name="words")
    x = layers.Dropout(0.3)(layers.Embedding(int(train[0].max()) + 1, 48)(inputs))
    found = [
        layers.GlobalMaxPooling1D()(layers.Conv1D(64, width, padding="same", activation="relu")(x)) for width in (2, 3)
    ]
    x = layers.Dropout(0.3)(layers.Concatenate()(found))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="about_cards")(x), name="about_cards")
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    model.fit(*train, batch_size=64, epochs=1 if smoke else 10, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, title="banking77")
    return tfc.compress(model, data, techniques, epochs=epochs, task=tfc.Classification(), **how)
    # end of user code
