"""What a distilling step costs against a step of plain fit: with the teacher's logits cached, and without.

    python benchmarks/distilling_step.py [--repeats 5] [--at-most 1.10]

SimpleCNN learns from ResNet-20 on images of CIFAR-10's shape (noise: speed does not depend on what is in them). The
ways take turns in one run; a time is the shortest epoch's after the first, which traces. In "logits written" each
epoch has a view of its own and an empty folder to begin with: what a first training costs. Also printed: bytes of the
cache for each example and view. Exits with 1 when a step with a warm cache takes more than --at-most of a plain one, or
a row of logits more than 24 bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, start_quietly
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data

NUM_EPOCHS = 6  # of a second each: on a machine that others use, the shortest of five is what a step costs


@dataclasses.dataclass(frozen=True)
class RandomImages(Data):
    """Noise of CIFAR-10's shape."""

    title: str = "random images"
    num_train: int = 12_800
    num_classes: int = 10
    input_shape: tuple[int, ...] = (32, 32, 3)
    scale: float = 1 / 255

    def load(self) -> tuple[Split, Split]:
        rng = np.random.default_rng(0)
        split = Split(rng.integers(0, 256, (self.num_train, 32, 32, 3), "uint8"), rng.integers(0, 10, self.num_train))
        return split, split.head(10)


@dataclasses.dataclass(frozen=True)
class Same:
    """An augmentation that changes nothing and takes no time: each epoch is a view of its own."""

    def __call__(self, inputs: Any, key: Any, indices: Any) -> Any:
        return inputs


def exact(folder: str) -> tfc.TeacherCache:
    """A cache that rounds nothing."""
    return tfc.TeacherCache(folder, dtype="float32")


class EpochTimes(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.seconds.append(time.perf_counter() - self.begin)


def seconds_per_step(fit: tfc.Fit, plain: tfc.KerasFit) -> float:
    """Of the fastest epoch after the first."""
    times = EpochTimes()
    set_seed(0)
    fit(tfc.simple_cnn((32, 32, 3)), [times])
    return min(times.seconds[1:]) / plain.steps_per_epoch


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="rounds of all three ways (default: %(default)s)")
    parser.add_argument("--at-most", type=float, default=1.10, help="warm cache over plain (default: %(default)s)")
    options = parser.parse_args()
    start_quietly()
    data = RandomImages()
    plain = tfc.KerasFit(data, NUM_EPOCHS, batch_size=64)
    teacher = tfc.resnet(20)
    augmented = dataclasses.replace(plain, augment=(Same(),))
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty:
        ways = {
            "plain fit": plain,
            "teacher asked at each step": tfc.distilled(plain, teacher),
            "logits cached, warm": tfc.distilled(plain, teacher, cache=folder),
            "logits cached in float32, warm": tfc.distilled(plain, teacher, cache=exact(folder)),
        }
        ways["logits cached, warm"](tfc.simple_cnn((32, 32, 3)))  # fills the cache
        num_files = sum(path.suffix == ".rows" for path in Path(folder).rglob("*"))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        ways["logits cached in float32, warm"](tfc.simple_cnn((32, 32, 3)))
        rounds = []
        for number in range(options.repeats):
            writing = {"logits written": tfc.distilled(augmented, teacher, cache=Path(empty) / str(number))}
            rounds.append({name: seconds_per_step(fit, plain) for name, fit in {**ways, **writing}.items()})
    medians = {name: statistics.median(times[name] for times in rounds) for name in rounds[0]}
    ratios = {name: statistics.median(times[name] / times["plain fit"] for times in rounds) for name in rounds[0]}
    for name, seconds in medians.items():
        print(f"{name:30} {1e3 * seconds:7.2f} ms a step   {ratios[name]:.2f} of plain")
    num_bytes = size / data.num_train / num_files
    print(f"{num_bytes:.1f} bytes for each example and view at {data.num_classes} classes, float16")
    return int(ratios["logits cached, warm"] > options.at_most or num_bytes > 24)


if __name__ == "__main__":
    sys.exit(main())
