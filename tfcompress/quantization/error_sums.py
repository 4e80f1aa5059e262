"""Signal, noise and cosine as sums, so that the error of what never fits in memory at once is told exactly."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class ErrorSums:
    """Sums over pairs of a value x and what stands in its place, x^; those of parts add up to those of the whole.

    >>> whole = ErrorSums(signal=9.0, noise=0.0, product=9.0, approximation=9.0)
    >>> (whole + ErrorSums(signal=16.0, noise=1.0, product=12.0, approximation=9.0)).signal
    25.0
    """

    signal: float = 0.0  # sum of x^2
    noise: float = 0.0  # sum of (x - x^)^2
    product: float = 0.0  # sum of x x^
    approximation: float = 0.0  # sum of x^^2

    def __add__(self, other: ErrorSums) -> ErrorSums:
        return ErrorSums(
            self.signal + other.signal,
            self.noise + other.noise,
            self.product + other.product,
            self.approximation + other.approximation,
        )

    @property
    def sqnr_db(self) -> float:
        """Signal to quantization noise, 10 log10(sum x^2 / sum (x - x^)^2): infinite where nothing differs.

        >>> ErrorSums(signal=100.0, noise=1.0).sqnr_db
        20.0
        """
        if self.noise == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf

    @property
    def cosine(self) -> float:
        """Of the angle between the two, sum x x^ / sqrt(sum x^2 sum x^^2); 1 where nothing differs.

        >>> ErrorSums(signal=25.0, noise=1.0, product=21.0, approximation=18.0).cosine.__round__(4)
        0.9899
        """
        norms = math.sqrt(self.signal * self.approximation)
        return min(1.0, self.product / norms) if norms else float(self.noise == 0)


def sums_of(exact: object, rough: object) -> ErrorSums:
    """The sums over two arrays of the same number of values, in double precision.

    >>> sums_of([3.0, 4.0], [3.0, 3.0])
    ErrorSums(signal=25.0, noise=1.0, product=21.0, approximation=18.0)
    """
    import numpy as np

    x, y = (np.asarray(values, np.float64).ravel() for values in (exact, rough))
    noise = x - y
    return ErrorSums(*(float(a @ b) for a, b in ((x, x), (noise, noise), (x, y), (y, y))))
