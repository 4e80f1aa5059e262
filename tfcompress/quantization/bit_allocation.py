"""Bits layer by layer under a budget of bytes: the choice that costs least, by an integer program."""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import InvalidValue, TfcompressError, UnsupportedModel
from ..core.types import FLOAT32, Bits
from .bit_sensitivity import QuantizationSensitivity
from .quantizers.affine import Affine
from .quantizers.quantizer import Quantizer

# What litert-quantizer 0.11 stores beside int8 activations; a kind that is not here it cannot name, or not round.
STORABLE = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Dense"), (4, 8, FLOAT32)),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"), (8, FLOAT32)),
    "Conv2DTranspose": (8, FLOAT32),
}
AFFINE = Affine()
_LARGEST_COST = 1e6  # that the solver sees: it calls solutions equal that differ by 1e-6


@dataclasses.dataclass(frozen=True)
class BitAllocation:
    """Bits for each layer, in `per_layer`, which goes straight into `MixedPrecision`.

    `num_bytes` are those of all kernels as a file stores them, `cost` the sum of their sensitivities. `left_out` are
    layers of kinds that no exporter here gives bits to one by one; they are in neither sum.
    """

    per_layer: Mapping[str, Bits]
    num_bytes: int
    cost: float
    left_out: tuple[str, ...] = ()

    def quantizers(self, quantizer: Quantizer = AFFINE) -> dict[str, Quantizer | None]:
        """`per_layer` of `QuantizeKernels`: `quantizer` with each layer's bits, None for a layer in float.

        >>> found = BitAllocation({"a": 4, "b": "float32"}, 0, 0.0)
        >>> {name: each and each.bits for name, each in found.quantizers().items()}
        {'a': 4, 'b': None}
        """
        chosen: Any = quantizer
        given = {
            name: None if bits == FLOAT32 else dataclasses.replace(chosen, bits=bits)
            for name, bits in self.per_layer.items()
        }
        return given | dict.fromkeys(map(glob.escape, self.left_out))


