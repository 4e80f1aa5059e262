"""What a sentence asks for, and the slot of each of its words: two outputs, one of them a class per word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfcompress as tfc

from . import text

TASK, DATA = "slots and intent, two outputs", "snips: 7 intents, 72 slot tags, sentences of up to 24 words"
EPOCHS = 3
LENGTH = 24


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Numbers of words (N, 24); by output slots (N, 24), 0 being padding, and intents (N,)."""
    told = [text.snips(folder, split) for split in ("train", "validate")]
    known = text.vocabulary(told[0][0])
    tags = {tag: number for number, tag in enumerate(sorted({tag for tags in told[0][1] for tag in tags}), 1)}
    intents = sorted(set(told[0][2]))
    splits = []
    for (sentences, slots, asked), step in zip(told, (27, 9), strict=True):
        chosen = slice(None, None, step if smoke else None)
        targets = {
            "slots": text.numbers(slots, tags, LENGTH, tags["O"])[chosen],
            "intent": np.array([intents.index(intent) for intent in asked])[chosen],
        }
        splits.append((text.numbers(sentences, known, LENGTH)[chosen], targets))
    return splits[0], splits[1]


def trained(train: Any, smoke: bool) -> Any:
    """Embeddings, three convolutions over words, and a head for each output."""
    layers = keras.layers
    words, targets = train
    inputs = keras.Input((LENGTH,), dtype="int32", name="words")
    x = layers.Dropout(0.3)(layers.Embedding(int(words.max()) + 1, 48)(inputs))
    for width in (3, 3, 3):
        x = layers.Conv1D(96, width, padding="same", activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    slots = layers.Dense(int(targets["slots"].max()) + 1, name="slots")(x)
    intent = layers.Dense(7, name="intent")(layers.GlobalMaxPooling1D()(x))
    model = keras.Model(inputs, [slots, intent], name="tagger")
    epochs = 1 if smoke else 10
    cross_entropy = keras.losses.SparseCategoricalCrossentropy
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * (len(words) // 64))
    losses = {"slots": cross_entropy(from_logits=True, ignore_class=0), "intent": cross_entropy(from_logits=True)}
    model.compile(keras.optimizers.Adam(rate), losses)
    model.fit(words, targets, batch_size=64, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    task = tfc.ByOutput(tasks={"slots": tfc.Classification(ignore=0), "intent": tfc.Classification()})
    data = tfc.dataset(train, test, task=task, title="snips")
    return tfc.compress(model, data, techniques, epochs=epochs, **how)
    # end of user code
