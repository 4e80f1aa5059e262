"""Sensitivity to quantization: what each layer, alone at each number of bits, does to the network; without training.

w_l is the kernel of layer l, all other layers are whole. SQNR is the signal to quantization noise, 10 log10(sum x^2 /
sum (x - x^)^2), infinite where nothing differs.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue
from ..core.extras import require_extra
from ..core.progress import Logged, Progress
from ..core.tasks.task import ACCURACY, MetricKind, Task
from ..core.types import Data
from ..fitting.objective import objective_of
from ..measuring.compare import OutputComparison, compare_outputs
from ..measuring.scan_cache import KeptPoints
from .one_layer import OneLayer
from .quantizers.affine import Affine
from .quantizers.quantizer import Quantizer

if TYPE_CHECKING:
    import numpy as np


BITS = (2, 3, 4, 8)
FIELDS = (
    "metric",
    "loss",
    "top_1_agreement",
    "divergence",
    "kernel_sqnr_db",
    "output_sqnr_db",
    "predictions_sqnr_db",
)
MEASURES = ("divergence", "loss", "noise")
AFFINE = Affine()


@dataclasses.dataclass(frozen=True)
class LayerAtBits:
    """A layer with kernels of `bits`, all others whole: the errors of its kernel, its output and the model's outputs.

    The output is the layer's own, before any normalization, on the input that it has in the float model.
    """

    layer: str
    kind: str  # the layer's class
    bits: int
    num_weights: int
    kernel_sqnr_db: float
    kernel_cosine: float
    output_sqnr_db: float
    output_cosine: float
    predictions_sqnr_db: float  # of the network's outputs, as it gives them
    top_1_agreement: float | None = None  # with the float model
    divergence: float | None = None  # from the float model, as measuring/compare.py has it
    metric: float | None = None  # of the task
    loss: float | None = None  # likewise


@dataclasses.dataclass(frozen=True)
class QuantizationSensitivity:
    """Metric and loss of the float model on `num_examples`, and what each layer alone does to them, by bits.

    >>> points = tuple(
    ...     LayerAtBits(layer, "Dense", bits, 100, 20.0, 0.99, 20.0, 0.99, 20.0, 0.9, divergence, 0.9, 0.3)
    ...     for layer, bits, divergence in [("a", 4, 0.5), ("a", 8, 0.1), ("b", 4, 0.2), ("b", 8, 0.1)]
    ... )
    >>> QuantizationSensitivity(0.95, 0.2, points, num_examples=100).sensitivities()["a", 4]
    0.5
    """

    metric: float
    loss: float
    points: tuple[LayerAtBits, ...]
    num_examples: int
    kind: MetricKind = ACCURACY

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
          by: "divergence" of the outputs from the float model's, which needs no targets and notices what a metric does
            not: the mean KL divergence where they name classes, else noise as a share of the signal; "loss", the rise
            of the loss (a fall counts as none); "noise", of the outputs, sum (y - y^)^2 / sum y^2. Defaults to
            "divergence".

        Raises:
          InvalidValue: for another measure.
        """
        if by not in MEASURES:
            raise InvalidValue(
                f"QuantizationSensitivity.by must be one of {MEASURES}. Received: {by!r}. Use 'divergence'."
            )
        return {(point.layer, point.bits): self._cost(point, by) for point in self.points}

    def table(self, of: str = "metric") -> str:
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
            cells = "".join(f"  {self._text(found[layer, bits], of):>9}" for bits in self.bits)
            lines.append(f"{layer:<{width}}  {self.layers[layer]:>10,}{cells}")
        whole = f"{self.kind.name} {self.kind.text(self.metric)} and loss {self.loss:.4f} with all layers whole"
        return "\n".join([head, *lines, f"{self._name(of)} on {self.num_examples:,} training examples; {whole}"])

    def plot(self, path: Path | str, of: str = "metric") -> None:
        """Draws `of` against bits, a line a layer, into a file; its name's end says the format (.png, .svg).

        Raises `MissingExtra` when matplotlib is not installed.
        """
        require_extra("plots", "QuantizationSensitivity.plot")
        from matplotlib.figure import Figure  # only for the plot, and without its global state

        found = self._values(of)
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for layer in self.layers:
            axes.plot(self.bits, [found[layer, bits] for bits in self.bits], marker="o", markersize=3, label=layer)
        axes.set_xticks(self.bits)
        axes.set_xlabel("bits of the one layer that is quantized")
        axes.set_ylabel(f"{self._name(of)} ({self.num_examples:,} training examples)")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", ncols=1 + len(self.layers) // 20)
        figure.savefig(path, dpi=150)

    def _cost(self, point: LayerAtBits, by: str) -> float:
        if by == "noise":
            return 10 ** (-point.predictions_sqnr_db / 10) if point.predictions_sqnr_db < math.inf else 0.0
        value: Any = point.divergence if by == "divergence" else point.loss
        return max(0.0, value - (self.loss if by == "loss" else 0.0))

    def _values(self, of: str) -> dict[tuple[str, int], float]:
        if of not in FIELDS:
            raise InvalidValue(f"QuantizationSensitivity.of must be one of {FIELDS}. Received: {of!r}. Use 'metric'.")
        found = {(point.layer, point.bits): getattr(point, of) for point in self.points}
        if any(value is None for value in found.values()):
            raise InvalidValue(
                f"QuantizationSensitivity.of must have been measured. Received: {of!r}, which no output has. "
                "Use 'metric'."
            )
        return found

    def _name(self, of: str) -> str:
        return self.kind.name if of == "metric" else of

    def _text(self, value: float, of: str) -> str:
        if of == "metric":
            return self.kind.text(value)
        if of == "top_1_agreement":
            return f"{value:.2%}"
        return f"{value:.1f}" if of.endswith("_db") else f"{value:.3g}"


