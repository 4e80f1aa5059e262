"""Holding a model, and the file made of it, to what the stages promised."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from ..core.types import CHANNELS, CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Promise
from .measure import Measurement
from .tflite import Contents

TOLERANCE = 0.005  # of sparsity: half a percent, more than any rounding of a kernel's share to whole weights


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A promise beside what was measured: for sparsity the share of zeros over all the kernels it names.

    For clusters it is how many values are distinct, of the kernel that has most.
    """

    kind: str
    promised: float
    measured: float
    kept: bool


def judge_model(promise: Promise, measurement: Measurement, sizes: Mapping[str, int]) -> Verdict:
    """Compares a promise with a measured Keras model of kernels of these `sizes`; each must keep its own share."""
    if promise.kind == CHANNELS:
        return _gone(promise, sum(sizes.values()))
    if promise.kind == INT8_RANGES:
        return Verdict(promise.kind, 1.0, float(measurement.quantization_aware), measurement.quantization_aware)
    if promise.kind == CLUSTERS:
        most = max((measurement.kernel_values.get(name, sizes.get(name, 0)) for name in promise.kernels), default=0)
        return Verdict(promise.kind, promise.at_most, most, most <= promise.at_most)
    if promise.kind == LEVELS:
        most = max((measurement.kernel_levels.get(name, sizes.get(name, 0)) for name in promise.kernels), default=0)
        return Verdict(promise.kind, promise.at_most, most, most <= promise.at_most)
    shares = {name: measurement.kernel_sparsity.get(name, 0.0) for name in promise.kernels}
    if promise.together:
        measured = _weighted(shares, sizes)
        return Verdict(promise.kind, promise.at_least, measured, measured >= promise.at_least - TOLERANCE)
    kept = all(share >= promise.at_least - _tolerance(sizes.get(name, 1)) for name, share in shares.items())
    measured = _weighted(shares, sizes)
    return Verdict(promise.kind, promise.at_least, measured, kept)


def judge_file(promises: Sequence[Promise], contents: Contents, sizes: Mapping[str, int]) -> tuple[Verdict, ...]:
    """Compares what was promised with the tensors stored in a .tflite; `sizes` are all kernels of the Keras model.

    Names do not survive the converter, so zeros are counted over the whole file, and expected over the whole model.
    """
    verdicts = []
    sparse = [promise for promise in promises if promise.kind == SPARSITY]
    if sparse:
        expected = {name: promise.at_least for promise in sparse for name in promise.kernels}
        promised = _weighted({name: expected.get(name, 0.0) for name in sizes}, sizes)
        verdicts.append(Verdict(SPARSITY, promised, contents.sparsity, contents.sparsity >= promised - TOLERANCE))
    for kind in (CLUSTERS, LEVELS):
        few = {name: each.at_most for each in promises if each.kind == kind for name in each.kernels}
        if few:
            verdicts.append(_judge_values(kind, few, contents, sizes))
    if any(promise.kind == INT8_RANGES for promise in promises):
        total = sum(kernel.values.size for kernel in contents.kernels)
        share = sum(kernel.values.size for kernel in contents.kernels if kernel.values.dtype == "int8") / max(total, 1)
        quantized = {name for promise in promises if promise.kind == INT8_RANGES for name in promise.kernels}
        promised = _weighted({name: float(name in quantized or not quantized) for name in sizes}, sizes)
        kept = share >= promised or math.isclose(share, promised, abs_tol=1e-6)
        verdicts.append(Verdict(INT8_RANGES, promised, share, kept))
    total = sum(kernel.values.size for kernel in contents.kernels)
    verdicts += [_gone(promise, total) for promise in promises if promise.kind == CHANNELS]
    return tuple(verdicts)


def _gone(promise: Promise, num_weights: int) -> Verdict:
    """Holds removed channels to the weights that are left of all kernels."""
    gone = 1 - num_weights / promise.num_weights
    return Verdict(promise.kind, promise.at_least, gone, gone > promise.at_least - _tolerance(promise.num_weights))


def _judge_values(kind: str, clustered: Mapping[str, int], contents: Contents, sizes: Mapping[str, int]) -> Verdict:
    """Each promised kernel must have one of its size in the file with as few values; the worst pair is reported."""
    found: dict[int, list[int]] = {}
    for kernel in contents.kernels:
        found.setdefault(kernel.values.size, []).append(kernel.num_values)
    pairs: list[tuple[int, int]] = []
    for size in {sizes.get(name, 0) for name in clustered}:
        bounds = sorted(most for name, most in clustered.items() if sizes.get(name, 0) == size)
        counts = sorted(found.get(size, []))[: len(bounds)]
        counts += [size] * (len(bounds) - len(counts))  # not found: as if nothing were clustered
        pairs += zip(bounds, counts, strict=True)
    promised, measured = max(pairs, key=lambda pair: (pair[1] - pair[0], pair[1]))
    return Verdict(kind, promised, measured, measured <= promised)


def _tolerance(size: int) -> float:
    return max(TOLERANCE, 1.0 / size)


def _weighted(shares: Mapping[str, float], sizes: Mapping[str, int]) -> float:
    total = sum(sizes.get(name, 0) for name in shares)
    return sum(share * sizes.get(name, 0) for name, share in shares.items()) / total if total else 0.0
