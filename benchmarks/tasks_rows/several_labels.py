"""Which kinds of cells are in a part of a picture: any number of three labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfcompress as tfc

from . import bccd

TASK, DATA = "several labels", "bccd: 3 kinds of cells in 3504 + 864 parts of 64 x 64"
EPOCHS = 4


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Twelfths of pictures, and for each kind 1 where half of such a cell at least lies in the part."""
    return _split(folder, "trainval", 20 if smoke else None), _split(folder, "test", 8 if smoke else None)


def _split(folder: Path, split: str, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
    seen, labels = [], []
    for picture in bccd.pictures(folder, split, limit):
        for tile in bccd.tiles(4, 3):
            inside = picture.shares(tile) >= 0.5
            seen.append(picture.pixels(tile, (64, 64)))
            labels.append([float(np.any(inside & (picture.kinds == kind))) for kind in range(3)])
    return np.stack(seen), np.array(labels, "float32")


def trained(train: Any, smoke: bool) -> Any:
    """Four convolutions with strides, a sigmoid for each label; mirror images too."""
    layers = keras.layers
    inputs = keras.Input((64, 64, 3), name="picture")
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters in (16, 32, 48, 64):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(3, activation="sigmoid", name="kinds")(x), name="kinds_of_cells")
    pixels = np.concatenate([train[0], train[0][:, :, ::-1], train[0][:, ::-1]]).astype("float32")
    epochs = 1 if smoke else 12
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(pixels) // 32))
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    model.fit(pixels, np.concatenate([train[1]] * 3), batch_size=32, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, task=tfc.Classification(several_labels=True), title="bccd labels")
    return tfc.compress(model, data, techniques, epochs=epochs, **how)
    # end of user code
