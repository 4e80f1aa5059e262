"""A training step and whole evaluations, in this checkout and in one of an earlier commit, by turns.

    python benchmarks/before_and_after.py --before COMMIT [--repeats 5]

SimpleCNN on 32x32 pictures, as in the recipe cifar10: the median time of a training step of 64; a stage that only
evaluates the Keras model on 10,000 test pictures; and the check of its float32 file on the CPU. Each turn is a process
of its own. Prints the medians and their ratio; exit code 1 where one is above 1.05.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST = 1.05
WHAT = ("training step, ms", "stage that evaluates, s", "check of a file, s")


def work():
    """The three times of one turn."""
    import dataclasses
    from functools import partial

    import numpy as np

    import tfcompress as tfc
    from tfcompress.backend.tensorflow import keras, start_quietly
    from tfcompress.core.types import Recipe, Stage
    from tfcompress.running.run import run
    from tfcompress.running.store import Store

    start_quietly()

    @dataclasses.dataclass(frozen=True)
    class Pictures(tfc.Data):
        title: str = "pictures"
        num_train: int = 12_800
        num_classes: int = 10
        input_shape: tuple[int, ...] = (32, 32, 3)
        scale: float = 1 / 255
        version: int = 1

        def load(self):
            random = np.random.default_rng(0)
            sizes = (self.num_train, 10_000)
            made = [
                tfc.Split(random.integers(0, 256, (n, 32, 32, 3), "uint8"), random.integers(0, 10, n)) for n in sizes
            ]
            return tuple(made)

    class Clock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.times = []

        def on_train_batch_begin(self, batch, logs=None):
            self.begin = time.perf_counter()

        def on_train_batch_end(self, batch, logs=None):
            self.times.append(time.perf_counter() - self.begin)

    data, clock = Pictures(), Clock()
    build = partial(tfc.simple_cnn, input_shape=data.input_shape)
    tfc.KerasFit(data, epochs=1)(build(), [clock])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "run")
        store.open()
        begin = time.perf_counter()
        run(Recipe(data, (Stage("as it is", tfc.Unchanged(), start=build),), {}, ()), store)
        stage = time.perf_counter() - begin
        artifact = tfc.Float32().convert(build(), data, Path(folder) / "float32.tflite")
        begin = time.perf_counter()
        tfc.CpuXnnpack().run(artifact, data, {})
        check = time.perf_counter() - begin
    return [1000 * statistics.median(clock.times[20:]), stage, check]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", metavar="COMMIT", help="what to compare with")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="turns (default: 5)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work()))
        return 0
    if not options.before:
        parser.error("--before is needed: a commit")
    here = Path(__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        earlier = Path(folder) / "earlier"
        git = ["git", "-C", str(here), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(earlier), options.before], check=True)
        try:
            found = {root: [] for root in (earlier, here)}
            for _ in range(options.repeats):
                for root, times in found.items():
                    command = [sys.executable, __file__, "--work"]
                    environment = {**os.environ, "PYTHONPATH": str(root)}
                    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
                    times.append(json.loads(done.stdout.splitlines()[-1]))
        finally:
            subprocess.run([*git, "remove", "--force", str(earlier)], check=True)
    ratios = []
    for number, what in enumerate(WHAT):
        before, after = (statistics.median(turn[number] for turn in turns) for turns in found.values())
        ratios.append(after / before)
        print(f"{what:<26}{before:9.3f} before, {after:9.3f} now, ratio {ratios[-1]:.3f}")
    return int(max(ratios) > MOST)


if __name__ == "__main__":
    sys.exit(main())