def kernel_bytes(num_weights: int, bits: Bits) -> int:
    """Bytes of a kernel in a .tflite: two weights of 4 bits share one.

    >>> kernel_bytes(9, 4), kernel_bytes(9, 8), kernel_bytes(9, "float32")
    (5, 9, 36)
    """
    return 4 * num_weights if bits == FLOAT32 else -(-num_weights * int(bits) // 8)


def allocate_bits(
    found: QuantizationSensitivity,
    budget_bytes: int,
    bits: Sequence[Bits] = (4, 8, FLOAT32),
    by: str = "divergence",
    overhead_bytes: int = 0,
) -> BitAllocation:
    """The bits of each layer that cost least and fit the budget.

    Minimise sum over l, b of s(l, b) x(l, b), such that sum over b of x(l, b) = 1 for each layer l, and sum over l, b
    of bytes(l, b) x(l, b) <= budget, x in {0, 1}: a multiple-choice knapsack, solved exactly. That the costs of single
    layers add up is an assumption, so export what comes of it and measure.

    Args:
      found: what `quantization_scan` measured, at `bits`; "float32", a layer left as it is, costs nothing and need
        not be.
      budget_bytes: of all kernels together, or of the file less `overhead_bytes`.
      bits: that a layer may have, of 4, 8 and "float32". Defaults to all. Depthwise, separable and transposed
        convolutions are given no 4, which litert-quantizer has not.
      by: what a layer costs: "divergence", "loss" or "noise"; see `QuantizationSensitivity`. Defaults to "divergence".
      overhead_bytes: of a file besides its kernels (scales, biases, the graph): measure it as `MixedPrecision(8)`'s
        file less its kernels' bytes. Defaults to 0.

    Returns:
      A `BitAllocation`, for `MixedPrecision(8, per_layer=...)` and, by `quantizers()`, for `QuantizeKernels`.

    Raises:
      InvalidValue: for a budget under the least possible, which the message names; for bits that were not measured.
      UnsupportedModel: when no layer is of a kind that can be given bits.

    Example:

    >>> from tfcompress.quantization.bit_sensitivity import LayerAtBits
    >>> points = tuple(
    ...     LayerAtBits(layer, "Dense", bits, 100, 20.0, 0.99, 20.0, 0.99, 20.0, 0.9, divergence, 0.9, 0.3)
    ...     for layer, bits, divergence in [("a", 4, 0.5), ("a", 8, 0.1), ("b", 4, 0.2), ("b", 8, 0.1)]
    ... )
    >>> allocate_bits(QuantizationSensitivity(0.95, 0.2, points, 100), budget_bytes=150).per_layer
    {'a': 8, 'b': 4}

    Reference: Yao et al., "HAWQ-V3: dyadic neural network quantization", 2021, https://arxiv.org/abs/2011.10680,
    section 3.4
    """
    every: tuple[Bits, ...] = (4, 8, FLOAT32)
    if not bits or not set(bits) <= set(every):
        raise InvalidValue(f"allocate_bits.bits must be of {every}. Received: {bits!r}. Use (4, 8).")
    wanted = [each for each in every if each in bits]
    choices = _choices(found, wanted)
    costs = _costs(found, choices, by)
    sizes = {key: kernel_bytes(found.layers[key[0]], key[1]) for key in costs}
    least = sum(min(sizes[layer, each] for each in able) for layer, able in choices.items())
    if budget_bytes < least + overhead_bytes:
        raise InvalidValue(
            f"allocate_bits.budget_bytes must be at least {least + overhead_bytes:,}, with every layer in the fewest "
            f"bits that it can have. Received: {budget_bytes:,}. Give more, or prune first."
        )
    keys = _solve(list(costs), costs, sizes, budget_bytes - overhead_bytes)
    return BitAllocation(
        per_layer={glob.escape(layer): each for layer, each in keys},
        num_bytes=sum(sizes[key] for key in keys),
        cost=sum(costs[key] for key in keys),
        left_out=tuple(layer for layer in found.layers if layer not in choices),
    )


def _choices(found: QuantizationSensitivity, bits: Sequence[Bits]) -> dict[str, list[Bits]]:
    """The bits that each layer may have, without the layers that may have none."""
    kinds = {point.layer: point.kind for point in found.points}
    able = {layer: [each for each in bits if each in STORABLE.get(kind, ())] for layer, kind in kinds.items()}
    choices = {layer: each for layer, each in able.items() if each}
    if not choices:
        raise UnsupportedModel(
            f"allocate_bits expects a layer of {', '.join(STORABLE)} that can be stored in bits of {list(bits)}. "
            f"Received: {', '.join(sorted(set(kinds.values())))}. Use QuantizeKernels with bits of your own."
        )
    return choices


def _costs(
    found: QuantizationSensitivity, choices: Mapping[str, Sequence[Bits]], by: str
) -> dict[tuple[str, Bits], float]:
    known = found.sensitivities(by)
    missing = sorted({int(each) for able in choices.values() for each in able if each != FLOAT32} - set(found.bits))
    if missing:
        raise InvalidValue(
            f"allocate_bits.bits must have been measured. Received: {missing}, of which `found` has {found.bits}. "
            f"Use quantization_scan(..., bits={tuple(missing)})."
        )
    return {
        (layer, each): 0.0 if each == FLOAT32 else known[layer, int(each)]
        for layer, able in choices.items()
        for each in able
    }


def _solve(
    keys: list[tuple[str, Bits]],
    costs: Mapping[tuple[str, Bits], float],
    sizes: Mapping[tuple[str, Bits], int],
    budget_bytes: int,
) -> list[tuple[str, Bits]]:
    """One key a layer, in the order of `keys`, of least cost within the budget."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    layers = list(dict.fromkeys(layer for layer, _ in keys))
    once = np.array([[key[0] == layer for key in keys] for layer in layers], float)
    cost, size = (np.array([values[key] for key in keys], float) for values in (costs, sizes))
    scaled = cost * (_LARGEST_COST / cost.max()) if cost.any() else cost
    limit = budget_bytes
    while True:
        solved = milp(
            scaled,
            integrality=np.ones(len(keys)),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(once, 1, 1), LinearConstraint(size, ub=limit)],
            options={"mip_rel_gap": 0.0},
        )
        chosen = [] if solved.x is None else [key for key, share in zip(keys, solved.x, strict=True) if share > 0.5]
        if [layer for layer, _ in chosen] != layers:
            raise TfcompressError(
                f"allocate_bits expects scipy's milp to find a choice. Received: {solved.message}. Give it a larger "
                "budget, or fewer choices of bits."
            )
        excess = sum(sizes[key] for key in chosen) - budget_bytes
        if excess <= 0:
            return chosen
        limit -= excess  # a whole number may be off by a millionth, which of a large layer are bytes
