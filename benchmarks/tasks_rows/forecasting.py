"""The next half hour of taxi passengers in New York, from two days: an LSTM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import tfcompress as tfc

from . import nab

TASK, DATA = "forecasting, LSTM", "nab nyc_taxi: the next of 10,320 values from 48"
EPOCHS = 4
WINDOW = 48


def read(folder: Path, smoke: bool) -> tuple[Any, Any]:
    """Windows (N, 48, 1) and what comes next (N, 1); the last three tenths of the time are for the test."""
    values, _ = nab.series(folder, "realKnownCause/nyc_taxi")
    begin = int(len(values) * 0.7)
    values = (values - values[:begin].mean()) / values[:begin].std()
    splits = []
    for part, limit in ((values[:begin], 512), (values[begin:], 128)):
        cut = nab.windows(part, WINDOW + 1)[: limit if smoke else None]
        splits.append((np.ascontiguousarray(cut[:, :-1, None]), np.ascontiguousarray(cut[:, -1:])))
    return splits[0], splits[1]


def trained(train: Any, smoke: bool) -> Any:
    """An LSTM of 32 units, and a Dense layer."""
    layers = keras.layers
    inputs = keras.Input((WINDOW, 1), name="window")
    x = layers.Dense(16, activation="relu")(layers.LSTM(32)(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="next")(x), name="forecaster")
    epochs = 1 if smoke else 20
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * (len(train[0]) // 64))
    model.compile(keras.optimizers.Adam(rate), "mse")
    model.fit(*train, batch_size=64, epochs=epochs, verbose=2)
    return model


def compress(model: Any, train: Any, test: Any, techniques: Any, epochs: int, **how: Any) -> tfc.Compressed:
    """The user's code."""
    # user code
    data = tfc.dataset(train, test, title="nyc_taxi")
    return tfc.compress(model, data, techniques, epochs=epochs, task=tfc.Regression(), learning_rate=1e-3, **how)
    # end of user code
