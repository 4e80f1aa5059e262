"""What bfloat16 products save in a training step: KerasFit(bfloat16=True) against False, in turn, in one run.

    python benchmarks/bfloat16_training.py [--repeats 3]

Networks with channels in multiples of 16, and one without. Noise of CIFAR-10's shape: speed does not depend on what is
in it. A time is that of the second or the third epoch, whichever was shorter: the first one traces. Processors without
AVX512_BF16 or AMX gain nothing, as TensorFlow changes nothing there.
"""

from __future__ import annotations

import argparse
import statistics

from distilling_step import EpochTimes, RandomImages

import tfcompress as tfc
from tfcompress.backend.tensorflow import set_seed, start_quietly
from tfcompress.running.versions import machine, versions

NETWORKS = {
    "SimpleCNN": tfc.simple_cnn,
    "ResNet-8": lambda: tfc.resnet(8),
    "ResNet-20": lambda: tfc.resnet(20),
    "fast_resnet(32)": lambda: tfc.fast_resnet(32),
    "fast_resnet(12), no multiples of 16": lambda: tfc.fast_resnet(12),
}


def ms_per_step(name: str, fit: tfc.KerasFit) -> float:
    """Of the shorter of the last two epochs."""
    times = EpochTimes()
    set_seed(0)
    fit(NETWORKS[name](), [times])
    return 1000 * min(times.seconds[1:]) / fit.steps_per_epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="rounds; the median counts (default: %(default)s)")
    options = parser.parse_args()
    start_quietly()
    data = RandomImages(num_train=2560)
    print("| network | ms a step in float32 | in bfloat16 | of the time |\n|---|---|---|---|")
    for name in NETWORKS:
        found = [
            [ms_per_step(name, tfc.KerasFit(data, epochs=3, batch_size=128, bfloat16=how)) for how in (False, True)]
            for _ in range(options.repeats)
        ]
        plain, quick = (statistics.median(times) for times in zip(*found, strict=True))
        ratio = statistics.median(quick / plain for plain, quick in found)
        print(f"| {name} | {plain:.1f} | {quick:.1f} | {ratio:.2f} |", flush=True)
    print(f"\nVersions: {versions()}. Machine: {machine()}.")


if __name__ == "__main__":
    main()
