"""What a sensitivity scan found, and what can be made of it: a table, a plot, ratios."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ..core.errors import InvalidValue

NUM_HALVINGS = 60  # of the interval that holds the rise of the loss: to the last digit of a float


@dataclasses.dataclass(frozen=True)
class Point:
    """A layer of `num_weights` pruned to `sparsity`, all others whole: accuracy, and mean cross-entropy."""

    layer: str
    sparsity: float
    num_weights: int
    accuracy: float
    loss: float


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Accuracy and loss of the model as it came, on `num_examples`, and with one layer pruned at a time.

    >>> points = (Point("a", 0.5, 10, 0.9, 0.2), Point("b", 0.5, 90, 0.6, 1.1))
    >>> found = Sensitivity(0.9, 0.1, points, num_examples=100)
    >>> {layer: round(ratio, 3) for layer, ratio in found.per_layer(0.2).items()}  # b: half of 0.2 / 1.0
    {'a': 0.5, 'b': 0.1}
    """

    accuracy: float
    loss: float
    points: tuple[Point, ...]
    num_examples: int

    @property
    def layers(self) -> dict[str, int]:
        """The number of weights of each layer."""
        return {point.layer: point.num_weights for point in self.points}

    def per_layer(self, budget: float) -> dict[str, float]:
        """The sparsity of each layer at which it alone raises the loss by `budget`: for `per_layer` of a technique.

        Between what was measured the loss is taken to be straight, and never to fall; a layer whose loss stays below
        the budget gets the greatest sparsity that was measured.

        Args:
          budget: a rise of the mean cross-entropy, at least 0.
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
        """A line a layer, the most sensitive first: its weights, and the accuracy at each sparsity."""
        sparsities = sorted({point.sparsity for point in self.points})
        found = {(point.layer, point.sparsity): point for point in self.points}
        width = max(len(layer) for layer in (*self.layers, "layer"))
        head = f"{'layer':<{width}}  {'weights':>10}" + "".join(f"  {f'{sparsity:.0%}':>7}" for sparsity in sparsities)
        lines = []
        for layer in sorted(self.layers, key=lambda name: found[name, sparsities[-1]].loss, reverse=True):
            cells = "".join(f"  {found[layer, sparsity].accuracy:>7.2%}" for sparsity in sparsities)
            lines.append(f"{layer:<{width}}  {self.layers[layer]:>10,}{cells}")
        note = f"accuracy of {self.num_examples:,} training examples; {self.accuracy:.2%} with all layers whole"
        return "\n".join([head, *lines, note])

    def plot(self, path: Path | str) -> None:
        """Draws accuracy against sparsity, a line a layer, into a file; its name's end says the format (.png, .svg)."""
        from matplotlib.figure import Figure  # only for the plot, and without its global state

        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for layer in self.layers:
            curve = [(0.0, self.accuracy)] + [
                (point.sparsity, point.accuracy) for point in self.points if point.layer == layer
            ]
            axes.plot(*zip(*curve, strict=True), marker="o", markersize=3, label=layer)
        axes.set_xlabel("sparsity of the one layer that is pruned")
        axes.set_ylabel(f"accuracy ({self.num_examples:,} training examples)")
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
