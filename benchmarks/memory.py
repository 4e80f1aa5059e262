"""Whether memory grows with the number of examples: peak resident memory of a whole run, of few examples and of many.

    python benchmarks/memory.py [--train 50000 800000] [--test 5000 20000]

A network for 32x32 pictures is trained, compressed under itself as the teacher, exported as float32 and int8, and
checked on the CPU, each time in a process of its own, from a source that makes its pictures when they are asked for.
Prints the peak of the process, that of the largest of its children (or of itself, when it started one), and how both
grow; exit code 1 where one grows by more than 10 %.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_GROWTH = 1.10


class Pictures:
    """Pictures that are made when they are asked for: noise, brighter by class."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def batch(self, indices):
        import numpy as np

        numbers = np.asarray(indices, "uint64")
        labels = (numbers % 10).astype("int64")
        pixels = np.arange(32 * 32 * 3, dtype="uint64")
        noise = ((numbers[:, None] * np.uint64(2654435761) + pixels * np.uint64(40503)) >> np.uint64(7)) % np.uint64(32)
        pictures = noise.astype("uint8").reshape(-1, 32, 32, 3) + (labels * 20).astype("uint8")[:, None, None, None]
        return pictures, labels

    def identity(self):
        return {"type": "Pictures", "count": self.count}


def work(num_train, num_test):
    """A whole run; gives the peaks in MiB."""
    import tfcompress as tfc
    from tfcompress.backend.tensorflow import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 5, strides=4, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    data = tfc.dataset(Pictures(num_train), Pictures(num_test), task=tfc.Classification())
    trained = tfc.Train().apply(
        model, tfc.KerasFit(data, epochs=1, batch_size=256, learning_rate=tfc.CosineDecay(0.01))
    )
    with tempfile.TemporaryDirectory() as folder:
        small = tfc.compress(
            trained,
            data,
            [tfc.PruneLowMagnitude(0.5)],
            fit=tfc.KerasFit(data, epochs=1, batch_size=256, learning_rate=tfc.CosineDecay(0.005)),
            distil=True,
            checks=[tfc.CpuXnnpack()],
            out=Path(folder) / "run",
            verbose=0,
        )
        verdict = small.report.verdict
    usages = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"verdict": verdict, **dict(zip(("peak_mib", "largest_child_mib"), usages, strict=True))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, nargs=2, default=(50_000, 800_000), metavar=("FEW", "MANY"))
    parser.add_argument("--test", type=int, nargs=2, default=(5_000, 20_000), metavar=("FEW", "MANY"))
    parser.add_argument("--work", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(*options.work)))
        return 0
    found = []
    for sizes in zip(options.train, options.test, strict=True):
        command = [sys.executable, __file__, "--work", *map(str, sizes)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        peak, child = found[-1]["peak_mib"], found[-1]["largest_child_mib"]
        print(
            f"{sizes[0]:>9,} training, {sizes[1]:>7,} test examples: {peak:7.0f} MiB, largest child {child:6.0f} MiB, "
            f"verdict {found[-1]['verdict']}",
            flush=True,
        )
    growth = [found[1][key] / found[0][key] for key in ("peak_mib", "largest_child_mib")]
    print(f"growth: {growth[0]:.3f} and {growth[1]:.3f}; at most {MOST_GROWTH}")
    return int(max(growth) > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
