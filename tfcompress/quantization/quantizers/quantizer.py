"""What a quantizer is, and what all share: values checked, channels side by side, and the error measured."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ...core.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np

_WIDTH = 4096


@runtime_checkable
class Quantizer(Protocol):
    """A way to say values with few bits."""

    @property
    def keeps_zero(self) -> bool:
        """Whether zero is a level of its own, so that zeros stay zeros."""

    @property
    def num_values(self) -> int | None:
        """At most so many distinct values are in a kernel afterwards; None when each channel has its own."""

    def approximate(self, values: np.ndarray, axes: tuple[int, ...] = (-1,), name: str = "values") -> np.ndarray:
        """The levels nearest to `values` (or as it rounds): float32, of the same shape.

        Args:
          values: of any shape, at least one.
          axes: of the channels; all other axes lie within a channel.
          name: of the values, for errors and as the seed of what is random.
        """


@dataclasses.dataclass(frozen=True)
class QuantizationError:
    """How far an approximation is from the values: the largest and the mean squared difference, SQNR and cosine."""

    largest: float
    mean_squared: float
    sqnr_db: float  # signal to quantization noise, 10 log10(sum x^2 / sum (x - x^)^2); infinite when equal
    cosine: float


def error(values: np.ndarray, approximation: np.ndarray) -> QuantizationError:
    """Compares values with what a quantizer made of them, in float64.

    >>> import numpy as np
    >>> error(np.array([3.0, 4.0]), np.array([3.0, 3.0])).mean_squared
    0.5
    """
    import numpy as np

    exact, rough = np.asarray(values, float).ravel(), np.asarray(approximation, float).ravel()
    noise, signal = exact - rough, float(exact @ exact)
    power = float(noise @ noise)
    norms = math.sqrt(signal * float(rough @ rough))
    return QuantizationError(
        largest=float(np.abs(noise).max(initial=0.0)),
        mean_squared=power / max(exact.size, 1),
        sqnr_db=math.inf if power == 0 else 10 * math.log10(signal / power) if signal else -math.inf,
        cosine=float(exact @ rough) / norms if norms else float(signal == power == 0),
    )


def by_channel(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The values with a channel in each column, shape (N, channels); without axes all are one channel."""
    import numpy as np

    values = np.asarray(values, np.float32)
    if not axes:
        return values.reshape(-1, 1)
    axes = tuple(axis % values.ndim for axis in axes)
    if axes != tuple(range(values.ndim - len(axes), values.ndim)):
        values = np.moveaxis(values, axes, range(-len(axes), 0))
    return values.reshape(-1, math.prod(values.shape[-len(axes) :]))


def back(columns: np.ndarray, shape: tuple[int, ...], axes: tuple[int, ...]) -> np.ndarray:
    """Undoes `by_channel`: an array of the values' shape."""
    import numpy as np

    axes = tuple(axis % len(shape) for axis in axes)
    if axes == tuple(range(len(shape) - len(axes), len(shape))):
        return columns.reshape(shape)
    others = [size for axis, size in enumerate(shape) if axis not in axes]
    return np.moveaxis(columns.reshape(*others, *(shape[axis] for axis in axes)), range(-len(axes), 0), axes)


def widened(columns: np.ndarray) -> np.ndarray:
    """The same numbers, (N, channels), with as many rows side by side as divide N and make a row of `_WIDTH` at most.

    >>> import numpy as np
    >>> widened(np.zeros((9, 1000))).shape, widened(np.zeros((7000, 3))).shape, widened(np.zeros((4, 5000))).shape
    ((3, 3000), (7, 3000), (4, 5000))
    """
    rows, channels = columns.shape
    times = _times(rows, channels)
    return columns.reshape(rows // times, times * channels)


@functools.lru_cache(1024)
def _times(rows: int, channels: int) -> int:
    """How many rows go side by side; kept, as a network has many kernels and few shapes."""
    return next((times for times in range(min(rows, _WIDTH // max(channels, 1)), 1, -1) if rows % times == 0), 1)


def extremes(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest value of each column, (channels,) each."""
    if columns.shape[1] == 1:
        return columns.min().reshape(1), columns.max().reshape(1)
    wide = widened(columns) if columns.size > _WIDTH else columns
    parts = (wide.min(0), wide.max(0))
    if wide.shape[1] == columns.shape[1]:
        return parts
    low, high = (part.reshape(-1, columns.shape[1]) for part in parts)
    return low.min(0), high.max(0)


def require_finite(extremes: np.ndarray, values: np.ndarray, owner: str, name: str) -> None:
    """Refuses NaN and infinity by name; `extremes` are the minima and maxima, through which both show."""
    import numpy as np

    if np.isfinite(extremes).all():
        return
    bad = ~np.isfinite(values)
    first = tuple(int(axis[0]) for axis in np.nonzero(bad))
    raise InvalidValue(
        f"{owner} expects finite numbers in {name}. Received: {float(values[first])} at {list(first)}, and "
        f"{int(bad.sum())} of {values.size} not finite. Look for a training that diverged."
    )


def require_values(values: np.ndarray, owner: str, name: str) -> None:
    """Refuses an empty array."""
    if not values.size:
        raise InvalidValue(f"{owner} expects values in {name}. Received: shape {values.shape}. Leave it out.")
