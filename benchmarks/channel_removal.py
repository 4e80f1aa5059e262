"""python benchmarks/channel_removal.py [NAME ...]: removes 30 % of the channels of many networks, and compares.

From each family of coupled channels 30 % are drawn by lot. "relative difference" is the largest difference between the
outputs of the smaller model and those of the whole one with the same channels zeroed, over the largest output; "moved"
is, in the same terms, how far zeroing them moved the outputs: were it small, the comparison could not fail. So weights
are disturbed, and batch normalization has the averages of a signal. "can go" are the channels, coupled ones counted
once, that are not pinned. The table is printed, and written to --out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import channel_networks
import loading_applications
import numpy as np

from tfcompress.backend.tensorflow import keras, start_quietly, tf
from tfcompress.graph.dependencies import channel_graph
from tfcompress.layers.twins import keras3
from tfcompress.measuring.measure import measure
from tfcompress.models.resnet import resnet
from tfcompress.models_io.loading.door import load_with_report
from tfcompress.pruning.removal.greedy import PER_LAYER, Scored, choose
from tfcompress.pruning.removal.removal import remove_groups, spared, zero_groups
from tfcompress.running.versions import machine, versions

SHARE = 0.3
LIMIT = 1e-4
LEAST_MOVED = 1e-2
OWN: dict[str, Callable[[], Any]] = {
    "ResNet-8": lambda: resnet(8),
    "ResNet-20": lambda: resnet(20),
    "ResNet-56": lambda: resnet(56),
    "U-Net": channel_networks.unet,
    "DenseNet-BC-40": channel_networks.densenet_bc,
    "transformer": channel_networks.transformer,
    "LSTM": channel_networks.lstm,
}
HEADER = (
    *("network", "can go", "of channels", "parameters", "after", "MACs", "after", "moved", "relative difference"),
    *("graph, s", "removal, s"),
)


def build(name: str) -> Any:
    """A network whose outputs depend on each of its channels."""
    if name not in OWN:
        model = sized(load_with_report(loading_applications.build(name)).model)
        for weight in model.weights:  # ConvNeXt's layer scales, which else let a millionth of each branch through
            if "layer_scale" in weight.name:
                weight.assign(np.full(weight.shape, 0.3, "float32"))
        return model
    keras.utils.set_random_seed(0)
    model = OWN[name]()
    disturb(model, np.random.default_rng(0))
    return model


def sized(model: Any) -> Any:
    """`model` for images of 224x224 where it would take any size, so that its work can be counted."""
    if None not in model.input_shape[1:]:
        return model
    copy = keras.models.clone_model(model, input_tensors=keras.Input((224, 224, 3)))
    copy.set_weights(model.get_weights())
    return copy


def disturb(model: Any, random: np.random.Generator) -> None:
    """Gives scales, offsets and moving averages values of their own."""
    for weight in model.weights:
        kind = weight.name.split("/")[-1].split(":")[0]
        if kind in ("gamma", "moving_variance"):
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif kind in ("beta", "bias", "moving_mean"):
            weight.assign(random.normal(0, 0.1, weight.shape))


def outputs(model: Any, random: np.random.Generator) -> np.ndarray:
    """Of two random examples, all outputs in a row."""
    (tensor,) = model.inputs
    shape = (2, *(length or 224 for length in tensor.shape[1:]))
    first = model.layers[1]
    examples = random.integers(0, 1000, shape)
    if tensor.dtype.is_floating:
        examples = random.standard_normal(shape).astype("float32")
        if isinstance(first, keras.layers.Rescaling):  # the signal that batch normalization was given
            examples = (examples - np.float32(first.offset)) / np.float32(first.scale)
    return np.concatenate([np.ravel(x) for x in tf.nest.flatten(model(tf.constant(examples), training=False))])


def row(name: str) -> tuple[Any, ...]:
    """One line of the table."""
    model = build(name)
    started = time.perf_counter()
    graph = channel_graph(model)
    graph_seconds = time.perf_counter() - started
    scored = [
        Scored(family, np.random.default_rng(number).random(len(family.groups)))
        for number, family in enumerate(graph.families)
    ]
    groups = spared(graph, choose(scored, SHARE, PER_LAYER))
    started = time.perf_counter()
    smaller = remove_groups(model, graph, groups)
    seconds = time.perf_counter() - started
    whole, masked, small = (
        outputs(each, np.random.default_rng(1)) for each in (model, zero_groups(model, graph, groups), smaller)
    )
    before, after = measure(model), measure(smaller)
    return (
        *(name, sum(len(family.groups) for family in graph.families), len(graph.groups)),
        *(before.num_parameters, after.num_parameters, before.num_macs, after.num_macs),
        np.abs(masked - whole).max() / np.abs(whole).max(),
        np.abs(small - masked).max() / np.abs(masked).max(),
        *(graph_seconds, seconds),
    )


def table(rows: list[tuple[Any, ...]]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for name, free, groups, parameters, fewer, macs, less, moved, difference, graph, removal in rows:
        counts = (
            f"{name} | {free:,} | {groups:,} | {parameters:,} | {fewer:,} | {macs / 1e6:,.2f} M | {less / 1e6:,.2f} M"
        )
        lines.append(f"| {counts} | {moved:.1e} | {difference:.1e} | {graph:.2f} | {removal:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints the table; exit code 1 when a difference is above the limit, or nothing moved."""
    names = (*loading_applications.NAMES, *OWN)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"defaults to all: {', '.join(names)}")
    parser.add_argument("--out", type=Path, help="a file for the table")
    options = parser.parse_args()
    start_quietly()
    rows = []
    for name in options.names or names:
        rows.append(row(name))
        print(rows[-1], flush=True)
        keras.backend.clear_session()
        keras3().backend.clear_session()
    found = table(rows)
    text = f"{found}\nVersions: {versions()}. Machine: {machine()}. Limit: {LIMIT:g}; least moved: {LEAST_MOVED:g}.\n"
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return int(any(difference >= LIMIT or moved < LEAST_MOVED for *_, moved, difference, _, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