def quantization_scan(
    model: Any,
    data: Data,
    bits: Sequence[int] = BITS,
    cache: Path | str | None = None,
    num_examples: int = 1024,
    quantizer: Quantizer = AFFINE,
    activation_bits: int | None = None,
    progress: Progress | None = None,
    task: Task | None = None,
) -> QuantizationSensitivity:
    """Measures `model` with the kernels of one layer at a time in each of `bits`; the model is unchanged.

    For layer l, w_l <- dequantize(quantize(w_l)), all other layers whole. Evaluated on examples spread evenly over
    the training split: what comes of it is a choice of bits, and the test split is none to choose by.

    Args:
      model: a trained float tf_keras model.
      data: what it was trained on.
      bits: to try, each from 2 to 16. Defaults to (2, 3, 4, 8).
      cache: a folder in which each measurement is kept at once, in a file named after what was measured: weights, data,
        quantizer and number of examples. A scan that was killed goes on where it was, and one with more bits measures
        these only. None keeps nothing. Defaults to None.
      num_examples: at least 1; all when there are fewer. Defaults to 1024.
      quantizer: one that has `bits`, which are replaced. Defaults to `Affine()`, as TFLite rounds.
      activation_bits: of the one layer's output too, from 2 to 16, asymmetric over the extremes of these examples.
        Defaults to None: it stays in float.
      progress: where messages go. Defaults to None: the logger "tfcompress", at level INFO.
      task: what is asked of the model. Defaults to None: the data's.

    Returns:
      A `QuantizationSensitivity`: a table, a plot, and what `allocate_bits` chooses by.

    Raises:
      InvalidValue: for a value out of range, or when nobody says what is asked of the model.
      UnsupportedModel: when the model has no kernel, or is quantization-aware.

    Example:

    >>> import tfcompress as tfc
    >>> found = quantization_scan(tfc.simple_cnn((8, 8, 1), width=2), tfc.Digits(num_examples=32), bits=(4, 8))
    >>> [(point.layer, point.bits) for point in found.points][:3]
    [('conv1', 4), ('conv1', 8), ('conv2', 4)]

    Reference: Cai et al., "ZeroQ: a novel zero shot quantization framework", 2020, https://arxiv.org/abs/2001.00281,
    equation 2, for the divergence of one layer alone
    """
    _check(bits, num_examples, quantizer, activation_bits)
    objective = objective_of(model, data, task, "quantization_scan")
    sample = objective.sample(model, num_examples)
    how = [data, objective.task, quantizer, num_examples, activation_bits]
    kept = KeptPoints(cache, "bits", model, how, LayerAtBits, ("layer", "bits"))

    def compare(exact: Sequence[np.ndarray], changed: Sequence[np.ndarray]) -> OutputComparison:
        metric, loss = sample.judge(changed)
        found = compare_outputs(exact, changed, objective.task.outputs)
        return dataclasses.replace(found, metric=metric, loss=loss)

    inputs = [inputs for inputs, _ in sample.batches]
    whole, points = measure_layers(
        model, inputs, compare, bits, quantizer, activation_bits, progress or Logged(), "quantization_scan", kept
    )
    metric, loss = _number(whole.metric), _number(whole.loss)
    return QuantizationSensitivity(metric, loss, points, len(sample), objective.metric.kind)


