"""Where quantization hurts: each layer at each number of bits, alone, without training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue, UnsupportedModel
from ..core.kept_points import KeptPoints
from ..core.outputs import logits_from
from ..core.progress import Progress, Silent
from ..core.spread import spread
from ..core.types import Data, Split
from .affine import Affine
from .answers import Answers, compare
from .one_layer import OneLayer
from .quantizer import Quantizer
from .sensitivity_result import LayerAtBits, QuantizationSensitivity

if TYPE_CHECKING:
    import numpy as np

BITS = (2, 3, 4, 8)
AFFINE = Affine()
_MOST_EXAMPLES = 256  # in a batch
_BATCH_NUMBERS = 1 << 22  # of a batch's inputs: activations are some ten times as many


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a network is judged on, batch by batch: stored inputs become floats only when they are wanted."""

    data: Data
    split: Split
    with_labels: bool = True

    def __len__(self) -> int:
        return len(self.split)

    def __iter__(self) -> Iterator[np.ndarray]:
        size = max(1, min(_MOST_EXAMPLES, _BATCH_NUMBERS // max(1, self.split.inputs[:1].size)))
        for begin in range(0, len(self), size):
            yield self.data.model_inputs(self.split.inputs[begin : begin + size])

    @property
    def labels(self) -> np.ndarray | None:
        """Shape (N,), or None where there are no right answers."""
        return self.split.labels if self.with_labels else None


def quantization_scan(
    model: Any,
    data: Data,
    bits: Sequence[int] = BITS,
    cache: Path | str | None = None,
    num_examples: int = 1024,
    quantizer: Quantizer = AFFINE,
    activation_bits: int | None = None,
    progress: Progress | None = None,
) -> QuantizationSensitivity:
    """Measures `model` with the kernels of one layer at a time in each of `bits`; the model is unchanged.

    For layer l, w_l <- dequantize(quantize(w_l)), all other layers whole. Judged on examples spread evenly over the
    training split: what comes of it is a choice of bits, and the test split is none to choose by.

    Args:
      model: a trained float tf_keras classifier that gives logits or probabilities, (N, classes).
      data: what it was trained on.
      bits: to try, each from 2 to 16. Defaults to (2, 3, 4, 8).
      cache: a folder in which each measurement is kept at once, in a file named after what was measured: weights, data,
        quantizer and number of examples. A scan that was killed goes on where it was, and one with more bits measures
        these only. None keeps nothing. Defaults to None.
      num_examples: at least 1; all when there are fewer. Defaults to 1024.
      quantizer: one that has `bits`, which are replaced. Defaults to `Affine()`, as TFLite rounds.
      activation_bits: of the one layer's output too, from 2 to 16, asymmetric over the extremes of these examples.
        Defaults to None: it stays in float.
      progress: told how far it is. Defaults to None: nothing is told.

    Returns:
      A `QuantizationSensitivity`: a table, a plot, and what `allocate_bits` chooses by.

    Raises:
      InvalidValue: for a value out of range.
      UnsupportedModel: when the model has no kernel, is quantization-aware, or gives no classes.

    Example:

    >>> import tfcompress as tfc
    >>> found = quantization_scan(tfc.simple_cnn((8, 8, 1), width=2), tfc.Digits(num_examples=32), bits=(4, 8))
    >>> [(point.layer, point.bits) for point in found.points][:3]
    [('conv1', 4), ('conv1', 8), ('conv2', 4)]

    Reference: Cai et al., "ZeroQ: a novel zero shot quantization framework", 2020, https://arxiv.org/abs/2001.00281,
    equation 2, for the divergence of one layer alone
    """
    _check(bits, num_examples, quantizer, activation_bits)
    _require_classes(model)
    train = data.train
    chosen = spread(len(train), num_examples)
    examples = Examples(data, Split(train.inputs[chosen], train.labels[chosen]))
    how = [data, quantizer, num_examples, activation_bits]
    kept = KeptPoints(cache, "bits", model, how, LayerAtBits, ("layer", "bits"))
    whole, points = measure_layers(
        model, examples, bits, quantizer, activation_bits, progress or Silent(), "quantization_scan", kept
    )
    return QuantizationSensitivity(_number(whole.accuracy), _number(whole.loss), points, len(examples))


def measure_layers(
    model: Any,
    examples: Examples,
    bits: Sequence[int],
    quantizer: Quantizer,
    activation_bits: int | None,
    progress: Progress,
    owner: str,
    kept: KeptPoints | None = None,
    only: Mapping[str, int] | None = None,
) -> tuple[Answers, tuple[LayerAtBits, ...]]:
    """The float model's own answers, and a measurement for each layer and number of bits, in the order of layers.

    With `only` each layer that it names is measured at those bits, and no other.
    """
    import numpy as np

    network = OneLayer(model, owner, activation_bits)
    to_logits = logits_from(model)

    def answers() -> np.ndarray:
        return np.concatenate([network.answers(batch).numpy() for batch in examples])

    before = answers()
    if activation_bits is not None:
        network.calibrate(examples)
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
            rounds = dataclasses.replace(quantizer, bits=each)
            errors = network.output_errors(rounds, examples)
            for layer in layers:
                advance(done, f"{layer}, {each} bits")
                kernels = network.kernels[layer]
                rough = kernels.rough(rounds)
                with network.quantized(layer, rough):
                    seen = compare(before, answers(), examples.labels, to_logits)
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
                    answers_sqnr_db=seen.error.sqnr_db,
                    agreement=seen.agreement,
                    divergence=seen.divergence,
                    accuracy=seen.accuracy,
                    loss=seen.loss,
                )
                found[layer, each] = kept.keep(point) if kept else point
                done += 1
                advance(done, "")
    points = tuple(point for point in found.values() if point is not None)
    return compare(before, before, examples.labels, to_logits), points


def _check(bits: Sequence[int], num_examples: int, quantizer: Quantizer, activation_bits: int | None) -> None:
    if not bits or not all(_is_bits(each) for each in bits):
        raise InvalidValue(
            f"quantization_scan.bits must be whole numbers from 2 to 16. Received: {bits!r}. Use {BITS}."
        )
    if num_examples < 1:
        raise InvalidValue(f"quantization_scan.num_examples must be at least 1. Received: {num_examples!r}. Use 1024.")
    fields = {field.name for field in dataclasses.fields(quantizer)} if dataclasses.is_dataclass(quantizer) else set()
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


def _require_classes(model: Any) -> None:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise UnsupportedModel(
            "quantization_scan expects a classifier, which gives (N, classes) with two classes or more. Received: "
            f"outputs of shape {shape}. For other models, look at the errors that inspect --against tells."
        )


def _number(value: float | None) -> float:
    return 0.0 if value is None else value
