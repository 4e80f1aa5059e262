"""The kind of a cell, from its picture and a table of its measures: two inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

import tfcompress as tfc

from . import bccd

TASK, DATA = "two inputs", "bccd: 3 kinds of cells from pictures of 32 x 32 and width, height, aspect"
EPOCHS = 4


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Inputs by name, pictures (N, 32, 32, 3) and measures (N, 3), and kinds (N,); red cells only each third."""
    return _split(folder, "trainval", 24 if smoke else None), _split(folder, "test", 12 if smoke else None)


def _split(folder: Path, split: str, limit: int | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    seen, measures, kinds, red = [], [], [], 0
    for picture in bccd.pictures(folder, split, limit):
        for box, kind in zip(picture.boxes, picture.kinds, strict=True):
            red += kind == 0
            x0, y0, x1, y1 = box[0].clip(0, 630), box[1].clip(0, 470), box[2].clip(0, 640), box[3].clip(0, 480)
            if (kind == 0 and red % 3) or x1 - x0 < 4 or y1 - y0 < 4:
                continue
            seen.append(picture.pixels((x0, y0, x1, y1), (32, 32)))
            measures.append([(x1 - x0) / 100, (y1 - y0) / 100, (x1 - x0) / (y1 - y0)])
            kinds.append(kind)
    return {"picture": np.stack(seen), "measures": np.array(measures, "float32")}, np.array(kinds)


def trained(train: Any, smoke: bool) -> Any:
    """Three convolutions for the picture, a Dense layer for the table, and two for both."""
    layers = keras.layers
    picture, measures = keras.Input((32, 32, 3), name="picture"), keras.Input((3,), name="measures")
    x = layers.Rescaling(1 / 127.5, -1)(picture)
    for filters in (16, 32, 48):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.Dense(16, activation="relu")(measures)])
    x = layers.Dense(32, activation="relu")(x)
    model = keras.Model([picture, measures], layers.Dense(3, name="kind")(x), name="cells")
    model.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*train, batch_size=32, epochs=1 if smoke else 20, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, task=tfc.Classification(), title="bccd cells")
    return tfc.compress(model, data, techniques, epochs=epochs, **how)
    # end of user code
