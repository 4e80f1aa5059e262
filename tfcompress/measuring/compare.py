"""How close two runs of a model are: the error of any tensor, and what it does to a classifier's outputs.

x is a value of the exact run, x^ what stands in its place. SQNR is the signal to quantization noise in decibels. Errors
are held as sums, which add up over batches and layers, so that what never fits into memory at once is measured exactly.
p and q are the classes' probabilities in the exact and in the other run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


@dataclasses.dataclass(frozen=True)
class OutputComparison:
    """The outputs of a changed model beside those of the exact one.

    `error` is of the outputs as they come. `accuracy` and `loss`, the mean cross-entropy in nats, are the changed
    model's and need labels; `top_1_agreement` is that of the two, `divergence` the mean of KL(p || q) in nats.
    All four are None where outputs are no classes, (N, classes).
    """

    error: ErrorSums
    accuracy: float | None = None
    loss: float | None = None
    top_1_agreement: float | None = None
    divergence: float | None = None


def compare_outputs(
    exact: np.ndarray, changed: np.ndarray, labels: np.ndarray | None, to_logits: Callable[[Any], Any] | None = None
) -> OutputComparison:
    """Compares two outputs of one shape, (N, classes) for a classifier; `labels` are (N,).

    The error is of the outputs as they come; all else of logits, which `to_logits` makes of them where they are none.

    >>> import numpy as np
    >>> compare_outputs(np.log([[0.5, 0.5]]), np.log([[0.75, 0.25]]), None).divergence.__round__(4)  # ln(4 / 3) / 2
    0.1438
    """
    import numpy as np

    error = sums_of(exact, changed)
    if exact.ndim != 2 or exact.shape[1] < 2:
        return OutputComparison(error)
    classes = changed.argmax(-1)
    log_p, log_q = (log_softmax(outputs if to_logits is None else to_logits(outputs)) for outputs in (exact, changed))
    divergence = float(np.mean(np.sum(np.exp(log_p) * (log_p - log_q), -1)))
    accuracy = None if labels is None else float(np.mean(classes == labels))
    loss = None if labels is None else float(-np.mean(log_q[np.arange(len(labels)), labels]))
    agreement = float(np.mean(classes == exact.argmax(-1)))
    return OutputComparison(error, accuracy, loss, agreement, max(0.0, divergence))
