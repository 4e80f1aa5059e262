"""Sensitivity to pruning: metric and loss against sparsity, one layer at a time, without training.

Both are the task's, over training examples. From a layer's curve comes the sparsity at which it
alone raises the loss by a given budget; one budget for all layers gives each its own sparsity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InvalidValue
from ..core.extras import require_extra
from ..core.tasks.task import ACCURACY, MetricKind, Task
from ..core.types import Data
from ..fitting.objective import objective_of
from ..measuring.scan_cache import KeptPoints
from ..models_io.copying import copy_model
from . import weight_scores as scores
from .masks.masks import keep_largest
from .masks.prunable import PRUNED_KINDS, PrunableKernel, prunable_kernels
from .weight_scores import NOTHING, WEIGHT, KernelStatistics, Score

SPARSITIES = (0.25, 0.5, 0.75, 0.9)
BATCH_SIZE = 256
MAGNITUDE = scores.L1()
NUM_HALVINGS = 60  # of the interval that holds the rise of the loss: to the last digit of a float


@dataclasses.dataclass(frozen=True)
class Point:
    """A layer of `num_weights` weights pruned to `sparsity`, all others whole: the task's metric, and its loss."""

    layer: str
    sparsity: float
    num_weights: int
    metric: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Metric and loss of the whole model on `num_examples`, and with one layer pruned at a time.

    >>> points = (Point("a", 0.5, 10, 0.9, 0.2), Point("b", 0.5, 90, 0.6, 1.1))
    >>> found = Sensitivity(0.9, 0.1, points, num_examples=100)
    >>> {layer: round(ratio, 3) for layer, ratio in found.per_layer(0.2).items()}  # b: half of 0.2 / 1.0
    {'a': 0.5, 'b': 0.1}
    """

    metric: float
    loss: float
    points: tuple[Point, ...]
    num_examples: int
    kind: MetricKind = ACCURACY

    @property
    def layers(self) -> dict[str, int]:
        """The number of weights of each layer."""
        return {point.layer: point.num_weights for point in self.points}

    def per_layer(self, budget: float) -> dict[str, float]:
        """The sparsity of each layer at which it alone raises the loss by `budget`: for `per_layer` of a technique.

        Between what was measured the loss is taken to be straight, and never to fall; a layer whose loss stays below
        the budget gets the greatest sparsity that was measured.

        Args:
          budget: a rise of the loss, at least 0.
        """
        if budget < 0:
            raise InvalidValue(f"Sensitivity.per_layer.budget must be at least 0. Received: {budget!r}. Use 0.1.")
        return {layer: self._sparsity_at(layer, budget) for layer in self.layers}

    def for_sparsity(self, final_sparsity: float) -> dict[str, float]:
        """The ratios of one budget, the same for each layer, by which all layers together reach `final_sparsity`.

        Raises:
          InvalidValue: when it is beyond what was measured.
        """
        greatest = self._overall(self.per_layer(float("inf")))
        if not 0 < final_sparsity <= greatest + 1e-9:
            raise InvalidValue(
                f"Sensitivity.for_sparsity.final_sparsity must be in (0, {greatest:g}], what was measured. "
                f"Received: {final_sparsity!r}. Scan greater sparsities."
            )
        low, high = 0.0, max(0.0, max(point.loss for point in self.points) - self.loss) + 1e-9
        for _ in range(NUM_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self._overall(self.per_layer(middle)) >= final_sparsity else (middle, high)
        ratios = self.per_layer(high)
        excess = self._overall(ratios)  # where a layer's loss does not rise, its sparsity jumps over the wanted one
        return {layer: ratio * min(1.0, final_sparsity / excess) for layer, ratio in ratios.items()}

    def table(self) -> str:
        """A line a layer, the most sensitive first: its weights, and the metric at each sparsity."""
        sparsities = sorted({point.sparsity for point in self.points})
        found = {(point.layer, point.sparsity): point for point in self.points}
        width = max(len(layer) for layer in (*self.layers, "layer"))
        head = f"{'layer':<{width}}  {'weights':>10}" + "".join(f"  {f'{sparsity:.0%}':>7}" for sparsity in sparsities)
        lines = []
        for layer in sorted(self.layers, key=lambda name: found[name, sparsities[-1]].loss, reverse=True):
            cells = "".join(f"  {self.kind.text(found[layer, sparsity].metric):>7}" for sparsity in sparsities)
            lines.append(f"{layer:<{width}}  {self.layers[layer]:>10,}{cells}")
        whole = self.kind.text(self.metric)
        note = f"{self.kind.name} of {self.num_examples:,} training examples; {whole} with all layers whole"
        return "\n".join([head, *lines, note])

    def plot(self, path: Path | str) -> None:
        """Draws the metric against sparsity, a line a layer, into a file; its name's end says the format (.png, .svg).

        Raises `MissingExtra` when matplotlib is not installed.
        """
        require_extra("plots", "Sensitivity.plot")
        from matplotlib.figure import Figure  # only for the plot, and without its global state

        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for layer in self.layers:
            curve = [(0.0, self.metric)] + [
                (point.sparsity, point.metric) for point in self.points if point.layer == layer
            ]
            axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=layer)
        axes.set_xlabel("sparsity of the one layer that is pruned")
        axes.set_ylabel(f"{self.kind.name} ({self.num_examples:,} training examples)")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=1 + len(self.layers) // 20)
        figure.savefig(path, dpi=150)

    def _sparsity_at(self, layer: str, budget: float) -> float:
        before, loss_before = 0.0, self.loss
        for point in sorted((point for point in self.points if point.layer == layer), key=lambda point: point.sparsity):
            loss = max(point.loss, loss_before)
            if loss - self.loss > budget:
                return before + (point.sparsity - before) * (self.loss + budget - loss_before) / (loss - loss_before)
            before, loss_before = point.sparsity, loss
        return before

    def _overall(self, ratios: dict[str, float]) -> float:
        sizes = self.layers
        return sum(ratio * sizes[layer] for layer, ratio in ratios.items()) / sum(sizes.values())


def scan(
    model: Any,
    data: Data,
    sparsities: Sequence[float] = SPARSITIES,
    cache: Path | str | None = None,
    score: Score = MAGNITUDE,
    num_examples: int = 1024,
    task: Task | None = None,
) -> Sensitivity:
    """Measures `model` with one layer pruned at a time, to each of `sparsities`; the model is unchanged.

    Evaluated on examples spread evenly over the training split, since the ratios that come of it are a choice and the
    test split is none to choose by.

    Args:
      model: a trained float tf_keras model.
      data: what it was trained on.
      sparsities: shares of zeros in a layer's kernels, each in (0, 1). Defaults to (0.25, 0.5, 0.75, 0.9).
      cache: a folder in which each measurement is kept at once, in a file named after what was measured: weights, data,
        score and number of examples. A scan that was killed goes on where it was, and one with more sparsities
        measures these only. None keeps nothing. Defaults to None.
      score: what a weight is worth; one that needs nothing but the kernel. Defaults to `scores.L1()`, magnitude.
      num_examples: at least 1; all when there are fewer. Defaults to 1024.
      task: what is asked of the model. Defaults to None: the data's.

    Returns:
      A `Sensitivity`: a table, a plot, and ratios for `per_layer` of the techniques.

    Raises:
      InvalidValue: for a value out of range, or when nobody says what is asked of the model.
      UnsupportedModel: when the model has no kernel, or is quantization-aware.

    Example:

    >>> import tfcompress as tfc
    >>> result = scan(tfc.simple_cnn((8, 8, 1), width=2), tfc.Digits(num_examples=32), sparsities=(0.5,))
    >>> [(point.layer, point.sparsity) for point in result.points][:2]
    [('conv1', 0.5), ('conv2', 0.5)]

    Reference: Han et al., "Learning both weights and connections", 2015, https://arxiv.org/abs/1506.02626, figure 6
    """
    _check(sparsities, score, num_examples)
    scanned = copy_model(model)
    kernels_of: dict[str, list[PrunableKernel]] = {}
    for prunable in prunable_kernels(scanned, "scan").values():
        if prunable.kind in PRUNED_KINDS:
            kernels_of.setdefault(prunable.layer.name, []).append(prunable)
    objective = objective_of(scanned, data, task, "scan")
    sample = objective.sample(scanned, num_examples)
    how = [data, objective.task, score, num_examples]
    known = KeptPoints(cache, "sensitivity", scanned, how, Point, ("layer", "sparsity"))
    whole = known.find("", 0.0) or known.keep(Point("", 0.0, 0, *sample.judge_model()))
    points = []
    for layer, kernels in kernels_of.items():
        for sparsity in sorted(set(sparsities)):
            point = known.find(layer, sparsity)
            points.append(point or known.keep(_measure(layer, kernels, sparsity, score, sample.judge_model)))
    return Sensitivity(whole.metric, whole.loss, tuple(points), len(sample), objective.metric.kind)


def _check(sparsities: Sequence[float], score: Score, num_examples: int) -> None:
    if not sparsities or not all(0 < sparsity < 1 for sparsity in sparsities):
        raise InvalidValue(f"scan.sparsities must be shares in (0, 1). Received: {sparsities!r}. Use {SPARSITIES}.")
    if score.needs != NOTHING:
        raise InvalidValue(
            f"scan.score must need nothing but the kernel. Received: {type(score).__name__}, which needs a "
            f"{score.needs}. Use scores.L1()."
        )
    if num_examples < 1:
        raise InvalidValue(f"scan.num_examples must be at least 1. Received: {num_examples!r}. Use 1024.")


def _measure(
    layer: str,
    kernels: list[PrunableKernel],
    sparsity: float,
    score: Score,
    evaluate: Callable[[], tuple[float, float]],
) -> Point:
    import numpy as np

    before = [prunable.variable.numpy() for prunable in kernels]
    try:
        for prunable, values in zip(kernels, before, strict=True):
            worth = score(values, KernelStatistics(prunable.name, prunable.output_axis))
            (mask,) = keep_largest({prunable.name: worth}, sparsity, whole_groups=score.group != WEIGHT).values()
            prunable.variable.assign(np.where(mask, values, 0))
        return Point(layer, sparsity, sum(values.size for values in before), *evaluate())
    finally:
        for prunable, values in zip(kernels, before, strict=True):
            prunable.variable.assign(values)
