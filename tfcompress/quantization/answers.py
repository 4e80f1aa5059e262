"""The answers of two networks on the same examples, compared: right, equal, and how far apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .error_sums import ErrorSums, sums_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Answers:
    """How a changed network answers: `accuracy` and `loss` need labels, the others the answers of the one before.

    `agreement` is the share of equal classes; `divergence` the mean of KL(p || q), in nats, p being what the network
    before said and q what it says now; both are None where outputs are no classes, (N, classes).
    """

    error: ErrorSums
    accuracy: float | None = None
    loss: float | None = None
    agreement: float | None = None
    divergence: float | None = None


def compare(
    before: np.ndarray, now: np.ndarray, labels: np.ndarray | None, to_logits: Callable[[Any], Any] | None = None
) -> Answers:
    """Compares outputs of one shape, (N, classes) for a classifier; `labels` are (N,).

    The error is of the outputs as they come; all else of logits, which `to_logits` makes of them where they are none.

    >>> import numpy as np
    >>> compare(np.log([[0.5, 0.5]]), np.log([[0.75, 0.25]]), None).divergence.__round__(4)  # ln(4 / 3) / 2
    0.1438
    """
    import numpy as np

    error = sums_of(before, now)
    if before.ndim != 2 or before.shape[1] < 2:
        return Answers(error)
    classes = now.argmax(-1)
    exact, rough = (log_softmax(outputs if to_logits is None else to_logits(outputs)) for outputs in (before, now))
    divergence = float(np.mean(np.sum(np.exp(exact) * (exact - rough), -1)))
    right = None if labels is None else float(np.mean(classes == labels))
    loss = None if labels is None else float(-np.mean(rough[np.arange(len(labels)), labels]))
    return Answers(error, right, loss, float(np.mean(classes == before.argmax(-1))), max(0.0, divergence))


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
