"""python benchmarks/loading_applications.py [NAME ...]: brings architectures of keras.applications in, and compares.

Each is built by Keras 3 without trained weights and without the last softmax. Left so, most of them give the same
numbers for every image, and any copy with the same biases would pass. So weights are disturbed, kernels enlarged
as the ReLUs after them want it, and batch normalization is given the averages of the signal: "spread" is how far the
outputs for two images are apart, in the same terms as the difference. The table is printed, and written to --out.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from tfcompress.backend.tensorflow import keras as keras_2
from tfcompress.layers.twins import keras3
from tfcompress.models_io.loading.door import load_with_report
from tfcompress.running.versions import machine, versions

NAMES = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "ResNet50", "ResNet50V2", "DenseNet121"),
    *("EfficientNetB0", "EfficientNetV2B0", "VGG16", "InceptionV3", "Xception", "NASNetMobile", "ConvNeXtTiny"),
)
LIMIT = 1e-4
LEAST_SPREAD = 1e-2  # a hundred times the limit: less would let wrong copies pass
HEADER = (
    "architecture",
    "parameters",
    "layers",
    "by Keras 3",
    "spread",
    "largest relative difference",
    "seconds",
)


def build(name: str) -> Any:
    """A Keras 3 model of `keras.applications` whose outputs depend on its input."""
    keras = keras3()
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, classifier_activation=None)
    disturb(model, np.random.default_rng(0))
    calibrate(model, np.random.default_rng(1))
    return model


def disturb(model: Any, random: np.random.Generator) -> None:
    """Moves each trained weight by a tenth of its spread, or by 0.1 where all are alike; enlarges kernels 1.4 times."""
    for weight in model.trainable_weights:
        values = np.asarray(weight.value)
        noise = 0.1 * random.standard_normal(values.shape).astype(values.dtype)
        weight.assign(values * 2**0.5 + noise * values.std() if values.std() else values + noise)


def calibrate(model: Any, random: np.random.Generator) -> None:
    """Gives batch normalization the averages of one batch of random images, as training would."""
    layers = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    size = [length or 224 for length in model.input_shape[1:]]
    images = random.standard_normal((4, *size)).astype("float32")
    first = model.layers[1]
    if type(first).__name__ == "Rescaling":  # as the comparison does: averages of another signal would be chaos
        images = (images - np.float32(first.offset)) / np.float32(first.scale)
    model(images, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def row(name: str) -> tuple[str, int, int, int, float, float, float]:
    """One line of the table."""
    model = build(name)
    started = time.monotonic()
    arrival = load_with_report(model)
    seconds = time.monotonic() - started
    if arrival.largest_difference is None:
        raise SystemExit(f"{name} is not compared: {arrival.not_compared}")
    num_layers, num_hosted = len(arrival.model.layers), len(arrival.hosted)
    return name, model.count_params(), num_layers, num_hosted, arrival.spread, arrival.largest_difference, seconds


def table(rows: list[tuple[Any, ...]]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    lines += [
        f"| {name} | {parameters:,} | {layers} | {hosted} | {spread:.1e} | {difference:.1e} | {seconds:.1f} |"
        for name, parameters, layers, hosted, spread, difference, seconds in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the table; exit code 1 when a difference is above the limit, or a spread below its own."""
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
    text = f"{found}\nVersions: {versions()}. Machine: {machine()}. Limit: {LIMIT:g}; least spread: {LEAST_SPREAD:g}.\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return int(any(difference >= LIMIT or spread < LEAST_SPREAD for *_, spread, difference, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
