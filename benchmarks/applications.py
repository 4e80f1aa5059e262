"""python benchmarks/applications.py [NAME ...] [--write]: fourteen networks pruned, then QAT, then int8.

Each architecture of keras.applications is built by Keras 3 without trained weights, at 64 pixels or the least that it
takes, and comes in through `load_model`. Half of its weights are pruned, then it trains quantization-aware, a few steps
each on images made here, whose brightness it learns, and is exported in int8. The file is held against the
quantization-aware model: 15 dB of centred SQNR or more, or the row names the layer where it is first lost.
benchmarks/applications.jsonl has a line for an architecture; one that is there is not made again, unless it is deleted.
--write makes docs/applications.md of the rows; what has no row is "not run" there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PAGE, ROWS = ROOT / "docs" / "applications.md", ROOT / "benchmarks" / "applications.jsonl"
# The cheap ones first.
SIZES = {
    **{"MobileNet": 64, "MobileNetV2": 64, "MobileNetV3Small": 64, "EfficientNetB0": 64, "MobileNetV3Large": 64},
    **{"ResNet50": 64, "VGG16": 64, "ResNet50V2": 64, "EfficientNetV2B0": 64, "DenseNet121": 64, "Xception": 71},
    **{"InceptionV3": 75, "NASNetMobile": 64, "ConvNeXtTiny": 64},
}
RATE = 1e-3
# Without batch normalization, thirteen layers of it come to give the same for all images at the rate of the others.
RATES = {"VGG16": 1e-4}
LEAST_DB = 15.0
CLASSES, NUM_IMAGES, EPOCHS, BATCH = 10, 64, 4, 8
STEPS = EPOCHS * NUM_IMAGES // BATCH
MOMENTUM = 0.7  # of batch normalization


def row(name: str) -> dict[str, Any]:
    """One line: what came of an architecture, down to its int8 file."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import keras, start_quietly
    from tfcompress.core.remarks import collecting
    from tfcompress.core.tasks.metrics import closeness
    from tfcompress.export.written.float_operations import float_operations
    from tfcompress.layers.twins import keras3
    from tfcompress.measuring.departure import first_departure
    from tfcompress.measuring.file_run import FileRun
    from tfcompress.measuring.measure import kernels, leaf_layers, overall_sparsity, plain_name

    start_quietly()
    started, size = time.monotonic(), SIZES[name]
    keras3().utils.set_random_seed(0)
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    original = getattr(keras3().applications, name)(
        weights=None, input_shape=(size, size, 3), classes=CLASSES, classifier_activation=None
    )
    model = tfc.load_model(original)
    images = _alive(model, rng)
    # What is learned is how bright an image is: a network that has learned nothing gives nearly the same for all.
    labels = np.argsort(np.argsort(images.mean((1, 2, 3)))) * CLASSES // NUM_IMAGES
    data = tfc.dataset((images, labels), (images[:16], labels[:16]))
    found: dict[str, Any] = {"name": name, "pixels": size, "parameters": original.count_params()}

    def train(model: Any, callbacks: Sequence[Any]) -> None:
        model.compile(
            keras.optimizers.Adam(RATES.get(name, RATE)), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        model.fit(images, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)

    fit = tfc.fit(train, steps=STEPS)
    try:
        with collecting() as said:
            pruned = tfc.PruneLowMagnitude(0.5).apply(model, fit)
            aware = tfc.QuantizeAware().apply(pruned, fit)
        left = [layer for layer, words, _ in (each.partition(" stays in float") for each in said) if words]
        found["layers_in_float"] = _listed(left)
        found["sparsity"] = round(float(overall_sparsity(kernels(aware))), 3)
        with tempfile.TemporaryDirectory() as folder, collecting() as said:
            content = tfc.Int8().convert(aware, data, Path(folder) / "model.tflite").path.read_bytes()
    except tfc.TfcompressError as error:
        return {**found, "refused": str(error), "seconds": round(time.monotonic() - started)}
    (values,) = FileRun(content).outputs({aware.inputs[0].node.layer.name: images[:32]}).values()
    decibels = closeness(np.asarray(aware(images[:32], training=False)), values).sqnr_db
    found["bytes"], found["db"] = len(content), round(float(decibels), 1)
    names = {plain_name(layer) for layer in leaf_layers(aware)}
    floats = float_operations(content, names)
    found["operations_in_float"] = ", ".join(f"{op} ({len(of)})" for op, of in floats.items()) or "none"
    if decibels < LEAST_DB:
        lost = first_departure(content, aware, {aware.inputs[0].node.layer.name: images[:16]}, LEAST_DB)
        found["lost_in"] = str(lost) if lost else "no layer that the file names"
    return {**found, "seconds": round(time.monotonic() - started)}


def _alive(model: Any, rng: np.random.Generator) -> np.ndarray:
    """Gives the model weights that make its outputs depend on its input; returns the images that it is run on.

    Weights are moved as benchmarks/loading_applications.py does it; batch normalization takes the averages of the
    images, and follows those of a pruned network within a few steps.
    """
    for weight in model.trainable_weights:
        values = weight.numpy()
        noise = 0.1 * rng.standard_normal(values.shape).astype(values.dtype)
        weight.assign(values * 2**0.5 + noise * values.std() if values.std() else values + noise)
    images = _images(model, rng)
    normalizations = [layer for layer in model.layers if type(layer).__name__ == "BatchNormalization"]
    for layer in normalizations:
        layer.momentum = 0.0
    model(images[:BATCH], training=True)
    for layer in normalizations:
        layer.momentum = MOMENTUM
    return images


def _images(model: Any, rng: np.random.Generator) -> np.ndarray:
    """Coarse coloured patches, each image of another brightness, in the range that the model rescales from, if it does.

    Images of noise alone are all alike to a network that ends in an average.
    """
    size = model.input_shape[1]
    coarse = rng.standard_normal((NUM_IMAGES, 4, 4, 3)) + rng.standard_normal((NUM_IMAGES, 1, 1, 3))
    images = coarse.repeat(-(-size // 4), 1).repeat(-(-size // 4), 2)[:, :size, :size]
    images = (images + 0.2 * rng.standard_normal(images.shape)).astype("float32")
    first = model.layers[1]
    if type(first).__name__ == "Rescaling":
        images = (images - np.float32(first.offset)) / np.float32(first.scale)
    return np.asarray(images, "float32")


def _listed(names: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}" or "none"


def page(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """docs/applications.md."""
    from tfcompress.running.versions import machine, versions

    lines = [
        "| architecture | pixels | bytes | zeros | dB | layers in float | operations in float | first lost in | s |",
        "|---" * 9 + "|",
    ]
    for name, size in SIZES.items():
        found = rows.get(name)
        if found is None:
            lines.append(f"| {name} | {size} | not run | | | | | | |")
        elif "refused" in found:
            lines.append(f"| {name} | {size} | refused | | | | | {found['refused'][:200]} | {found['seconds']} |")
        else:
            lines.append(
                f"| {name} | {size} | {found['bytes']:,} | {found['sparsity']:.0%} | {found['db']} "
                f"| {found['layers_in_float']} | {found['operations_in_float']} | {found.get('lost_in', '')} "
                f"| {found['seconds']} |"
            )
    return PREFACE.format(table="\n".join(lines), versions=versions(), machine=machine())


PREFACE = """# Fourteen networks, pruned, quantization-aware, int8

    python benchmarks/applications.py && python benchmarks/applications.py --write

Each architecture of keras.applications, built by Keras 3 without trained weights, comes in through `load_model`. Its
weights are disturbed until outputs depend on the input
(as in [loading.md](loading.md)); ten classes, {{steps}} steps of pruning to 50 % and {{steps}} of quantization-aware
training on images made here. dB: centred SQNR of the int8 file against the quantization-aware model over 32 images; at
least 15 are wanted, and a row below names the layer where they are first lost. What is learned is the brightness of an
image, as a network that has learned nothing gives nearly the same for all; these are no accuracies. The learning rate
is 0.001; that of VGG16, which has no batch normalization, 0.0001. Seconds were taken beside other work.

{table}

Versions: {versions}. Machine: {machine}.
""".replace("{{steps}}", str(STEPS))


def main() -> int:
    """Adds rows; exit code 1 when one lost its numbers without naming a layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="defaults to all fourteen")
    parser.add_argument("--out", type=Path, default=ROWS, help="the file of rows, which is added to")
    parser.add_argument("--write", action="store_true", help=f"make docs/{PAGE.name} of the rows")
    options = parser.parse_args()
    rows = {}
    if options.out.exists():
        rows = {each["name"]: each for each in map(json.loads, options.out.read_text().splitlines())}
    for name in options.names or ([] if options.write else SIZES):
        if name not in rows:
            rows[name] = row(name)
            with options.out.open("a") as file:
                file.write(json.dumps(rows[name]) + "\n")
            print(rows[name], flush=True)
    if options.write:
        PAGE.write_text(page(rows), encoding="utf-8")
    return int(any(each.get("db", LEAST_DB) < LEAST_DB and "lost_in" not in each for each in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
