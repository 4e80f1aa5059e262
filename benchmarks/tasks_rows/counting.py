"""How many red and how many white cells are in a picture: two regressions at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfcompress as tfc

from . import bccd

TASK, DATA = "regression, two heads", "bccd: counts of red and white cells in 1168 + 288 quarters of 160 x 120"
EPOCHS = 4


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Quarters of pictures, and how many cells are in them by output, (N, 1); one at the edge counts by its share."""
    return _split(folder, "trainval", 40 if smoke else None), _split(folder, "test", 12 if smoke else None)


def _split(folder: Path, split: str, limit: int | None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    seen, counts = [], []
    for picture in bccd.pictures(folder, split, limit):
        for box in bccd.tiles(2, 2):
            seen.append(picture.pixels(box, (160, 120)))
            inside = picture.shares(box)
            counts.append([inside[picture.kinds == kind].sum() for kind in (0, 1)])
    told = np.array(counts, "float32")
    return np.stack(seen), {"red": told[:, :1], "white": told[:, 1:]}


def trained(train: Any, smoke: bool) -> Any:
    """Four convolutions with strides, then a head for each count."""
    layers = keras.layers
    inputs = keras.Input((120, 160, 3), name="picture")
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    for filters in (16, 32, 48, 64):
        x = layers.Conv2D(filters, 3, 2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    heads = []
    for name in ("red", "white"):
        head = layers.Conv2D(32, 3, padding="same", activation="relu")(layers.Dropout(0.2)(x))
        heads.append(layers.Dense(1, name=name)(layers.GlobalAveragePooling2D()(head)))
    model = keras.Model(inputs, heads, name="counter")

    pixels, counts = train
    pixels = np.concatenate([pixels, pixels[:, :, ::-1], pixels[:, ::-1]])
    counts = {name: np.concatenate([values] * 3) for name, values in counts.items()}
    epochs = 1 if smoke else 10
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(pixels) // 32))
    model.compile(keras.optimizers.Adam(rate), {"red": "mse", "white": "mse"}, loss_weights={"red": 1, "white": 4})
    model.fit(pixels.astype("float32"), counts, batch_size=32, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    heads = {"red": tfc.Regression(), "white": tfc.Regression()}
    data = tfc.dataset(train, test, task=tfc.ByOutput(tasks=heads), title="bccd counts")
    fit = tfc.KerasFit(data, epochs, batch_size=32, learning_rate=tfc.CosineDecay(3e-4), optimizer="adam")
    return tfc.compress(model, data, techniques, fit=fit, **how)
    # end of user code
