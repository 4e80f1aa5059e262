"""Whether two models give the same outputs for random input."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...backend.calls import Call, calls
from ...backend.tensorflow import tf
from ..copying import copy_model

TOLERANCE = 1e-4  # relative, in float32: sums in another order differ by 1e-6, and a wrong formula by far more
MIXED_PRECISION_TOLERANCE = 5e-2  # the reference itself computed with 8 or 11 bits
NUM_EXAMPLES = 2
# For axes of any length, by how many of them an input has: a sequence, an image, a volume. An image that is too small
# is pooled away, and the mean of nothing is whatever memory held: NaN, or with oneDNN another number at each call.
FREE_LENGTHS = {1: (12, 96), 2: (96, 224), 3: (32, 64)}
# A model's tensors are no larger than this, or than so many times its weights, unless somebody made it to fill memory.
ALWAYS_ALLOWED_BYTES, MAX_TIMES_WEIGHTS = 2 << 30, 50


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How two models' outputs for the same random input compare.

    Attributes:
      difference: the largest between the two, relative to the largest output.
      rounding: how far the original's own outputs move, in the same terms, when its input moves by 1e-7; looked at only
        where the difference passes the tolerance. A model that is chaotic on random input moves far.
      spread: the largest between two inputs' outputs of the original, relative to the same; None for one input. Where
        it is no larger than the tolerance, any model of the same bias would have passed: the comparison says little.
    """

    difference: float
    spread: float | None
    rounding: float | None = None


class Incomparable(Exception):
    """Why two models cannot be compared, as the end of "not compared: ..."."""


def tolerance_for(model: Any) -> float:
    """The largest difference that two models may have of which one is `model`, of either Keras."""
    layers = model._flatten_layers()
    mixed = any(getattr(layer, "compute_dtype", "") in ("float16", "bfloat16") for layer in layers)
    return MIXED_PRECISION_TOLERANCE if mixed else TOLERANCE


