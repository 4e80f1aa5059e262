"""Unusual days in four series, found by an autoencoder's error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

import tfcompress as tfc

from . import nab

TASK, DATA = "anomalies, autoencoder", "nab: days of 288 values of four series with one anomaly each"
EPOCHS = 10
SERIES = ("art_daily_jumpsup", "art_daily_jumpsdown", "art_daily_flatmiddle", "art_daily_nojump")
DAY = 288


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Windows of a day (N, 288): of the first four tenths of the time; of the rest, and whether half is unusual."""
    train, test, unusual = [], [], []
    for name in SERIES:
        values, anomalous = nab.series(folder, f"artificialWithAnomaly/{name}")
        begin = int(len(values) * 0.4)
        values = (values - values[:begin].mean()) / values[:begin].std()
        step = 20 if smoke else 4
        train.append(nab.windows(values[:begin], DAY, step))
        test.append(nab.windows(values[begin:], DAY, step))
        unusual.append(nab.windows(anomalous[begin:], DAY, step).mean(1) > 0.5)
    return np.concatenate(train), (np.concatenate(test), np.concatenate(unusual).astype("int64"))


def trained(train: Any, smoke: bool) -> Any:
    """Two Dense layers to eight numbers, and two back."""
    layers = keras.layers
    inputs = keras.Input((DAY,), name="day")
    x = layers.Dense(8, activation="relu")(layers.Dense(64, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(DAY, name="again")(layers.Dense(64, activation="relu")(x)), name="days")
    epochs = 1 if smoke else 60
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(train) // 32))
    model.compile(keras.optimizers.Adam(rate), "mse")
    model.fit(train, train, batch_size=32, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, task=tfc.Reconstruction(anomalies=True), title="nab days")
    return tfc.compress(model, data, techniques, epochs=epochs, **how)
    # end of user code
