"""python benchmarks/bits_by_layer.py [--data digits|cifar10] [--model FILE.keras]: bits by sensitivity, in files.

A ResNet-8 (trained here, or a model of your own) is scanned layer by layer at 4 and 8 bits. For budgets between the
file with all kernels in 4 bits and that with all in 8, `allocate_bits` chooses the bits of each layer; as the control,
the same budget is spent the other way round, on the layers that need it least. Each choice is exported by
MixedPrecision and evaluated on the test split. Claim: at every budget the chosen file's logits are nearer to the float
model's (by SQNR) than the control's. Exits with 1 when they are not.
"""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, start_quietly
from tfcompress.measuring.compare import sums_of
from tfcompress.quantization.bit_allocation import kernel_bytes

SHARES = (0.2, 0.4, 0.6, 0.8)  # of the bytes between 4 bits and 8


def reversed_costs(found: tfc.QuantizationSensitivity) -> tfc.QuantizationSensitivity:
    """The same scan with the costs of 4 bits turned upside down: what matters most seems to matter least."""
    fours = sorted(point.divergence for point in found.points if point.bits == 4)
    turned = dict(zip(fours, reversed(fours), strict=True))
    points = tuple(
        dataclasses.replace(point, divergence=turned[point.divergence]) if point.bits == 4 else point
        for point in found.points
    )
    return dataclasses.replace(found, points=points)


def main() -> int:
    """Prints the table and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("digits", "cifar10"), default="digits")
    parser.add_argument("--model", type=Path, help="a float classifier for the data; trained here when left out")
    options = parser.parse_args()
    start_quietly()
    set_seed(0)
    data = tfc.Digits() if options.data == "digits" else tfc.Cifar10()
    if options.model:
        model = tfc.load_model(options.model)
    else:
        model = tfc.Train().apply(tfc.resnet(8, data.input_shape), tfc.KerasFit(data, epochs=10))
    inputs, labels = data.model_inputs(data.test.inputs), data.test.targets
    exact = model.predict(inputs, batch_size=256, verbose=0)
    print(f"float32: {(exact.argmax(-1) == labels).mean():.2%} of {len(labels):,} test images\n")
    found = tfc.quantization_scan(model, data, bits=(4, 8))
    print(found.table("divergence"), "\n")

    with tempfile.TemporaryDirectory() as folder:

        def evaluated(name: str, exporter: tfc.MixedPrecision) -> tuple[int, float]:
            """Prints a row, and gives the file's bytes and the SQNR of its logits."""
            file = exporter.convert(model, data, Path(folder) / "file.tflite")
            finding = tfc.CpuXnnpack().run(file, data, {"float32": exact})
            if finding.outputs is None:
                raise SystemExit(f"{name} does not run: {finding.reason}")
            ratio, accuracy = sums_of(exact, *finding.outputs.values()).sqnr_db, finding.metrics["accuracy"]
            print(f"| {name} | {file.raw_bytes:,} | {file.zipped_bytes:,} | {accuracy:.2%} | {ratio:.1f} |")
            return file.raw_bytes, ratio

        print("| bits | raw bytes | zipped | accuracy | dB of the logits |\n|---|---|---|---|---|")
        whole, _ = evaluated("8 everywhere", tfc.MixedPrecision(8))
        most, fewest = (sum(kernel_bytes(size, bits) for size in found.layers.values()) for bits in (8, 4))
        overhead = whole - most
        evaluated("4 everywhere", tfc.MixedPrecision(4))
        failures = []
        for share in SHARES:
            budget = int(fewest + share * (most - fewest)) + overhead
            chosen, control = (
                tfc.allocate_bits(each, budget, bits=(4, 8), overhead_bytes=overhead)
                for each in (found, reversed_costs(found))
            )
            _, ratio = evaluated(
                f"{share:.0%} of the way, by sensitivity", tfc.MixedPrecision(8, per_layer=chosen.per_layer)
            )
            _, other = evaluated(
                f"{share:.0%} of the way, reversed", tfc.MixedPrecision(8, per_layer=control.per_layer)
            )
            if ratio <= other:
                failures.append(f"at {budget:,} bytes: {ratio:.1f} dB against {other:.1f} of the control")
    print("\n" + ("\n".join(failures) or "The choice by sensitivity is nearer to the float model at every budget."))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
