"""How close two runs of a model are: the error of any tensor, and what it does to the model's outputs.

x is a value of the exact run, x^ what stands in its place. SQNR is the signal to quantization noise in decibels. Errors
are held as sums, which add up over batches and layers, so that what never fits into memory at once is measured exactly.
p and q are the classes' probabilities in the exact and in the other run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.tasks.task import VALUES, Output
from .outputs import as_logits

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class ErrorSums:
    """Sums over pairs of x and x^; those of parts add up to those of the whole.

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


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log(e^z / sum of e^z) along the last axis, in double precision.

    >>> import numpy as np
    >>> log_softmax(np.array([[1000.0, 1000.0]])).round(4).tolist()
    [[-0.6931, -0.6931]]
    """
    import numpy as np

    z = np.asarray(logits, np.float64)
    z = z - z.max(-1, keepdims=True)
    logarithms: np.ndarray = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return logarithms


@dataclasses.dataclass(frozen=True)
class OutputComparison:
    """The outputs of a changed model beside those of the exact one.

    Args:
      error: of the output that differs most, as it comes.
      divergence: the sum over the outputs: where they name classes the mean of KL(p || q) in nats, else the noise as a
        share of the signal, sum (x - x^)^2 / sum (x - m)^2 with m the mean over the examples.
      top_1_agreement: the share of equal classes or labels; None where no output names any.
      metric: of the changed model, where somebody measured it.
      loss: likewise.
    """

    error: ErrorSums
    divergence: float
    top_1_agreement: float | None = None
    metric: float | None = None
    loss: float | None = None


def compare_outputs(
    exact: Sequence[np.ndarray], changed: Sequence[np.ndarray], outputs: Sequence[Output]
) -> OutputComparison:
    """Compares two runs over the same examples, output by output, (N, ...) each.

    >>> import numpy as np
    >>> p, q = (np.log([probabilities]) for probabilities in ([0.5, 0.5], [0.75, 0.25]))
    >>> compare_outputs([p], [q], [Output("logits", "classes")]).divergence.__round__(4)  # ln(4 / 3) / 2
    0.1438
    """
    import numpy as np

    errors = [sums_of(x, y) for x, y in zip(exact, changed, strict=True)]
    pairs = list(zip(outputs, exact, changed, strict=True))
    divergence = sum(_divergence(output, x, y) for output, x, y in pairs)
    equal = [output.decide(x) == output.decide(y) for output, x, y in pairs if output.kind != VALUES]
    agreement = float(np.mean(np.concatenate([part.ravel() for part in equal]))) if equal else None
    return OutputComparison(min(errors, key=lambda error: error.sqnr_db), divergence, agreement)


def _divergence(output: Output, exact: np.ndarray, changed: np.ndarray) -> float:
    import numpy as np

    if output.kind == VALUES:
        x, y = exact.astype("float64"), changed.astype("float64")
        noise, signal = float(np.square(x - y).sum()), float(np.square(x - x.mean(0)).sum())
        return noise / signal if signal else noise
    log_p, log_q = (log_softmax(np.asarray(as_logits(output)(values))) for values in (exact, changed))
    return max(0.0, float(np.mean(np.sum(np.exp(log_p) * (log_p - log_q), -1))))
