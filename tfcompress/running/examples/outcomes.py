"""How the predictions of one output went: by class where it names classes, else by the numbers that it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.tasks.metrics import parts
from ...core.tasks.task import LABELS, VALUES, Output

if TYPE_CHECKING:
    import numpy as np

MOST_CLASSES = 64  # of which the whole confusion matrix is kept; of more, the most frequent confusions
MOST_CONFUSIONS = 40
MOST_NUMBERS = 64  # of the last axis, each of which has an error of its own
NUM_BINS = 40
CONFUSION, BY_LABEL, ERRORS, NOT_COMPARED = "confusion", "labels", "errors", "not compared"


def outcome(output: Output, targets: Any, given: np.ndarray) -> dict[str, Any]:
    """How the predictions of an output went, as JSON.

    Args:
      output: what it says.
      targets: of it, (N, ...).
      given: what a model or a file gave, (N, ...).

    Returns:
      `kind` is "confusion" (counts by true and by predicted class), "labels" (counts by label: right, missed, false
      alarms), "errors" (of numbers: the mean absolute error by the last axis, and a histogram of what is given less
      what is wanted), or "not compared" with the reason, where targets have another form.

    >>> import numpy as np
    >>> seen = outcome(Output("y", "classes"), np.array([0, 1, 1]), np.array([[2.0, 0], [0, 1], [3, 1]]))
    >>> seen["kind"], seen["matrix"]
    ('confusion', [[1, 0], [1, 1]])
    """
    import numpy as np

    targets = np.asarray(targets) if not hasattr(targets, "shape") else targets
    if output.kind == VALUES:
        if targets.shape != given.shape and (*targets.shape, 1) != given.shape:
            return {"kind": NOT_COMPARED, "reason": f"targets {targets.shape} and outputs {given.shape} differ in form"}
        return _errors(targets, given)
    return _labels(output, targets, given) if output.kind == LABELS else _confusion(output, targets, given)


def _confusion(output: Output, targets: Any, given: np.ndarray) -> dict[str, Any]:
    import numpy as np

    counts: np.ndarray = np.zeros((0, 0), "int64")
    for wanted, named in output.pairs(targets, given):
        counted = np.ones(wanted.shape, bool) if output.ignore is None else wanted != output.ignore
        true, predicted = wanted[counted].reshape(-1), named[counted].reshape(-1)
        size = max(len(counts), given.shape[-1] if output.kind == "classes" else 2)
        grown = np.bincount(true * size + predicted, minlength=size * size).reshape(size, size)
        grown[: len(counts), : len(counts)] += counts
        counts = grown
    found: dict[str, Any] = {
        "kind": CONFUSION,
        "num_classes": len(counts),
        "num_right": int(np.trace(counts)),
        "num_counted": int(counts.sum()),
        "by_class": [
            {"class": number, "num": int(row.sum()), "num_right": int(row[number])} for number, row in enumerate(counts)
        ],
        "confusions": _most_confused(counts),
    }
    return {**found, "matrix": counts.tolist()} if len(counts) <= MOST_CLASSES else found


def _most_confused(counts: np.ndarray) -> list[dict[str, int]]:
    """The pairs of classes that are confused, the most frequent first."""
    import numpy as np

    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = (np.unravel_index(place, wrong.shape) for place in order)
    return [
        {"true": int(true), "predicted": int(named), "num": int(wrong[true, named])}
        for true, named in pairs
        if wrong[true, named]
    ]


def _labels(output: Output, targets: Any, given: np.ndarray) -> dict[str, Any]:
    right = missed = false = 0
    for wanted, named in output.pairs(targets, given):
        axes = tuple(range(wanted.ndim - 1))
        right = right + (wanted & named).sum(axes)
        missed = missed + (wanted & ~named).sum(axes)
        false = false + (~wanted & named).sum(axes)
    rows = zip(*(map(int, each) for each in (right, missed, false)), strict=True)  # type: ignore[call-overload]
    return {
        "kind": BY_LABEL,
        "by_label": [
            {"class": number, "num_right": hit, "num_missed": lost, "num_false": alarm}
            for number, (hit, lost, alarm) in enumerate(rows)
        ],
    }


def _errors(targets: Any, given: np.ndarray) -> dict[str, Any]:
    """Mean absolute error by the last axis, and a histogram of all errors between their 1st and 99th percentile."""
    import numpy as np

    width = given.shape[-1] if given.ndim > 1 else 1
    sums, count, sampled = np.zeros(width), 0, []
    for wanted, found in parts(targets, given):
        error = (found - np.reshape(wanted, found.shape)).astype("float64").reshape(-1, width)
        sums, count = sums + abs(error).sum(0), count + len(error)
        sampled.append(error.reshape(-1)[:: max(1, error.size >> 16)])
    errors = np.concatenate(sampled)
    low, high = np.quantile(errors, (0.01, 0.99)).tolist()
    edges = np.linspace(low, high if high > low else low + 1e-9, NUM_BINS + 1)
    counts, _ = np.histogram(errors.clip(low, high), edges)
    means = sums / max(1, count)
    return {
        "kind": ERRORS,
        "mean_absolute_error": float(means.mean()),
        "by_output": [float(mean) for mean in means] if width <= MOST_NUMBERS else [],
        "histogram": {"edges": [float(edge) for edge in edges], "counts": counts.tolist(), "num": len(errors)},
    }
