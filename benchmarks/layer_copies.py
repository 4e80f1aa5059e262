"""python benchmarks/layer_copies.py [NAME ...]: what copied layers save a user, with removal and fine-tuning after it.

Channel removal copies common layers, variables and calls (tfcompress/pruning/removal/layer_copies.py) by inner parts of
TensorFlow and tf_keras of one version; elsewhere the smaller model is made from its configuration. Both ways take turns
here on the same model and channels, after one turn that is not counted: graph, L2 scores, choice and removal of 30 % of
each layer's channels; then the smaller model is compiled and trained for one epoch, in the first --epochs turns. Both
smaller models must give equal outputs.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from typing import Any

import numpy as np

from tfcompress.backend.tensorflow import keras, start_quietly
from tfcompress.graph.dependencies import channel_graph
from tfcompress.pruning import channel_criteria as criteria
from tfcompress.pruning.removal import layer_copies
from tfcompress.pruning.removal.candidates import Plan
from tfcompress.pruning.removal.greedy import PER_LAYER, choose
from tfcompress.pruning.removal.removal import remove_groups
from tfcompress.pruning.removal.scoring import scores_of
from tfcompress.running.versions import machine, versions

NAMES = ("MobileNetV2", "ResNet50")
SIZES = {224: 64, 32: 512}  # side of the inputs, and how many examples an epoch has
HEADER = (
    *("network", "inputs", "removal, copied, s", "removal, plain, s", "saved, s"),
    *("epoch of fine-tuning, s", "saved, of both together"),
)


def prune(model: Any, copied: bool) -> tuple[Any, float]:
    """A smaller model, and the seconds it took to make."""
    gc.collect()
    seen_with = dict(layer_copies.SEEN_WITH)
    layer_copies.SEEN_WITH.update({} if copied else {"tf_keras": "another"})
    started = time.perf_counter()
    try:
        plan = Plan(model, channel_graph(model))
        scored = scores_of(plan, plan.graph.families, criteria.L2(), 0)
        smaller = remove_groups(model, plan.graph, choose(scored, 0.3, PER_LAYER))
    finally:
        layer_copies.SEEN_WITH.update(seen_with)
    return smaller, time.perf_counter() - started


def fine_tune(model: Any, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Seconds of compiling and of one epoch."""
    started = time.perf_counter()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(inputs, labels, batch_size=32, verbose=0)
    return time.perf_counter() - started


def row(name: str, size: int, options: argparse.Namespace) -> tuple[Any, ...]:
    """One line of the table."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(
        weights=None, classifier_activation=None, input_shape=(size, size, 3), classes=10
    )
    random = np.random.default_rng(0)
    inputs = random.random((SIZES[size], size, size, 3), "float32")
    labels = random.integers(0, 10, len(inputs))
    removals: dict[bool, list[float]] = {True: [], False: []}
    epochs = []
    for number in range(options.repeats + 1):
        outputs = []
        for copied in removals:
            smaller, seconds = prune(model, copied)
            removals[copied].append(seconds)
            outputs.append(smaller(inputs[:2], training=False).numpy())
            if number < options.epochs:
                epochs.append(fine_tune(smaller, inputs, labels))
            del smaller
        np.testing.assert_array_equal(*outputs)
    quick, plain = (statistics.median(found[1:]) for found in removals.values())
    epoch = statistics.median(epochs)
    return name, size, quick, plain, plain - quick, epoch, (plain - quick) / (plain + epoch)


def main() -> int:
    """Prints the table; exit code 1 when the versions are others, or nothing is saved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"defaults to {', '.join(NAMES)}")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=2, help="turns with fine-tuning")
    options = parser.parse_args()
    start_quietly()
    if not layer_copies.are_possible():
        print(f"Nothing is copied: the versions are not {layer_copies.SEEN_WITH}.")
        return 1
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    saved = []
    for name in options.names or NAMES:
        for size in SIZES:
            name, size, quick, plain, difference, epoch, share = row(name, size, options)
            saved.append(difference)
            inputs = f"{SIZES[size]} of {size}x{size}"
            print(f"| {name} | {inputs} | {quick:.2f} | {plain:.2f} | {difference:.2f} | {epoch:.1f} | {share:.0%} |")
            keras.backend.clear_session()
    print(f"\nMedians of {options.repeats} after one more. Versions: {versions()}. Machine: {machine()}.")
    return int(min(saved) <= 0)


if __name__ == "__main__":
    sys.exit(main())
