"""The figures that models are evaluated by, each a function of targets and predictions over a whole split.

Arrays may be memory-mapped and larger than memory: every function reads them in parts along the first axis.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ROUNDING = 1e-12  # of the power of outputs: what is left of it without their mean is then float32's rounding
PART_NUMBERS = 1 << 22  # numbers of the larger array that are in memory at once


SMALLEST_SHARE = 1e-7  # a probability, whose logarithm is taken


def parts(*arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """The arrays' rows, the same ones of each, as many at a time as memory should hold.

    >>> import numpy as np
    >>> [len(first) for first, _ in parts(np.zeros((5, 1 << 21)), np.zeros(5))]
    [2, 2, 1]
    """
    import numpy as np

    widest = max(math.prod(array.shape[1:]) for array in arrays)
    size = max(1, PART_NUMBERS // max(1, widest))
    for begin in range(0, len(arrays[0]), size):
        yield tuple(np.asarray(array[begin : begin + size]) for array in arrays)


def share_equal(pairs: Iterable[tuple[np.ndarray, np.ndarray]], ignore: int | None = None) -> float:
    """The share of classes that equal their targets; `pairs` are (targets, classes), targets `ignore` do not count.

    >>> import numpy as np
    >>> share_equal([(np.array([0, 1, 2, 9]), np.array([0, 1, 1, 1]))], ignore=9)
    0.6666666666666666
    """
    right = total = 0
    for wanted, given in pairs:
        counted = wanted == wanted if ignore is None else wanted != ignore
        right += int(((wanted == given) & counted).sum())
        total += int(counted.sum())
    return right / total if total else math.nan


def confusion(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], num_classes: int, ignore: int | None = None
) -> np.ndarray:
    """How often target i was given class j, (num_classes, num_classes).

    >>> import numpy as np
    >>> confusion([(np.array([0, 0, 1]), np.array([0, 1, 1]))], 2).tolist()
    [[1, 1], [0, 1]]
    """
    import numpy as np

    counts = np.zeros(num_classes * num_classes, "int64")
    for wanted, given in pairs:
        counted = np.ones(wanted.shape, bool) if ignore is None else wanted != ignore
        numbers = wanted[counted].astype("int64") * num_classes + given[counted].astype("int64")
        counts += np.bincount(numbers, minlength=len(counts))[: len(counts)]
    return counts.reshape(num_classes, num_classes)


def mean_iou(counts: np.ndarray) -> float:
    """Intersection over union, the mean over the classes that occur, of a confusion matrix.

    >>> import numpy as np
    >>> mean_iou(np.array([[2, 1], [0, 1]])).__round__(4)  # (2/3 + 1/2) / 2
    0.5833
    """
    import numpy as np

    right = np.diag(counts).astype("float64")
    union = counts.sum(0) + counts.sum(1) - right
    return float(np.mean(right[union > 0] / union[union > 0])) if (union > 0).any() else math.nan


def mean_f1(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """2 TP / (2 TP + FP + FN), the mean over the labels (columns) that occur, of truth values (examples, labels).

    >>> import numpy as np
    >>> mean_f1([(np.array([[1, 0], [1, 1]], bool), np.array([[1, 0], [0, 1]], bool))]).__round__(4)  # (2/3 + 1) / 2
    0.8333
    """
    import numpy as np

    counts = [((wanted & found).sum(0), wanted.sum(0) + found.sum(0)) for wanted, found in pairs]
    right, both = (np.atleast_1d(sum(column)).astype("float64") for column in zip(*counts, strict=True))
    return float(np.mean(2 * right[both > 0] / both[both > 0])) if (both > 0).any() else math.nan


def mean_absolute_error(targets: np.ndarray, outputs: np.ndarray) -> float:
    """mean |y - p|."""
    total = sum(float(abs(y.astype("float64") - p).sum()) for y, p in parts(targets, outputs))
    return total / outputs.size


def mean_squared_error(targets: np.ndarray, outputs: np.ndarray) -> float:
    """mean (y - p)^2."""
    total = sum(float(((y.astype("float64") - p) ** 2).sum()) for y, p in parts(targets, outputs))
    return total / outputs.size


def r2(targets: np.ndarray, outputs: np.ndarray) -> float:
    """1 - sum (y - p)^2 / sum (y - mean y)^2, the mean taken for each number of an example; the sums over all of them.

    >>> import numpy as np
    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    mean = sum(y.astype("float64").sum(0) for (y,) in parts(targets)) / len(targets)
    around = sum(float(((y.astype("float64") - mean) ** 2).sum()) for (y,) in parts(targets))
    left = mean_squared_error(targets, outputs) * outputs.size
    return 1 - left / around if around else math.nan


