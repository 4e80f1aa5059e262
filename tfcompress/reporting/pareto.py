"""Which of several files nobody should prefer another one to: the Pareto front of a cost and a merit."""

from __future__ import annotations

from collections.abc import Sequence


def on_front(costs: Sequence[float], merits: Sequence[float]) -> list[bool]:
    """For each file, whether no other has at most its cost and at least its merit, one of the two strictly.

    Args:
      costs: of each, less is better: bytes, milliseconds.
      merits: of each, more is better; an error comes with its sign changed.

    >>> on_front([10, 20, 30, 30], [0.8, 0.9, 0.9, 0.95])
    [True, True, False, True]
    """
    points = list(zip(costs, merits, strict=True))
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(other: tuple[float, float], point: tuple[float, float]) -> bool:
    return other[0] <= point[0] and other[1] >= point[1] and other != point
