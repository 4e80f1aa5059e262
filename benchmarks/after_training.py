"""What methods after training win back of the accuracy that int8 with one scale for each kernel loses.

    python benchmarks/after_training.py [--data-dir FOLDER] [--model FILE] [--epochs 10] [--save FILE]

MobileCNN (depthwise convolutions, batch normalization) is trained on CIFAR-10, or loaded, and exported as int8: with a
scale for each channel, with one for each kernel, and so again after equalization, bias correction and adaptive
rounding, each alone and together. Every file runs on all test examples. The table has accuracy, top-1 agreement
with the float model, the mean squared and the largest difference of a logit, and of what the plain per-tensor file
loses the share that is won back: of accuracy, and of agreement.

Exits with 1 unless the methods together win back at least half of what plain per-tensor quantization loses in accuracy.
A model that loses less than `--least-loss` points does not need them, and shows nothing: then it exits with 2.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly, tf
from tfcompress.models_io.copying import load_model, save_model
from tfcompress.running.stage import applied

TOGETHER = "all three"


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured of one file."""

    title: str
    accuracy: float
    top_1_agreement: float
    mean_squared_difference: float
    largest_difference: float
    seconds: float  # of the method, not of the export


def trained(data: tfc.Data, options: argparse.Namespace) -> Any:
    """MobileCNN after `--epochs` of SGD, with what MobileNets are trained with elsewhere.

    Batch normalization has PyTorch's epsilon, 1e-5, and all is decayed but depthwise convolutions and their batch
    normalization: the MobileNet paper advises so. Decay lets some channels before a depthwise convolution die; the
    batch normalization after it then has hardly a variance to divide by. Folded, its kernel is largest in the channels
    that say nothing, and one scale for the kernel leaves few levels to the others.
    """
    model = tfc.mobile_cnn(width=options.width)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.epsilon = 1e-5
    examples = tf.data.Dataset.from_tensor_slices((data.train.inputs, data.train.targets))
    batches = examples.shuffle(len(data.train), seed=options.seed).batch(128, drop_remainder=True)
    seen = batches.map(lambda stored, labels: (tf.cast(stored, tf.float32) * data.scale, labels)).prefetch(2)
    rate = tfc.OneCycle(options.learning_rate, 0.25).over(options.epochs * (len(data.train) // 128))

    def decayed(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        return [(g if "depthwise" in v.name else g + options.weight_decay * v, v) for g, v in pairs]

    optimizer = keras.optimizers.legacy.SGD(rate, momentum=0.9, gradient_transformers=[decayed])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(seen, epochs=options.epochs, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=say)])
    return model


def say(epoch: int, logs: dict[str, float]) -> None:
    print(f"epoch {epoch + 1}: {logs['accuracy']:.1%} of the training examples", file=sys.stderr, flush=True)


def methods(options: argparse.Namespace) -> Iterator[tuple[str, tuple[Any, ...], bool]]:
    """(name, techniques one after another, whether each channel has its own scale)."""
    size = {"num_examples": options.examples, "per_channel": False}
    rounding = tfc.AdaptiveRounding(num_iterations=options.iterations, **size)
    equalize = tfc.Equalize(replace_relu6=True)
    yield "plain, per channel", (), True
    yield "plain, per tensor", (), False
    yield "equalization", (equalize,), False
    yield "bias correction", (tfc.CorrectBias(**size),), False
    yield "adaptive rounding", (rounding,), False
    yield "equalization + bias correction", (equalize, tfc.CorrectBias(**size)), False
    yield "equalization + adaptive rounding", (equalize, rounding), False
    yield TOGETHER, (equalize, tfc.CorrectBias(rounding=rounding, **size)), False


def measured(title: str, model: Any, per_channel: bool, data: tfc.Data, exact: np.ndarray, seconds: float) -> Row:
    """One file, on all test examples."""
    with tempfile.TemporaryDirectory() as folder:
        exporter = tfc.Int8(per_channel=per_channel, num_representative=512, stratified=True)
        artifact = exporter.convert(model, data, Path(folder) / "model.tflite")
        finding = tfc.CpuXnnpack().run(artifact, data, {"keras": exact})
    if finding.outputs is None or not finding.metrics:
        sys.exit(f"{title}: {finding.reason}")
    (outputs,), (agreement,) = finding.outputs.values(), finding.agreement["keras"].values()
    squared, accuracy = float(((outputs - exact) ** 2).mean()), finding.metrics["accuracy"]
    return Row(title, accuracy, agreement.top_1_agreement, squared, agreement.largest_difference, seconds)


def measure_all(model: Any, data: tfc.Data, options: argparse.Namespace) -> tuple[float, list[Row]]:
    """The float model's accuracy, and a row for each method."""
    exact = model.predict(data.model_inputs(data.test.inputs), batch_size=256, verbose=0)
    accuracy = float((exact.argmax(-1) == data.test.targets).mean())
    rows = []
    for title, techniques, per_channel in methods(options):
        begin = time.perf_counter()
        changed = model
        for technique in techniques:
            changed = applied(technique, changed, data)
        rows.append(measured(title, changed, per_channel, data, exact, time.perf_counter() - begin))
        print(f"{title}: {rows[-1].accuracy:.2%}", file=sys.stderr, flush=True)
    return accuracy, rows


def won_back(whole: float, plain: float, now: float) -> float:
    """The share of what `plain` lost against `whole` that `now` has again.

    >>> won_back(80.0, 70.0, 77.5)
    0.75
    """
    return (now - plain) / (whole - plain) if whole > plain else float("nan")


def print_table(accuracy: float, rows: list[Row], data: tfc.Data) -> None:
    plain = next(row for row in rows if row.title == "plain, per tensor")
    print(f"{data.title}, {len(data.test)} test examples, float {accuracy:.2%}\n")
    heads = ("accuracy", 9), ("won back", 9), ("equal", 8), ("won back", 9), ("MSE", 8), ("largest", 8), ("made in", 9)
    print(f"{'int8':34} " + " ".join(f"{head:>{size}}" for head, size in heads))
    for row in rows:
        of_accuracy = won_back(accuracy, plain.accuracy, row.accuracy)
        of_agreement = won_back(1.0, plain.top_1_agreement, row.top_1_agreement)
        print(
            f"{row.title:34} {row.accuracy:9.2%} {of_accuracy:9.0%} {row.top_1_agreement:8.2%} {of_agreement:9.0%} "
            f"{row.mean_squared_difference:8.4f} {row.largest_difference:8.2f} {row.seconds:7.1f} s"
        )


def verdict(accuracy: float, rows: list[Row], least_loss: float) -> int:
    """The exit code, and a sentence that says why."""
    by_title = {row.title: row for row in rows}
    plain, together = by_title["plain, per tensor"], by_title[TOGETHER]
    lost = 100 * (accuracy - plain.accuracy)
    if lost < least_loss:
        print(f"\nPlain per-tensor int8 loses {lost:.2f} points, less than {least_loss:g}: this model needs no method.")
        return 2
    share = won_back(accuracy, plain.accuracy, together.accuracy)
    print(f"\nPlain per-tensor int8 loses {lost:.2f} points; {TOGETHER} win back {share:.0%} (claimed: at least 50%).")
    return 0 if share >= 0.5 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="of prepared CIFAR-10 (default: TFDS_DATA_DIR)")
    parser.add_argument("--model", type=Path, help="a trained model to load instead of training one")
    parser.add_argument("--save", type=Path, help="where to keep the trained model (.keras)")
    parser.add_argument("--width", type=int, default=16, help="of MobileCNN (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="SGD's largest (default: %(default)s)")
    parser.add_argument("--weight-decay", type=float, default=5e-3, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--examples", type=int, default=512, help="for the methods (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=1000, help="of adaptive rounding (default: %(default)s)")
    parser.add_argument("--least-loss", type=float, default=1.0, help="points of accuracy (default: %(default)s)")
    options = parser.parse_args()
    start_quietly()
    set_seed(options.seed)
    data = tfc.Cifar10(data_dir=options.data_dir)
    model = load_model(options.model) if options.model else trained(data, options)
    if options.save:
        save_model(model, options.save)
    accuracy, rows = measure_all(model, data, options)
    print_table(accuracy, rows, data)
    return verdict(accuracy, rows, options.least_loss)


if __name__ == "__main__":
    sys.exit(main())
