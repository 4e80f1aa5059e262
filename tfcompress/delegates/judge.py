"""From what the child saw to a Finding: accuracy, agreement, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.errors import expect
from ..core.types import Agreement, Finding
from .worker import Seen


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """The class that each example is given: the largest of its outputs. (N, classes) -> (N,)."""
    classes: np.ndarray = outputs.reshape(len(outputs), -1).argmax(axis=-1)
    return classes


def agreement(outputs: np.ndarray, others: np.ndarray) -> Agreement:
    """How two runs over the same examples compare.

    >>> agreement(np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[1.0, 2.5], [0.0, 3.0]]))
    Agreement(top_1_agreement=0.5, largest_difference=3.0)
    """
    first, second = outputs.reshape(len(outputs), -1), np.asarray(others).reshape(len(others), -1)
    if first.shape != second.shape:
        raise ValueError(f"outputs to compare must have one shape. Received: {outputs.shape} and {others.shape}.")
    equal = float(np.mean(classes_of(first) == classes_of(second)))
    return Agreement(equal, float(np.abs(first.astype("float64") - second.astype("float64")).max()))


def finding(
    check: str, seen: Seen, labels: np.ndarray, against: Mapping[str, np.ndarray], min_agreement: float, device: str
) -> Finding:
    """The Finding of a file that ran, or did not.

    Args:
      check: the check's name.
      seen: what the child saw.
      labels: the right classes, shape (N,).
      against: outputs (N, classes) of other runs of the model, by name.
      min_agreement: the least top-1 agreement with each run in `against`.
      device: what it ran on.

    Returns:
      "fail" when it did not run, gave a number that is none, or predicts otherwise than the others; else "pass".
    """
    figures: dict[str, Any] = {
        "check": check,
        "device": device,
        "latency": seen.latency,
        "peak_memory_bytes": seen.peak_memory_bytes,
        "num_ops": seen.num_ops,
        "num_delegated_ops": seen.num_delegated_ops,
    }
    if seen.outputs is None:
        return Finding(status="fail", reason=seen.failure, **figures)
    compared = {name: agreement(seen.outputs, others) for name, others in against.items()}
    reason = _objection(seen.outputs, compared, min_agreement)
    return Finding(
        status="fail" if reason else "pass",
        reason=reason,
        num_examples=len(labels),
        accuracy=float(np.mean(classes_of(seen.outputs) == labels)),
        agreement=compared,
        outputs=seen.outputs,
        **figures,
    )


def check_settings(check: Any) -> None:
    """Holds the settings that every check has to their ranges. Raises `InvalidValue`."""
    expect(check.time_limit_s > 0, check, "time_limit_s", "must be above 0 seconds", "Use 600.")
    expect(0 <= check.min_agreement <= 1, check, "min_agreement", "must be in [0, 1]", "Use 0.9.")


def _objection(outputs: np.ndarray, compared: Mapping[str, Agreement], min_agreement: float) -> str:
    num_bad = int(np.sum(~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=-1)))
    if num_bad:
        return f"{num_bad} of {len(outputs)} examples have an output that is not a finite number"
    differing = [
        f"top-1 agreement with {name} is {found.top_1_agreement:.1%}, below {min_agreement:.1%}"
        for name, found in compared.items()
        if found.top_1_agreement < min_agreement
    ]
    return "; ".join(differing)
