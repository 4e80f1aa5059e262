"""Piecewise constant quantization: a few values of any spacing, and for each weight the number of one of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from .quantizer import require_finite, require_values

if TYPE_CHECKING:
    import numpy as np

FITS = ("lloyd_max", "uniform")
MAX_ROUNDS = 10_000  # of Lloyd's iteration; on real kernels it settles after some dozens


def intervals(levels: np.ndarray) -> np.ndarray:
    """The ends a_1..a_(K-1) between levels b_1 < .. < b_K at which the nearest level changes: their midpoints.

    >>> import numpy as np
    >>> intervals(np.array([-1.0, 0.0, 4.0])).tolist()
    [-0.5, 2.0]
    """
    return (levels[1:] + levels[:-1]) / 2


def indices(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The number i of the interval [a_i, a_(i+1)) that each value lies in, from 0; the outer ones reach to infinity.

    >>> import numpy as np
    >>> indices(np.array([-9.0, -0.5, 1.9, 2.0]), np.array([-0.5, 2.0])).tolist()
    [0, 1, 1, 2]
    """
    import numpy as np

    return np.searchsorted(ends, values, side="right")


def uniform(values: np.ndarray, num_levels: int) -> np.ndarray:
    """The middles of `num_levels` equal intervals of the values' range.

    >>> import numpy as np
    >>> uniform(np.array([0.0, 8.0]), 4).tolist()
    [1.0, 3.0, 5.0, 7.0]
    """
    low, high = float(values.min()), float(values.max())
    return low + (high - low) * (_count(num_levels) + 0.5) / num_levels


def lloyd_max(values: np.ndarray, num_levels: int, held_at_zero: bool = False) -> np.ndarray:
    """Levels of least mean squared error, by Lloyd's iteration (k-means in one dimension), in ascending order.

    Each level becomes the mean of the values that are nearest to it, b_i = E[x | a_i <= x < a_(i+1)], until nothing
    moves. It starts at quantiles, where every level has its share of the values. Fewer distinct values than levels are
    levels themselves.

    Args:
      held_at_zero: whether one level stays zero; the other levels are fitted around it.

    References: Lloyd, "Least squares quantization in PCM", 1982 (written 1957),
    https://doi.org/10.1109/TIT.1982.1056489; Max, "Quantizing for minimum distortion", 1960,
    https://doi.org/10.1109/TIT.1960.1057548
    """
    import numpy as np

    ordered = np.sort(values, axis=None).astype(float)
    distinct = np.unique(ordered)
    if held_at_zero:
        distinct = np.union1d(distinct, 0.0)
    if len(distinct) <= num_levels:
        return distinct
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    # Of quantiles, those of the distinct values where many are equal: a pruned kernel would start with one level.
    levels = np.unique(np.quantile(ordered, (_count(num_levels) + 0.5) / num_levels))
    if len(levels) < num_levels:
        levels = np.quantile(distinct, (_count(num_levels) + 0.5) / num_levels)
    if held_at_zero:
        levels[np.abs(levels).argmin()] = 0.0
    zero = np.flatnonzero(held_at_zero & (levels == 0))
    tolerance = 1e-9 * (ordered[-1] - ordered[0])
    for _ in range(MAX_ROUNDS):
        places = np.concatenate([[0], np.searchsorted(ordered, intervals(levels)), [len(ordered)]])
        counts = np.diff(places)
        means = np.divide(np.diff(sums[places]), counts, out=levels.copy(), where=counts > 0)
        means[zero] = 0.0
        moved = np.abs(means - levels).max()
        levels = means
        if moved <= tolerance:
            break
    return levels


def _count(num_levels: int) -> np.ndarray:
    import numpy as np

    return np.arange(num_levels)


