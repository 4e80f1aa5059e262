"""Time series of the Numenta Anomaly Benchmark, read for two of the rows."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path

import numpy as np


def series(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The values of a series, and whether each lies in one of its anomalous windows."""
    root = folder / "timeseries" / "nab"
    with (root / f"{name}.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    values = np.array([float(line["value"]) for line in lines], "float32")
    times = [datetime.datetime.fromisoformat(line["timestamp"]) for line in lines]
    windows = json.loads((root / "combined_windows.json").read_text())[f"{name}.csv"]
    spans = [tuple(datetime.datetime.fromisoformat(end) for end in window) for window in windows]
    return values, np.array([any(begin <= time <= end for begin, end in spans) for time in times])


def windows(values: np.ndarray, length: int, step: int = 1) -> np.ndarray:
    """All windows of a length, each `step` further: (N, length)."""
    return np.lib.stride_tricks.sliding_window_view(values, length)[::step]