def error_by_example(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """mean (x - x^)^2 of each example, (N,).

    >>> import numpy as np
    >>> error_by_example(np.array([[0.0, 2.0]]), np.array([[0.0, 0.0]]))
    array([2.])
    """
    import numpy as np

    found = [((x.astype("float64") - p) ** 2).reshape(len(x), -1).mean(1) for x, p in parts(inputs, outputs)]
    return np.concatenate(found)


def roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    """The chance that an example of class 1 scores above one of class 0, ties counting half; NaN without both classes.

    >>> import numpy as np
    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75

    Reference: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982,
    https://doi.org/10.1148/radiology.143.1.7063747
    """
    import numpy as np

    positive = np.asarray(targets).ravel() > 0.5
    _, number, counts = np.unique(np.asarray(scores).ravel(), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[number]  # of equal scores the mean of their places
    num_positive, num_negative = int(positive.sum()), int((~positive).sum())
    if not num_positive or not num_negative:
        return math.nan
    return float((ranks[positive].sum() - num_positive * (num_positive + 1) / 2) / (num_positive * num_negative))


@dataclasses.dataclass(frozen=True)
class Closeness:
    """How two runs over the same examples compare: decibels, the cosine of the angle, and the largest difference."""

    sqnr_db: float
    cosine: float
    largest_difference: float


def closeness(exact: np.ndarray, given: np.ndarray) -> Closeness:
    """Compares outputs (N, ...) of two runs, the mean over the examples of `exact` taken off both.

    SQNR = 10 log10(sum (x - m)^2 / sum (x - x^)^2) with m = mean of x over the examples. Without taking it off, two
    regressors with different weights look alike, as their outputs have the same mean.

    >>> import numpy as np
    >>> x = np.array([[10.0], [12.0]])
    >>> found = closeness(x, x + [[0.1], [-0.1]])
    >>> round(found.sqnr_db, 6), round(found.cosine, 6), round(found.largest_difference, 6)
    (20.0, 1.0, 0.1)

    A file that always gives the mean is all noise:

    >>> closeness(x, np.array([[11.0], [11.0]])).sqnr_db
    0.0

    Outputs that are the same for every example have no signal, and tell no model from another:

    >>> closeness(np.full((3, 1), 0.1), np.full((3, 1), 0.1)).sqnr_db
    -inf
    """
    mean = sum(x.astype("float64").sum(0) for (x,) in parts(exact)) / len(exact)
    signal = noise = product = approximation = largest = power = 0.0
    for x, y in parts(exact, given):
        power += float((x.astype("float64") ** 2).sum())
        x, y = x.astype("float64") - mean, y.astype("float64") - mean
        difference = abs(x - y)
        signal, approximation = signal + float((x * x).sum()), approximation + float((y * y).sum())
        product, noise = product + float((x * y).sum()), noise + float((difference * difference).sum())
        largest = max(largest, float(difference.max()))
    if signal <= ROUNDING * power:
        return Closeness(-math.inf, float(noise == 0), largest)
    norms = math.sqrt(signal * approximation)
    return Closeness(_decibels(signal, noise), min(1.0, product / norms) if norms else float(noise == 0), largest)


def activated(logits: np.ndarray, activation: str) -> np.ndarray:
    """Softmax or sigmoid of logits (N, ..., C).

    >>> import numpy as np
    >>> activated(np.array([[0.0, 0.0]]), "softmax").tolist(), activated(np.array([[0.0]]), "sigmoid").tolist()
    ([[0.5, 0.5]], [[0.5]])
    """
    import numpy as np

    wide = np.asarray(logits, "float64")
    if activation == "softmax":
        found: np.ndarray = np.exp(wide - wide.max(-1, keepdims=True))
        found /= found.sum(-1, keepdims=True)
    else:
        found = 1 / (1 + np.exp(-np.clip(wide, -700, 700)))
    return found.astype("float32")


def logits_of(outputs: np.ndarray, activation: str) -> np.ndarray:
    """Logits of which `activation` makes these outputs, for metrics of a model's logits; outputs where there is none.

    >>> import numpy as np
    >>> logits_of(np.array([[0.5]]), "sigmoid").tolist()
    [[0.0]]
    """
    import numpy as np

    if not activation:
        return outputs
    sure = np.clip(np.asarray(outputs, "float64"), SMALLEST_SHARE, 1 - SMALLEST_SHARE)
    found: np.ndarray = np.log(sure) if activation == "softmax" else np.log(sure / (1 - sure))
    return found


def _decibels(signal: float, noise: float) -> float:
    return 10 * math.log10(signal / noise) if noise else math.inf