@dataclasses.dataclass(frozen=True)
class Codebook:
    """Replaces each weight by the level of the interval it lies in: x^ = b_i for a_i <= x < a_(i+1).

    A kernel then has at most `num_levels` distinct values, so that a file needs only log2(num_levels) bits a weight
    and the levels themselves (`save_packed`). There is one codebook a kernel; channels do not matter.

    Args:
      num_levels: distinct values in a kernel, 2 to 65536. Defaults to 16.
      fitted_by: "lloyd_max", to the least mean squared error (k-means); "uniform", at equal steps over the range.
        Defaults to "lloyd_max".
      keep_zero: whether zero is one of the levels, and every zero stays. Defaults to True.
      levels: values b_i of your own, ascending, instead of fitted ones; `num_levels` must then be their number.
      ends: a_i of your own between `levels`, ascending, one fewer than these. Defaults to the midpoints, so that the
        nearest level is taken.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> Codebook(3, levels=(-1.0, 0.0, 1.0)).approximate(np.array([-0.7, 0.2, 5.0])).tolist()
    [-1.0, 0.0, 1.0]

    References: see `lloyd_max`; Han et al., "Deep compression", 2016, https://arxiv.org/abs/1510.00149
    """

    num_levels: int = 16
    fitted_by: str = "lloyd_max"
    keep_zero: bool = True
    levels: tuple[float, ...] | None = None
    ends: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.num_levels, int) and not isinstance(self.num_levels, bool)
        expect(
            whole and 2 <= self.num_levels <= 65536,
            self,
            "num_levels",
            "must be a whole number in [2, 65536]",
            "Use 16.",
        )
        expect(self.fitted_by in FITS, self, "fitted_by", f"must be one of {FITS}", "Use 'lloyd_max'.")
        expect(isinstance(self.keep_zero, bool), self, "keep_zero", "must be True or False", "Use True.")
        if self.levels is not None:
            fix = f"Use {self.num_levels} numbers in ascending order."
            ascending = all(low < high for low, high in zip(self.levels, self.levels[1:], strict=False))
            expect(ascending, self, "levels", "must be ascending and finite", fix)
            expect(len(self.levels) == self.num_levels, self, "levels", f"must be num_levels = {self.num_levels}", fix)
            expect(
                not self.keep_zero or 0 in self.levels,
                self,
                "levels",
                "must hold 0 with keep_zero",
                "Use keep_zero=False.",
            )
        if self.ends is not None:
            fix = "Leave it out to take midpoints."
            expect(self.levels is not None, self, "ends", "must come with levels", fix)
            ascending = all(low < high for low, high in zip(self.ends, self.ends[1:], strict=False))
            right = ascending and len(self.ends) == self.num_levels - 1
            expect(right, self, "ends", f"must be {self.num_levels - 1} ascending numbers", fix)

    @property
    def keeps_zero(self) -> bool:
        """Whether zeros stay zeros."""
        return self.keep_zero

    @property
    def num_values(self) -> int | None:
        """As many as there are levels."""
        return self.num_levels

    def fit(self, values: np.ndarray, name: str = "values") -> np.ndarray:
        """The levels for `values`, ascending, shape (K,) with K <= `num_levels`.

        Raises:
          InvalidValue: for NaN and infinity, by name.
        """
        import numpy as np

        require_values(values, "Codebook", name)
        require_finite(np.array([values.min(), values.max()]), values, "Codebook", name)
        if self.levels is not None:
            return np.array(self.levels)
        if self.fitted_by == "lloyd_max":
            return lloyd_max(values, self.num_levels, self.keep_zero)
        levels = uniform(values, self.num_levels)
        if self.keep_zero:
            levels[np.abs(levels).argmin()] = 0.0
        return np.unique(levels)

    def quantize(self, values: np.ndarray, name: str = "values") -> tuple[np.ndarray, np.ndarray]:
        """The number of each value's level, of the values' shape, and the levels. Raises `InvalidValue` as `fit`."""
        import numpy as np

        levels = self.fit(values, name)
        ends = intervals(levels) if self.ends is None else np.array(self.ends)
        found = indices(values, ends)
        if self.keep_zero:
            found = np.where(values == 0, np.searchsorted(levels, 0.0), found)
        return found, levels

    def approximate(self, values: np.ndarray, axes: tuple[int, ...] = (-1,), name: str = "values") -> np.ndarray:
        """The level of each value: float32 of the same shape. Raises `InvalidValue` as `fit`."""
        import numpy as np

        found, levels = self.quantize(values, name)
        return levels.astype(np.float32)[found]
