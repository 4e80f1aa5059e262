"""Every mode of quantization on one trained network: accuracy, raw and zipped bytes, latency.

    python benchmarks/quantization_modes.py MODEL --data-dir FOLDER [--epochs 4] [--teacher NAME]
        [--final-sparsity 0.75] [--rows PATTERN] [--bfloat16] [--out FOLDER]

MODEL is a float classifier of CIFAR-10: a .keras file, or the name of a model that comes with tfcompress (its first and
last layer with a kernel stay at 8 bits where others have 4). The first rows are made after training; then those that
train on, --epochs each, taught by MODEL itself: another teacher needs more epochs than these to pay.

A row with a latency is a .tflite, run on all test examples with XNNPACK, one thread; one with none is our packed file,
its accuracy that of the Keras model in it. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation import accuracy

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.measuring.measure import kernels
from tfcompress.models_io.copying import copy_model


def files(model: Any, data: tfc.Data) -> Iterator[tuple[str, Any, Any]]:
    """(title, model, exporter) of what needs no training."""
    names = [name.rpartition("/")[0] for name in kernels(model)]
    ends = {names[0]: 8, names[-1]: 8}
    yield "float32", model, tfc.Float32()
    yield "float16", model, tfc.Float16()
    yield "dynamic range", model, tfc.DynamicRange()
    yield "static int8, per channel", model, tfc.Int8()
    yield "static int8, per tensor", model, tfc.Int8(per_channel=False)
    yield "int16x8", model, tfc.Int16x8()
    yield "int4 weights, min-max", model, tfc.MixedPrecision(4, ends)
    folded = tfc.FoldBatchNorm().apply(model) if _has_batch_norm(model) else model
    whole = dict.fromkeys(ends)
    clipped = tfc.QuantizeKernels(tfc.Affine(4, range_by="mse"), whole).apply(folded)
    yield "int4 weights, least squares", clipped, tfc.MixedPrecision(4, ends)


def levels(model: Any, data: tfc.Data) -> Iterator[tuple[str, Any]]:
    """(title, model) of kernels on levels of any number, activations in float."""
    quantizers = {
        "affine, 8 bits": tfc.Affine(8),
        "affine, 4 bits": tfc.Affine(4, range_by="mse"),
        "affine, 4 bits, floor": tfc.Affine(4, rounding="floor"),
        "affine, 4 bits, stochastic": tfc.Affine(4, rounding="stochastic"),
        "affine, 3 bits": tfc.Affine(3, range_by="mse"),
        "affine, 2 bits": tfc.Affine(2, range_by="mse"),
        "piecewise linear, 4 bits, 2 regions": tfc.PiecewiseLinear(4),
        "codebook, 16 levels": tfc.Codebook(16),
        "codebook, 4 levels": tfc.Codebook(4),
    }
    for title, quantizer in quantizers.items():
        yield title, tfc.QuantizeKernels(quantizer).apply(model)


def simulated(model: Any, data: tfc.Data) -> Iterator[tuple[str, Any]]:
    """(title, model) of kernels and the tensors between layers on levels of any number."""
    for bits in (8, 6, 4):
        made = tfc.QuantizeKernels(tfc.Affine(bits, range_by="mse")).apply(model)
        tensors = tfc.Affine(bits, symmetric=False, per_channel=False, range_by="mse")
        yield f"{bits} bits", tfc.QuantizeActivations(tensors).apply(made, data)


def trained(model: Any, data: tfc.Data, options: argparse.Namespace) -> Iterator[tuple[str, Any, Any]]:
    """(title, what makes the model, exporter or None for the packed file) of what trains on."""
    names = [name.rpartition("/")[0] for name in kernels(model)]
    largest = max(kernels(model).items(), key=lambda item: item[1].size)[0].rpartition("/")[0]
    gently = {"*": options.final_sparsity} if _has_batch_norm(model) else {largest: options.final_sparsity, "*": 0.0}
    four_bits = {names[0]: 8, names[-1]: 8, "*": 4}

    def fit(rate: float, epochs: int = options.epochs) -> tfc.Fit:
        set_seed(1)
        rates = tfc.CosineDecay(rate)
        plain = tfc.KerasFit(
            data, epochs, 128, rates, seed=1, augment=(tfc.Flip(),), views=4, bfloat16=options.bfloat16
        )
        teacher = tfc.Pretrained(options.teacher)() if options.teacher else model
        return tfc.distilled(plain, teacher, tfc.SoftTargets(2.0), student_loss_weight=0.5, cache=True)

    @functools.cache
    def clustered() -> Any:
        return tfc.Cluster(16).apply(model, fit(0.005))

    def evenly() -> Any:  # the most weights share the middle values, so that Huffman's coding pays
        return tfc.Cluster(16, start="linear").apply(model, fit(0.005))

    @functools.cache
    def pruned() -> Any:
        technique = tfc.PruneLowMagnitude(options.final_sparsity, tfc.PolynomialDecay(end=0.5), per_layer=gently)
        return technique.apply(model, fit(0.03, 4 * options.epochs))

    @functools.cache
    def both() -> Any:
        return tfc.Cluster(16).apply(pruned(), fit(0.005))

    aware, aware_of_four = tfc.QuantizeAware(), tfc.QuantizeAware(per_layer_bits=four_bits)
    yield "quantization-aware int8", lambda: aware.apply(model, fit(0.01)), tfc.Int8()
    yield "quantization-aware, int4 weights", lambda: aware_of_four.apply(model, fit(0.01)), tfc.Int8()
    yield "16 clusters, packed", clustered, None
    yield "16 clusters from equal steps, packed", evenly, None
    yield "16 clusters, int8", lambda: aware.apply(clustered(), fit(0.001)), tfc.Int8()
    yield "pruned, int8", pruned, tfc.Int8()
    yield "pruned, 16 clusters, packed", both, None
    yield "pruned, 16 clusters, int8", lambda: aware.apply(both(), fit(0.001)), tfc.Int8()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data-dir", help="prepared CIFAR-10 (default: TFDS_DATA_DIR)")
    parser.add_argument("--epochs", type=int, default=4, help="of each training; pruning has four times as many")
    parser.add_argument("--teacher", help="name of a shipped model (default: MODEL itself teaches)")
    parser.add_argument("--final-sparsity", type=float, default=0.75)
    parser.add_argument("--rows", default="*", help="only the modes of this pattern (default: all)")
    parser.add_argument("--bfloat16", action="store_true", help="trains in bfloat16 products")
    parser.add_argument("--out", type=Path, default=Path("saved_models/quantization_modes"))
    options = parser.parse_args()
    start_quietly()
    options.out.mkdir(parents=True, exist_ok=True)
    data = tfc.Cifar10(options.data_dir)
    model = copy_model(tfc.load_model(options.model) if options.model.suffix else tfc.Pretrained(options.model.name)())
    base = tfc.Float32().convert(model, data, options.out / "base.tflite")
    at_first = accuracy(model, data)
    print(f"{options.model.stem}, {data.title}, 10,000 test examples; float32 in Keras {at_first:.2%}\n")
    print("| mode | accuracy | points | bytes | zipped | smaller, zipped | ms |\n|---|---|---|---|---|---|---|")

    def row(title: str, found: float, artifact: tfc.Artifact, latency: str) -> None:
        smaller = base.zipped_bytes / artifact.zipped_bytes
        print(
            f"| {title} | {found:.2%} | {100 * (found - at_first):+.2f} | {artifact.raw_bytes:,} "
            f"| {artifact.zipped_bytes:,} | {smaller:.1f}x | {latency} |",
            flush=True,
        )

    def evaluate(title: str, made: Any, exporter: Any) -> None:
        path = options.out / f"{title.replace(' ', '_').replace(',', '')}.tflite"
        if exporter is None:
            row(title, accuracy(made, data), tfc.save_packed(made, path.with_suffix(".tfcp")), "")
            return
        artifact = exporter.convert(made, data, path)
        finding = tfc.CpuXnnpack().run(artifact, data, {})
        latency = f"{finding.latency.median_ms:.3f}" if finding.latency else "not run"
        row(title, finding.metrics["accuracy"], artifact, latency)

    def wanted(title: str) -> bool:
        return fnmatch.fnmatch(title, options.rows)

    for title, made, exporter in filter(lambda row: wanted(row[0]), files(model, data)):
        evaluate(title, made, exporter)
    for title, made in levels(model, data):
        if wanted(title := f"kernels: {title}"):
            evaluate(title, made, None)
    for title, made in simulated(model, data):
        if wanted(title := f"kernels and activations simulated, {title}"):
            found = accuracy(made, data)
            print(f"| {title} | {found:.2%} | {100 * (found - at_first):+.2f} | | | | |", flush=True)
    for title, make, exporter in trained(model, data, options):
        if wanted(title):
            evaluate(title, make(), exporter)


def _has_batch_norm(model: Any) -> bool:
    return any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


if __name__ == "__main__":
    main()