def largest_relative_difference(reference: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> float:
    """max |a - r| / max |r|, the largest over the outputs; NaN in the same places is no difference.

    >>> largest_relative_difference([np.array([1.0, -4.0])], [np.array([1.0, -3.0])])
    0.25
    """
    return max(map(_relative_difference, reference, outputs), default=0.0)


def _relative_difference(reference: np.ndarray, outputs: np.ndarray) -> float:
    if reference.shape != outputs.shape:
        return float("inf")
    if reference.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(reference, outputs) else float("inf")
    reference, outputs = reference.astype("float64"), outputs.astype("float64")
    finite = np.isfinite(reference)
    if not np.array_equal(reference[~finite], outputs[~finite], equal_nan=True):
        return float("inf")
    differences = np.abs(reference[finite] - outputs[finite])
    scale = np.abs(reference[finite]).max(initial=0.0)
    return float(differences.max(initial=0.0) / max(scale, np.finfo("float32").tiny))


def compare(reference: Callable[[list[Any]], list[Any]], model: Any) -> Comparison:
    """Compares `reference` and the functional tf_keras `model` on random input.

    Args:
      reference: gives a list of outputs for a list of input arrays, in the order of the model's.

    Raises:
      Incomparable: when nothing can be compared.
    """
    reason = "it takes no random input that was tried"
    for number in range(2 if _has_free_axes(model) else 1):
        _require_memory(model, number)
        inputs = _random_inputs(model, number)
        try:
            expected = _arrays(reference(inputs))
        except (ValueError, tf.errors.OpError):  # a length that the model does not take: the next one
            continue
        if any(output.dtype.kind == "f" and not np.isfinite(output).any() for output in expected):
            reason = "its outputs are not finite numbers"  # the mean of an image that was pooled away, for one
            continue
        outputs = _arrays(model(inputs if len(inputs) > 1 else inputs[0], training=False))
        difference = largest_relative_difference(expected, outputs)
        if difference > TOLERANCE and largest_relative_difference(expected, _arrays(reference(inputs))) > TOLERANCE:
            reason = "it gives two outputs for one input, as dropout at inference does"
            continue
        rounding = None
        if difference > TOLERANCE:
            rounding = largest_relative_difference(expected, _arrays(reference([_nudged(value) for value in inputs])))
        return Comparison(difference, _spread(expected), rounding)
    raise Incomparable(reason)


def _nudged(value: Any) -> Any:
    """An input moved by what float32 rounds away; whole numbers and words stay."""
    if getattr(value.dtype, "kind", "") != "f":
        return value
    return (value * (1 + 1e-7 * np.random.default_rng(1).standard_normal(value.shape))).astype(value.dtype)


def _spread(outputs: Sequence[np.ndarray]) -> float | None:
    """How far the first two examples' outputs are apart; of several outputs the least, which says least."""
    pairs = [output for output in outputs if output.ndim and len(output) > 1]
    spreads = [_relative_difference(output[0], output[1]) for output in pairs]
    return min(spreads, default=None)


def _arrays(outputs: Any) -> list[np.ndarray]:
    return [np.asarray(output) for output in tf.nest.flatten(outputs)]


def _has_free_axes(model: Any) -> bool:
    return any(length is None for tensor in model.inputs for length in tensor.shape[1:])


def _require_memory(model: Any, number: int) -> None:
    """Raises `Incomparable` where a try's tensors would fill the memory: Keras 3 keeps all of them until it is done."""
    allowed = max(ALWAYS_ALLOWED_BYTES, MAX_TIMES_WEIGHTS * 4 * model.count_params())
    needed = _bytes_of_calls(model, number)
    if needed > allowed and _has_free_axes(model):
        # Axes of any length within the model, which are shorter behind each stride, were counted with the inputs'.
        lengths = {tensor.node.layer.name: tuple(_shape(tensor, number)[1:]) for tensor in model.inputs}
        needed = _bytes_of_calls(copy_model(model, shapes=lengths), number)
    if needed > allowed:
        raise Incomparable(f"its tensors for {NUM_EXAMPLES} examples would take {needed / 1e9:.1f} GB of memory")


def _bytes_of_calls(model: Any, number: int) -> int:
    return sum(_call_bytes(call, number) for call in calls(model))


def _shape(tensor: Any, number: int) -> list[int]:
    return [NUM_EXAMPLES, *(length or _free_length(tensor, number) for length in tensor.shape[1:])]


def _call_bytes(call: Call, number: int) -> int:
    """Of what a call gives, and of the scores of attention, which are larger than that."""
    shapes = [_shape(tensor, number) for tensor in (*call.outputs, *call.inputs)]
    num_values = sum(map(math.prod, shapes[: len(call.outputs)]))
    if "Attention" in type(call.layer).__name__ and len(shapes[0]) > 2:
        num_heads = getattr(call.layer, "num_heads", None) or getattr(call.layer, "_num_heads", None) or 1
        num_values += NUM_EXAMPLES * num_heads * shapes[0][1] * shapes[-1][1]
    return 4 * num_values


def _random_inputs(model: Any, number: int) -> list[Any]:
    """Random inputs for `model`; axes of any length have another length in another try."""
    random = np.random.default_rng(number)
    return [
        _random_input(tensor, _consumers(model, tensor), _free_length(tensor, number), random)
        for tensor in model.inputs
    ]


def _free_length(tensor: Any, number: int) -> int:
    num_free = sum(length is None for length in tensor.shape[1:])
    return FREE_LENGTHS[min(max(num_free, 1), max(FREE_LENGTHS))][number]


def _consumers(model: Any, tensor: Any) -> list[Any]:
    return [call.layer for call in calls(model) if any(given is tensor for given in call.inputs)]


def _random_input(tensor: Any, consumers: Sequence[Any], free_length: int, random: np.random.Generator) -> Any:
    """Standard normal where computing begins; whole numbers that every embedding they reach holds; known words."""
    batch_size = tensor.shape[0] or NUM_EXAMPLES
    shape = (batch_size, *(length or free_length for length in tensor.shape[1:]))
    kind = tf.as_dtype(tensor.dtype)
    sizes = [getattr(layer, "input_dim", None) or getattr(layer, "num_tokens", None) for layer in consumers]
    limit = min((size for size in sizes if size), default=None)
    if kind == tf.string:
        words: list[Any] = next((layer.get_vocabulary() for layer in consumers if hasattr(layer, "get_vocabulary")), [])
        words = [word for word in words if isinstance(word, str) and word] + ["unknown"]
        return tf.constant(random.choice(words, shape))
    if kind.is_integer or limit:
        numbers = random.integers(0, limit or 2, shape).astype(kind.as_numpy_dtype)
        numbers[..., -1:] = 0  # what masks hide
        return numbers
    if kind.is_bool:
        return random.integers(0, 2, shape).astype(bool)
    numbers = random.standard_normal(shape)
    for layer in consumers:  # a model that scales images of 0 to 255 down sees nothing of numbers about 0
        if type(layer).__name__ == "Rescaling":
            numbers = (numbers - np.asarray(layer.offset)) / np.asarray(layer.scale)
        elif type(layer).__name__ == "Normalization":
            numbers = numbers * np.sqrt(np.asarray(layer.variance)) + np.asarray(layer.mean)
    return numbers.astype(kind.as_numpy_dtype)
