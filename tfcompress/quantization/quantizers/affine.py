"""Linear quantization: levels at equal steps, for any number of bits, rounding, and way to choose the range."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from . import range_estimators
from .quantizer import back, by_channel, require_finite, require_values, widened
from .stochastic import SNAP, generator, round_stochastically

if TYPE_CHECKING:
    import numpy as np

ROUNDINGS = ("nearest", "floor", "stochastic")
RANGES = ("min_max", "percentile", "mse", "octav", "kl")
_TINY = 2.0**-126  # float32's smallest normal number
_AWAY = 1 + 2.0**-50  # a factor so near to 1 moves nothing but ties, and those away from zero
_BLOCK = 1 << 16  # numbers that are worked on at a time: as many as stay in the processor's caches


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """The levels of each channel: x^ = scale * (level - zero_point), for lowest <= level <= highest.

    `scale` (float64, which the levels come from) and `zero_point` are of shape (channels,), in the order of
    `quantizer.by_channel`; a .tflite stores the scale in float32, and so the approximation is multiplied out.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    lowest: int
    highest: int


def grid(low: np.ndarray, high: np.ndarray, bits: int, symmetric: bool) -> Grid:
    """The levels that cover the ranges [low, high], both of shape (channels,), zero always among them.

    Symmetric: levels -q..q with q = 2^(bits-1) - 1, scale = max(|low|, |high|) / q, zero_point = 0, as TFLite's int8
    kernels are. Asymmetric: 2^bits levels, scale = (high - low) / (2^bits - 1), and the zero point a whole number.

    >>> import numpy as np
    >>> levels = grid(np.array([-1.0]), np.array([2.0]), bits=2, symmetric=False)
    >>> levels.scale.tolist(), levels.zero_point.tolist(), (levels.lowest, levels.highest)
    ([1.0], [-1], (-2, 1))
    """
    import numpy as np

    half = 2 ** (bits - 1)
    lowest = 1 - half if symmetric else -half
    if symmetric:
        scale = np.maximum(-low, high).astype(float) / (half - 1)
    else:
        low, high = np.minimum(low, 0).astype(float), np.maximum(high, 0).astype(float)
        scale = (high - low) / (2 * half - 1)
    # All zeros need no step. What is finer than float32's smallest normal number would be infinite when inverted.
    scale[scale < _TINY] = 1.0
    zero_point = np.zeros(scale.shape, int) if symmetric else np.rint(lowest - low / scale).astype(int)
    return Grid(scale, zero_point, lowest, half - 1)


