"""What a scan over bits found: a table, a plot, and one number a layer and number of bits to choose by."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from ..core.errors import InvalidValue

FIELDS = ("accuracy", "loss", "agreement", "divergence", "kernel_sqnr_db", "output_sqnr_db", "answers_sqnr_db")
MEASURES = ("divergence", "loss", "noise")


@dataclasses.dataclass(frozen=True)
class LayerAtBits:
    """A layer with kernels of `bits`, all others whole: what is left of it, of its output, and of the answers.

    SQNR is signal to quantization noise, 10 log10(sum x^2 / sum (x - x^)^2), infinite where nothing differs. The
    output is the layer's own, before any normalization, on the input that it has in the float model.
    """

    layer: str
    kind: str  # the layer's class
    bits: int
    num_weights: int
    kernel_sqnr_db: float
    kernel_cosine: float
    output_sqnr_db: float
    output_cosine: float
    answers_sqnr_db: float  # of the network's outputs, as it gives them
    agreement: float | None = None  # the share of answers that stay
    divergence: float | None = None  # mean KL(float model || this), nats
    accuracy: float | None = None
    loss: float | None = None  # mean cross-entropy, nats


@dataclasses.dataclass(frozen=True)
class QuantizationSensitivity:
    """Accuracy and loss of the float model on `num_examples`, and what each layer alone does to them, by bits.

    >>> points = tuple(
    ...     LayerAtBits(layer, "Dense", bits, 100, 20.0, 0.99, 20.0, 0.99, 20.0, 0.9, divergence, 0.9, 0.3)
    ...     for layer, bits, divergence in [("a", 4, 0.5), ("a", 8, 0.1), ("b", 4, 0.2), ("b", 8, 0.1)]
    ... )
    >>> QuantizationSensitivity(0.95, 0.2, points, num_examples=100).sensitivities()["a", 4]
    0.5
    """

    accuracy: float
    loss: float
    points: tuple[LayerAtBits, ...]
    num_examples: int

    @property
    def layers(self) -> dict[str, int]:
        """The number of weights of each layer."""
        return {point.layer: point.num_weights for point in self.points}

    @property
    def bits(self) -> tuple[int, ...]:
        """What was tried, the fewest first."""
        return tuple(sorted({point.bits for point in self.points}))

    def sensitivities(self, by: str = "divergence") -> dict[tuple[str, int], float]:
        """What each (layer, bits) costs, at least 0.

        Args:
          by: "divergence", the mean KL divergence of the answers from the float model's, which needs no labels and
            notices what accuracy does not; "loss", the rise of the mean cross-entropy (a fall counts as none); "noise",
            of the outputs, sum (y - y^)^2 / sum y^2. Defaults to "divergence".

        Raises:
          InvalidValue: for another measure.
        """
        if by not in MEASURES:
            raise InvalidValue(
                f"QuantizationSensitivity.by must be one of {MEASURES}. Received: {by!r}. Use 'divergence'."
            )
        return {(point.layer, point.bits): self._cost(point, by) for point in self.points}

    def table(self, of: str = "accuracy") -> str:
        """A line a layer, the most sensitive first: its weights, and `of`, a field of `LayerAtBits`, by bits.

        Raises:
          InvalidValue: for a field that is none, or was not measured.
        """
        found = self._values(of)
        width = max(len(layer) for layer in (*self.layers, "layer"))
        head = f"{'layer':<{width}}  {'weights':>10}" + "".join(f"  {f'{bits} bits':>9}" for bits in self.bits)
        lines = []
        cost = self.sensitivities()
        for layer in sorted(self.layers, key=lambda name: max(cost[name, bits] for bits in self.bits), reverse=True):
            cells = "".join(f"  {_text(found[layer, bits], of):>9}" for bits in self.bits)
            lines.append(f"{layer:<{width}}  {self.layers[layer]:>10,}{cells}")
        whole = f"accuracy {self.accuracy:.2%} and loss {self.loss:.4f} with all layers whole"
        return "\n".join([head, *lines, f"{of} on {self.num_examples:,} training examples; {whole}"])

    def plot(self, path: Path | str, of: str = "accuracy") -> None:
        """Draws `of` against bits, a line a layer, into a file; its name's end says the format (.png, .svg)."""
        from matplotlib.figure import Figure  # only for the plot, and without its global state

        found = self._values(of)
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for layer in self.layers:
            axes.plot(self.bits, [found[layer, bits] for bits in self.bits], marker="o", markersize=3, label=layer)
        axes.set_xticks(self.bits)
        axes.set_xlabel("bits of the one layer that is quantized")
        axes.set_ylabel(f"{of} ({self.num_examples:,} training examples)")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=1 + len(self.layers) // 20)
        figure.savefig(path, dpi=150)

    def _cost(self, point: LayerAtBits, by: str) -> float:
        if by == "noise":
            return 10 ** (-point.answers_sqnr_db / 10) if point.answers_sqnr_db < math.inf else 0.0
        value: Any = point.divergence if by == "divergence" else point.loss
        return max(0.0, value - (self.loss if by == "loss" else 0.0))

    def _values(self, of: str) -> dict[tuple[str, int], float]:
        if of not in FIELDS:
            raise InvalidValue(f"QuantizationSensitivity.of must be one of {FIELDS}. Received: {of!r}. Use 'accuracy'.")
        return {(point.layer, point.bits): getattr(point, of) for point in self.points}


def _text(value: float, of: str) -> str:
    if of in ("accuracy", "agreement"):
        return f"{value:.2%}"
    return f"{value:.1f}" if of.endswith("_db") else f"{value:.3g}"
