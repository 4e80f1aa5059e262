"""python benchmarks/loading_applications.py [NAME ...]: brings architectures of keras.applications in, and compares.

Each is built by Keras 3 without trained weights and without the last softmax. Its weights are then disturbed, biases
and batch normalization's averages too: a network whose biases are all zero answers the same with half of them mixed up.
The table is printed, and written to the file that --out names.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.core.keras import keras as keras_2
from tfcompress.core.machine import machine, versions
from tfcompress.core.twins import keras3
from tfcompress.loading.door import bring_in

NAMES = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ResNet50", "ResNet50V2", "DenseNet121"),
    *("EfficientNetB0", "EfficientNetV2B0", "VGG16", "InceptionV3", "Xception", "NASNetMobile", "ConvNeXtTiny"),
)
LIMIT = 1e-4
HEADER = (
    "architecture",
    "parameters",
    "layers",
    "of these computed by Keras 3",
    "largest relative difference",
    "seconds",
)


def build(name: str) -> Any:
    """A Keras 3 model of `keras.applications` with disturbed weights."""
    keras = keras3()
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    disturb(model, np.random.default_rng(0))
    return model


def disturb(model: Any, random: np.random.Generator) -> None:
    """Moves every weight by a tenth of its size, and those that are all alike by noise; variances stay positive."""
    for weight in model.weights:
        values = np.asarray(weight.value)
        if values.dtype.kind != "f":
            continue
        noise = random.standard_normal(values.shape).astype(values.dtype)
        if weight.name.endswith("variance"):
            weight.assign(values * np.exp(0.2 * noise))
        else:
            weight.assign(values + 0.1 * noise * (values.std() or 1.0))


def row(name: str) -> tuple[str, int, int, int, float, float]:
    """One line of the table."""
    model = build(name)
    started = time.monotonic()
    arrival = bring_in(model)
    seconds = time.monotonic() - started
    if arrival.largest_difference is None:
        raise SystemExit(f"{name} is not compared: {arrival.not_compared}")
    hosted = len(arrival.hosted)
    return name, model.count_params(), len(arrival.model.layers), hosted, arrival.largest_difference, seconds


def table(rows: list[tuple[Any, ...]]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    lines += [f"| {n} | {p:,} | {layers} | {hosted} | {d:.1e} | {s:.1f} |" for n, p, layers, hosted, d, s in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the table; exit code 1 when a difference is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="defaults to all fourteen")
    parser.add_argument("--out", type=Path, help="a file for the table")
    options = parser.parse_args()
    rows = []
    for name in options.names or NAMES:
        rows.append(row(name))
        print(rows[-1], flush=True)
        keras_2.backend.clear_session()
        keras3().backend.clear_session()
    found = table(rows)
    text = f"{found}\nVersions: {versions()}. Machine: {machine()}. Limit: {LIMIT:g}.\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return int(any(difference >= LIMIT for *_, difference, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