def quantize(
    values: np.ndarray,
    levels: Grid,
    rounding: str = "nearest",
    random: np.random.Generator | None = None,
    inside: bool = False,
) -> np.ndarray:
    """Levels of values, shape (N, channels), as int8 or int16; what lies outside becomes the lowest or the highest.

    level = clamp(round(x / scale) + zero_point, lowest, highest). "nearest" takes ties away from zero, as TFLite does;
    "floor" is the textbook's floor(x / scale); "stochastic" is `round_stochastically`, and needs `random`. To say that
    no value lies outside of the range that the levels were made for (`inside`) saves time.

    >>> import numpy as np
    >>> levels = grid(np.array([-7.0]), np.array([7.0]), bits=4, symmetric=True)
    >>> quantize(np.array([[0.5], [-0.5], [2.4], [9.0]]), levels).ravel().tolist()
    [1, -1, 2, 7]
    """
    import numpy as np

    found = np.empty(values.shape, np.int8 if levels.lowest >= -128 and levels.highest <= 127 else np.int16)
    # Several rows side by side make a long row: NumPy works on a row at a time.
    wide, wide_found = widened(values), widened(found)
    times = wide.shape[1] // values.shape[1]
    inverse = _repeated((_AWAY if rounding == "nearest" else 1.0) / levels.scale, times)
    integer = np.int16 if levels.highest < 2048 else np.int32  # with room for twice the levels, and the zero point
    zero_point = _repeated(levels.zero_point, times).astype(integer) if levels.zero_point.any() else None
    rows = min(len(wide), max(1, _BLOCK // wide.shape[1]))
    room = np.empty((rows, wide.shape[1]))
    # A grid that is not the same on both sides may end half a step short of its range, as its zero point is whole.
    needs_no_clamp = inside and levels.lowest == -levels.highest
    whole = None if needs_no_clamp and zero_point is None else np.empty(room.shape, integer)
    snap = 2 * levels.highest * SNAP  # what is nearer to the next level than float32 resolves is that level
    for begin in range(0, len(wide), rows):
        block = wide[begin : begin + rows]
        steps = room[: len(block)]
        steps[...] = block  # apart from the product: NumPy converts and multiplies at once more slowly
        np.multiply(steps, inverse, out=steps)
        if rounding == "nearest":
            np.rint(steps, out=steps)
        elif rounding == "floor":
            np.add(steps, snap, out=steps)
            np.floor(steps, out=steps)
        else:
            steps = round_stochastically(steps, random)
        if whole is None:
            wide_found[begin : begin + rows] = steps
            continue
        if not inside:  # beyond what an integer holds, perhaps
            np.clip(steps, 2 * levels.lowest, -2 * levels.lowest, out=steps)
        integers = whole[: len(block)]
        integers[...] = steps
        if zero_point is not None:
            np.add(integers, zero_point, out=integers)
        wide_found[begin : begin + rows] = np.clip(integers, levels.lowest, levels.highest, out=integers)
    return found


def _repeated(channels: np.ndarray, times: int) -> np.ndarray:
    import numpy as np

    if times == 1:
        return channels
    found = np.empty((times, len(channels)), channels.dtype)
    found[...] = channels  # np.tile and np.broadcast_to take several times as long for so few numbers
    return found.reshape(-1)


def dequantize(found: np.ndarray, levels: Grid) -> np.ndarray:
    """The values that levels stand for: float32 of the same shape (N, channels).

    >>> import numpy as np
    >>> levels = grid(np.array([-1.0]), np.array([2.0]), bits=2, symmetric=False)
    >>> dequantize(np.array([[-2], [-1], [0], [1]]), levels).ravel().tolist()
    [-1.0, 0.0, 1.0, 2.0]
    """
    import numpy as np

    centred = found.astype(np.float32)
    if levels.zero_point.any():
        centred -= levels.zero_point.astype(np.float32)
    return np.multiply(centred, levels.scale.astype(np.float32), out=centred)


@dataclasses.dataclass(frozen=True)
class Affine:
    """Levels at equal steps (linear, or affine, quantization): x^ = scale * (clamp(round(x / scale) + z) - z).

    With the defaults it gives bit for bit the int8 kernels that TFLite's converter writes.

    Args:
      bits: of a level, 2 to 16. Defaults to 8.
      symmetric: whether levels are the same on both sides of zero (2^bits - 1 of them), or follow the range. Defaults
        to True.
      per_channel: whether each output channel has its own scale. Defaults to True.
      rounding: "nearest", "floor" (the textbook's floor(x / scale), biased by half a step), or "stochastic". Defaults
        to "nearest".
      range_by: what the levels cover: "min_max" all values; "percentile" the middle ones; "mse" as much as leaves the
        least squared error; "octav" that by Newton's iteration; "kl" by the KL divergence of histograms. Defaults to
        "min_max".
      percentile: of the values that "percentile" covers, in (50, 100]. Defaults to 99.9.
      seed: of stochastic rounding, with the kernel's name. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.

    Example:

    >>> import numpy as np
    >>> Affine(bits=3).approximate(np.array([[0.1, 3.0], [-0.3, 1.4]])).round(2).tolist()
    [[0.10000000149011612, 3.0], [-0.30000001192092896, 1.0]]

    References: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
    inference", 2018, https://arxiv.org/abs/1712.05877; Krishnamoorthi, "Quantizing deep convolutional networks for
    efficient inference", 2018, https://arxiv.org/abs/1806.08342; for the ranges see `range_estimators`.
    """

    bits: int = 8
    symmetric: bool = True
    per_channel: bool = True
    rounding: str = "nearest"
    range_by: str = "min_max"
    percentile: float = 99.9
    seed: int = 0

    def __post_init__(self) -> None:
        whole = isinstance(self.bits, int) and not isinstance(self.bits, bool)
        expect(whole and 2 <= self.bits <= 16, self, "bits", "must be a whole number from 2 to 16", "Use 8.")
        for field in ("symmetric", "per_channel"):
            expect(isinstance(getattr(self, field), bool), self, field, "must be True or False", "Use True.")
        expect(self.rounding in ROUNDINGS, self, "rounding", f"must be one of {ROUNDINGS}", "Use 'nearest'.")
        expect(self.range_by in RANGES, self, "range_by", f"must be one of {RANGES}", "Use 'min_max'.")
        expect(50 < self.percentile <= 100, self, "percentile", "must be in (50, 100]", "Use 99.9.")
        expect(isinstance(self.seed, int) and self.seed >= 0, self, "seed", "must be a whole number from 0", "Use 0.")

    @property
    def keeps_zero(self) -> bool:
        """Zero is always a level."""
        return True

    @property
    def num_values(self) -> int | None:
        """All levels, when there is one scale."""
        return None if self.per_channel else 2**self.bits - int(self.symmetric)

    def quantize(
        self, values: np.ndarray, axes: tuple[int, ...] = (-1,), name: str = "values"
    ) -> tuple[np.ndarray, Grid]:
        """The level of each value, of the values' shape (int8 or int16), and what the levels mean.

        Raises:
          InvalidValue: for NaN and infinity, by name.
        """
        import numpy as np

        found, levels = self._quantized(values, axes, name)
        return back(found, np.shape(values), self._axes(axes)), levels

    def approximate(self, values: np.ndarray, axes: tuple[int, ...] = (-1,), name: str = "values") -> np.ndarray:
        """What the levels of `values` stand for: float32 of the same shape. Raises `InvalidValue` as `quantize`."""
        import numpy as np

        found, levels = self._quantized(values, axes, name)
        return back(dequantize(found, levels), np.shape(values), self._axes(axes))

    def _axes(self, axes: tuple[int, ...]) -> tuple[int, ...]:
        return axes if self.per_channel else ()

    def _quantized(self, values: np.ndarray, axes: tuple[int, ...], name: str) -> tuple[np.ndarray, Grid]:
        """The levels with a channel in each column, and what they mean."""
        import numpy as np

        require_values(values, "Affine", name)
        columns = by_channel(values, self._axes(axes))
        low, high = range_estimators.min_max(columns)
        require_finite(np.stack([low, high]), values, "Affine", name)
        if self.range_by != "min_max":
            low, high = self._clipped_range(columns)
        levels = grid(low, high, self.bits, self.symmetric)
        random = generator(self.seed, name) if self.rounding == "stochastic" else None
        return quantize(columns, levels, self.rounding, random, inside=self.range_by == "min_max"), levels

    def _clipped_range(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        num_steps = 2**self.bits - 1 - int(self.symmetric)
        if self.range_by == "percentile":
            return range_estimators.percentile(columns, self.percentile)
        if self.range_by == "mse":
            return range_estimators.mean_squared_error(columns, num_steps, self.symmetric)
        if self.range_by == "octav":
            return range_estimators.octav(columns, self.bits, self.symmetric)
        return range_estimators.kullback_leibler(columns, num_steps, self.symmetric)
