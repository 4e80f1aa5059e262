"""python benchmarks/quantize_kernels.py: all kernels of MobileNetV2 quantized, beside NumPy's plainest way to do it.

Claim: the linear modes take less than twice the time of a min-max quantization of each tensor in NumPy, of its
kind: minimum and maximum, one scale, divide, round (or floor), add the zero point where there is one, clip, cast. Exits
with 1 when one does not. The time of the minima and maxima alone, which no quantization can be without, stands beside
it; modes that search for their range have no limit. Times are the least of several runs: what the work takes
when nothing else runs.
"""

import random
import sys
import time

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, start_quietly
from tfcompress.measuring.measure import kernel_variables, leaf_layers
from tfcompress.quantization.kernels import channel_axes
from tfcompress.running.versions import machine, versions

RUNS = 15
AT_MOST = 2.0
LINEAR = {
    "int8, symmetric, per channel": tfc.Affine(),
    "int8, symmetric, per tensor": tfc.Affine(per_channel=False),
    "int4, symmetric, per channel": tfc.Affine(bits=4),
    "int8, asymmetric, per channel": tfc.Affine(symmetric=False),
    "int8, floor, per channel": tfc.Affine(rounding="floor"),
}
OTHERS = {
    "int8, stochastic, per channel": tfc.Affine(rounding="stochastic"),
    "int4, range by percentile": tfc.Affine(bits=4, range_by="percentile"),
    "int4, range by OCTAV": tfc.Affine(bits=4, range_by="octav"),
    "int4, range by mean squared error": tfc.Affine(bits=4, range_by="mse"),
    "codebook of 16": tfc.Codebook(16),
}


def min_and_max(values: np.ndarray) -> tuple[np.float32, np.float32]:
    """A pass for each."""
    return values.min(), values.max()


def symmetric(values: np.ndarray) -> np.ndarray:
    """Min-max quantization of a tensor, as one writes it in NumPy."""
    low, high = min_and_max(values)
    return np.clip(np.round(values / (max(-low, high) / 127)), -127, 127).astype(np.int8)


def asymmetric(values: np.ndarray) -> np.ndarray:
    """The same with a zero point."""
    low, high = min_and_max(values)
    scale = (high - low) / 255
    zero_point = np.round(-128 - low / scale)
    return np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)


def floored(values: np.ndarray) -> np.ndarray:
    """The same as `symmetric`, rounded down."""
    low, high = min_and_max(values)
    return np.clip(np.floor(values / (max(-low, high) / 127)), -127, 127).astype(np.int8)


PEERS = {"symmetric": symmetric, "asymmetric": asymmetric, "floor": floored}


def main() -> int:
    """Prints the table and gives the exit code."""
    start_quietly()
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None)
    kernels = [
        (f"{layer.name}/{kind}", variable.numpy(), channel_axes(layer, kind))
        for layer in leaf_layers(model)
        for kind, variable in kernel_variables(layer).items()
    ]
    work = {
        "NumPy: minimum and maximum": lambda: [min_and_max(values) for _, values, _ in kernels],
        **{
            f"NumPy: {kind}": lambda peer=peer: [peer(values) for _, values, _ in kernels]
            for kind, peer in PEERS.items()
        },
        **{
            name: lambda quantizer=quantizer: [quantizer.quantize(values, axes, name) for name, values, axes in kernels]
            for name, quantizer in {**LINEAR, **OTHERS}.items()
            if isinstance(quantizer, tfc.Affine)
        },
        **{
            name: lambda quantizer=quantizer: [quantizer.quantize(values, name) for name, values, _ in kernels]
            for name, quantizer in OTHERS.items()
            if isinstance(quantizer, tfc.Codebook)
        },
    }
    times = {name: [] for name in work}
    order = random.Random(0)
    for run in range(RUNS):
        # In an order of its own: what memory the one before gave back, and a busy moment of the machine, touch all.
        for name, do in order.sample(list(work.items()), len(work)):
            if name in OTHERS and run >= 3:
                continue
            begin = time.perf_counter()
            do()
            times[name].append(1000 * (time.perf_counter() - begin))
    least = {name: min(found) for name, found in times.items()}
    pass_ms = least["NumPy: minimum and maximum"]
    peers_ms = {name: least[f"NumPy: {_kind(name)}"] for name in least}
    total = sum(values.size for _, values, _ in kernels)
    print(
        f"MobileNetV2: {len(kernels)} kernels, {total:,} weights; least of {RUNS} runs (3 of those without a limit).\n"
    )
    print("| what | ms | of NumPy's of its kind | of minimum and maximum |\n|---|---|---|---|")
    for name, ms in least.items():
        print(f"| {name} | {ms:.2f} | {ms / peers_ms[name]:.2f} | {ms / pass_ms:.2f} |")
    print(f"\nVersions: {versions()}. Machine: {machine()}.")
    return 0 if all(least[name] < AT_MOST * peers_ms[name] for name in LINEAR) else 1


def _kind(name: str) -> str:
    return next((kind for kind in ("asymmetric", "floor") if kind in name), "symmetric")


if __name__ == "__main__":
    sys.exit(main())