def measure_layers(
    model: Any,
    inputs: Iterable[Any],
    compare: Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], OutputComparison],
    bits: Sequence[int],
    quantizer: Quantizer,
    activation_bits: int | None,
    progress: Progress,
    owner: str,
    kept: KeptPoints | None = None,
    only: Mapping[str, int] | None = None,
) -> tuple[OutputComparison, tuple[LayerAtBits, ...]]:
    """The float model beside itself, and a measurement for each layer and number of bits, in the order of layers.

    `inputs` are batches as the model takes them; `compare` says what outputs of the exact and of the changed model, in
    the model's order, tell. With `only` each layer that it names is measured at those bits, and no other.
    """
    import numpy as np

    network = OneLayer(model, owner, activation_bits)

    def outputs() -> list[np.ndarray]:
        found = [network.outputs(batch) for batch in inputs]
        return [np.concatenate([part.numpy() for part in column]) for column in zip(*found, strict=True)]

    exact = outputs()
    form: Any = quantizer  # a dataclass with bits: `_check` has seen to it
    if activation_bits is not None:
        network.calibrate(inputs)
    wanted = sorted(set(bits))
    keys = [(layer, each) for layer in network.kernels for each in wanted if only is None or only.get(layer) == each]
    found = {key: kept.find(*key) if kept else None for key in keys}
    missing = [key for key, point in found.items() if point is None]
    with progress.task("one layer at a time", total=len(missing)) as advance:
        done = 0
        for each in wanted:
            layers = [layer for layer, number in missing if number == each]
            if not layers:
                continue
            rounds = dataclasses.replace(form, bits=each)
            errors = network.output_errors(rounds, inputs)
            for layer in layers:
                advance(done, f"{layer}, {each} bits")
                kernels = network.kernels[layer]
                rough = kernels.rough(rounds)
                with network.quantized(layer, rough):
                    seen = compare(exact, outputs())
                kernel, output = kernels.error(rough), errors[layer]
                point = LayerAtBits(
                    layer=layer,
                    kind=type(kernels.layer).__name__,
                    bits=each,
                    num_weights=kernels.num_weights,
                    kernel_sqnr_db=kernel.sqnr_db,
                    kernel_cosine=kernel.cosine,
                    output_sqnr_db=output.sqnr_db,
                    output_cosine=output.cosine,
                    predictions_sqnr_db=seen.error.sqnr_db,
                    top_1_agreement=seen.top_1_agreement,
                    divergence=seen.divergence,
                    metric=seen.metric,
                    loss=seen.loss,
                )
                found[layer, each] = kept.keep(point) if kept else point
                done += 1
                advance(done, "")
    points = tuple(point for point in found.values() if point is not None)
    return compare(exact, exact), points


def _check(bits: Sequence[int], num_examples: int, quantizer: Quantizer, activation_bits: int | None) -> None:
    if not bits or not all(_is_bits(each) for each in bits):
        raise InvalidValue(
            f"quantization_scan.bits must be whole numbers from 2 to 16. Received: {bits!r}. Use {BITS}."
        )
    if num_examples < 1:
        raise InvalidValue(f"quantization_scan.num_examples must be at least 1. Received: {num_examples!r}. Use 1024.")
    found: tuple[Any, ...] = dataclasses.fields(quantizer) if dataclasses.is_dataclass(quantizer) else ()
    fields = {field.name for field in found}
    if not isinstance(quantizer, Quantizer) or "bits" not in fields:
        raise InvalidValue(
            f"quantization_scan.quantizer must be a quantizer with a field `bits`. Received: {quantizer!r}. "
            "Use Affine()."
        )
    if activation_bits is not None and not _is_bits(activation_bits):
        raise InvalidValue(
            f"quantization_scan.activation_bits must be None, or a whole number from 2 to 16. Received: "
            f"{activation_bits!r}. Use 8."
        )


def _is_bits(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 2 <= value <= 16


def _number(value: float | None) -> float:
    return 0.0 if value is None else value
