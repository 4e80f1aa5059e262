"""How much of the values' range the levels cover: all of it, or less where outliers would cost every other value.

Each estimator takes groups of values, an array of shape (N, G) with a group in each column that gets a range of its
own, and gives the lowest and the highest value to cover, of shape (G,) each.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .quantizer import extremes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    Range = tuple[np.ndarray, np.ndarray]

NUM_SHARES = 100  # of an extreme that are tried, from 1 % to all of it
NUM_BINS = 2048  # of the histogram of `kl`


def min_max(values: np.ndarray) -> Range:
    """All values: nothing is clipped, and the step follows the largest."""
    return extremes(values)


def percentile(values: np.ndarray, percent: float) -> Range:
    """The middle `percent` of the values; (100 - percent) / 2 on either side are clipped."""
    import numpy as np

    cut = (100 - percent) / 2
    low, high = np.percentile(values, [cut, 100 - cut], axis=0)
    return low, high


def mean_squared_error(values: np.ndarray, num_steps: int, symmetric: bool) -> Range:
    """The range of least mean squared error, of rounding and clipping together, among `NUM_SHARES` of the extremes.

    When levels are symmetric both ends shrink alike; else each in turn, while the other stays.

    Args:
      num_steps: from the lowest level to the highest.
    """
    import numpy as np

    def error(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        step = np.maximum(np.maximum(high, 0) - np.minimum(low, 0), np.finfo(np.float32).tiny) / num_steps
        first = np.rint(np.minimum(low, 0) / step)  # zero is a level, and so all levels are whole steps from it
        return ((values - np.clip(np.rint(values / step), first, first + num_steps) * step) ** 2).mean(0)

    if symmetric:
        radius = _least(np.abs(values).max(0).astype(float), lambda found: error(-found, found))
        return -radius, radius
    low, high = (np.asarray(end, float) for end in min_max(values))
    for _ in range(2):
        high = _least(high, functools.partial(error, low))
        low = _least(low, functools.partial(error, high=high))
    return low, high


def octav(values: np.ndarray, bits: int, symmetric: bool) -> Range:
    """OCTAV, "optimally clipped tensors and vectors": Newton's iteration to the clipping of least expected error.

    s <- sum(|x| [|x| > s]) / (4^-B / 3 * count(0 < |x| <= s) + count(|x| > s)), from s = mean |x| on; the first sum is
    what clipping costs, and the other rounding, whose error is taken as uniform in a step. Zeros cost nothing.

    Reference: Sakr et al., "Optimal clipping and magnitude-aware differentiation for improved quantization-aware
    training", 2022, https://arxiv.org/abs/2206.06501
    """
    import numpy as np

    centre, distances = _around_centre(values, symmetric)
    radius = distances.sum(0) / np.maximum((distances > 0).sum(0), 1)
    for _ in range(50):
        outside = distances > radius
        inside = (distances > 0) & ~outside
        weight = 4.0**-bits / 3 * inside.sum(0) + outside.sum(0)
        following = np.where(outside, distances, 0).sum(0) / np.maximum(weight, 1e-30)
        following = np.where(outside.any(0), following, radius)
        settled = np.allclose(following, radius, rtol=1e-6, atol=0)
        radius = following
        if settled:
            break
    return _bounded(values, centre, np.minimum(radius, distances.max(0)), symmetric)


def kullback_leibler(values: np.ndarray, num_steps: int, symmetric: bool) -> Range:
    """The radius at which the distribution of the levels differs least from that of the values.

    A histogram of |x|, clipped at a radius (what is outside counts in its last bin), is P; P's bins gathered into the
    levels, each spread over its non-empty bins, are Q; the radius of least KL(P || Q) is taken. It wants thousands of
    values: for a kernel of few weights a channel it is of no use.

    Reference: Migacz, "8-bit inference with TensorRT", 2017 (GTC talk S7310)
    """
    import numpy as np

    centre, distances = _around_centre(values, symmetric)
    radii = np.empty(values.shape[1])
    for group in range(values.shape[1]):
        radii[group] = _radius_of_least_divergence(distances[:, group], max(num_steps // 2, 1))
    return _bounded(values, centre, radii, symmetric)


def _radius_of_least_divergence(distances: np.ndarray, num_levels: int) -> float:
    import numpy as np

    largest = float(distances.max())
    if largest == 0 or num_levels >= NUM_BINS:
        return largest
    counts, edges = np.histogram(distances, NUM_BINS, (0, largest))
    counts = counts.astype(float)
    counts[0] = 0  # exact zeros cost nothing, and a pruned kernel would be all zeros
    total = counts.sum()
    first = max(num_levels, NUM_BINS // NUM_SHARES)
    best = (np.inf, largest)
    for size in np.unique(np.linspace(first, NUM_BINS, NUM_SHARES).astype(int)):
        clipped = counts[:size].copy()
        clipped[-1] += total - clipped.sum()
        level_of_bin = np.arange(size) * num_levels // size
        filled = counts[:size] > 0
        mass = np.bincount(level_of_bin, counts[:size], num_levels)
        spread = np.bincount(level_of_bin, filled, num_levels)
        by_level = np.where(filled, (mass / np.maximum(spread, 1))[level_of_bin], 0)
        divergence = _divergence(clipped, by_level)
        if divergence < best[0]:
            best = (divergence, float(edges[size]))
    return best[1]


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL(P || Q) of two histograms; where Q is empty and P is not, Q is taken as a ten-thousandth of a count."""
    import numpy as np

    if not p.sum() or not q.sum():
        return float("inf")
    p, q = p / p.sum(), np.maximum(q, 1e-4) / np.maximum(q, 1e-4).sum()
    where = p > 0
    return float((p[where] * np.log(p[where] / q[where])).sum())


def _around_centre(values: np.ndarray, symmetric: bool) -> Range:
    """What clipping is around, zero or else the median of each group, and how far values are from it."""
    import numpy as np

    centre = np.zeros(values.shape[1]) if symmetric else np.median(values, 0).astype(float)
    return centre, np.abs(values - centre)


def _bounded(values: np.ndarray, centre: np.ndarray, radius: np.ndarray, symmetric: bool) -> Range:
    import numpy as np

    low, high = centre - radius, centre + radius
    return (low, high) if symmetric else (np.maximum(low, values.min(0)), np.minimum(high, values.max(0)))


def _least(extreme: np.ndarray, error: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """For each group the share of its extreme at which the error is least; the larger of equals."""
    import numpy as np

    best, least = extreme, error(extreme)
    for share in np.arange(NUM_SHARES - 1, 0, -1) / NUM_SHARES:
        found = error(extreme * share)
        better = found < least
        best, least = np.where(better, extreme * share, best), np.where(better, found, least)
    return best
