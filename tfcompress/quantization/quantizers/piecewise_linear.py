"""Piecewise linear quantization: fine steps where most weights lie, coarse ones for the few that are large."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from .quantizer import back, by_channel, require_finite, require_values

if TYPE_CHECKING:
    import numpy as np

NUM_TRIED = 200  # places for a breakpoint, as equal shares of the largest magnitude
MAX_ROUNDS = 20  # over all breakpoints, when there are several


def expected_error(ordered: np.ndarray, breakpoints: np.ndarray, num_steps: int) -> float:
    """The mean squared error to expect: sum over regions of step^2 / 12 times the share of the values in it.

    Args:
      ordered: the magnitudes |x| in ascending order, shape (N,).
      breakpoints: ends of the regions, ascending, from 0 to the largest magnitude, shape (regions + 1,).
      num_steps: in each region.
    """
    import numpy as np

    shares = np.diff(np.searchsorted(ordered, breakpoints[:-1]), append=len(ordered)) / len(ordered)
    return float((np.diff(breakpoints) ** 2 * shares).sum() / (12 * num_steps**2))


def fit_breakpoints(magnitudes: np.ndarray, num_regions: int, num_steps: int) -> np.ndarray:
    """The breakpoints 0 = p_0 < p_1 < .. < p_R = max |x| of least expected error, each in turn until none moves.

    >>> import numpy as np
    >>> heavy_tailed = np.concatenate([np.linspace(0, 0.1, 99), [1.0]])
    >>> fit_breakpoints(heavy_tailed, 2, num_steps=7).round(2).tolist()
    [0.0, 0.1, 1.0]
    """
    import numpy as np

    ordered = np.sort(magnitudes, axis=None).astype(float)
    largest = ordered[-1]
    tried = largest * np.arange(1, NUM_TRIED) / NUM_TRIED
    # Halving towards zero, where the weights lie; on the grid, so that there is always room between two.
    shares = np.maximum(NUM_TRIED * 0.5 ** np.arange(num_regions - 1, 0, -1), np.arange(1, num_regions)).round()
    points = largest * np.concatenate([[0], shares, [NUM_TRIED]]) / NUM_TRIED
    for _ in range(MAX_ROUNDS):
        before = points.copy()
        for place in range(1, num_regions):
            between = tried[(tried > points[place - 1]) & (tried < points[place + 1])]
            candidates = [np.concatenate([points[:place], [point], points[place + 1 :]]) for point in between]
            points = min(candidates, key=lambda found: expected_error(ordered, found, num_steps), default=points)
        if np.array_equal(points, before):
            break
    return points


def quantize(magnitudes: np.ndarray, breakpoints: np.ndarray, num_steps: int) -> np.ndarray:
    """Magnitudes rounded to the nearest level of their region [p_r, p_(r+1)], of `num_steps` equal steps: float64.

    >>> import numpy as np
    >>> quantize(np.array([0.06, 0.4, 1.0]), np.array([0.0, 0.1, 1.0]), num_steps=3).round(3).tolist()
    [0.067, 0.4, 1.0]
    """
    import numpy as np

    region = np.clip(np.searchsorted(breakpoints, magnitudes, side="left") - 1, 0, len(breakpoints) - 2)
    begin, width = breakpoints[:-1][region], np.diff(breakpoints)[region]
    step = np.where(width > 0, width, 1.0) / num_steps
    return begin + np.rint((magnitudes - begin) / step) * step


@dataclasses.dataclass(frozen=True)
class PiecewiseLinear:
    """Divides the range of magnitudes into regions, each with equal steps of its own (PWLQ).

    x^ = sign(x) (p_r + s_r round((|x| - p_r) / s_r)) for p_r <= |x| <= p_(r+1), with the region's step
    s_r = (p_(r+1) - p_r) / (2^(bits-1) - 1).
    With two regions these are [-p, p] and what lies outside, and p is where the expected error is least. A weight takes
    `bits` bits, its sign among them, and the number of its region besides.

    Args:
      bits: of the level within a region, with the sign, 2 to 16. Defaults to 4.
      num_regions: 2 to 8. Defaults to 2.
      per_channel: whether each output channel has its own breakpoints. Defaults to True.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> from tfcompress.quantization.quantizers.affine import Affine
    >>> from tfcompress.quantization.quantizers.quantizer import error
    >>> values = np.random.default_rng(0).normal(size=(1000, 1))
    >>> equal_steps, two_regions = (each.approximate(values) for each in (Affine(bits=4), PiecewiseLinear(bits=4)))
    >>> round(error(values, equal_steps).sqnr_db, 1), round(error(values, two_regions).sqnr_db, 1)
    (15.5, 23.5)

    Reference: Fang et al., "Post-training piecewise linear quantization for deep neural networks", 2020,
    https://arxiv.org/abs/2002.00104
    """

    bits: int = 4
    num_regions: int = 2
    per_channel: bool = True

    def __post_init__(self) -> None:
        for field, least, most in (("bits", 2, 16), ("num_regions", 2, 8)):
            value = getattr(self, field)
            whole = isinstance(value, int) and not isinstance(value, bool)
            within = whole and least <= value <= most
            expect(
                within, self, field, f"must be a whole number from {least} to {most}", f"Use {4 if most > 8 else 2}."
            )
        expect(isinstance(self.per_channel, bool), self, "per_channel", "must be True or False", "Use True.")

    @property
    def keeps_zero(self) -> bool:
        """Zero is the first level."""
        return True

    @property
    def num_values(self) -> int | None:
        """All levels of both signs; zero and the breakpoints occur twice, and count once."""
        return None if self.per_channel else 2 * self.num_regions * (2 ** (self.bits - 1) - 1) + 1

    def approximate(self, values: np.ndarray, axes: tuple[int, ...] = (-1,), name: str = "values") -> np.ndarray:
        """The nearest level of each value's region: float32 of the same shape.

        Raises:
          InvalidValue: for NaN and infinity, by name.
        """
        import numpy as np

        require_values(values, "PiecewiseLinear", name)
        axes = axes if self.per_channel else ()
        columns = by_channel(values, axes)
        require_finite(np.stack([columns.min(0), columns.max(0)]), values, "PiecewiseLinear", name)
        num_steps = 2 ** (self.bits - 1) - 1
        found = np.empty(columns.shape, np.float32)
        for channel, column in enumerate(columns.T):
            magnitudes = np.abs(column).astype(float)
            points = fit_breakpoints(magnitudes, self.num_regions, num_steps)
            found[:, channel] = np.sign(column) * quantize(magnitudes, points, num_steps)
        return back(found + 0.0, values.shape, axes)  # without negative zeros
