"""The Pareto set of trials, and the hypervolume that it covers. Every figure is the better the smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
Point = Sequence[float]


def dominates(one: Point, other: Point) -> bool:
    """Whether `one` is no worse in any figure and better in some.

    >>> dominates((1, 2), (1, 3)), dominates((1, 2), (1, 2)), dominates((1, 4), (2, 3))
    (True, False, False)
    """
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


def pareto_set(items: Sequence[T], points: Sequence[Point]) -> list[T]:
    """Those of `items` whose points no other dominates, by their first figure; of equal points the first.

    >>> pareto_set("abcd", [(1, 4), (2, 3), (3, 3), (1, 4)])
    ['a', 'b']
    """
    kept: list[int] = []
    for index, point in enumerate(points):
        if any(dominates(other, point) for other in points):
            continue
        if not any(tuple(points[known]) == tuple(point) for known in kept):
            kept.append(index)
    return [items[index] for index in sorted(kept, key=lambda index: tuple(points[index]))]


def hypervolume(points: Sequence[Point], worst: Point) -> float:
    """The area of what at least one of `points` dominates, up to `worst`; of two figures.

    >>> hypervolume([(1, 2), (2, 1)], worst=(3, 3))  # two squares of 2 x 1 and 1 x 2 that share one of 1 x 1
    3.0

    Reference: Zitzler and Thiele, "Multiobjective evolutionary algorithms: a comparative case study", 1999,
    https://doi.org/10.1109/4235.797969
    """
    inside = sorted(tuple(point) for point in points if point[0] < worst[0] and point[1] < worst[1])
    area, lowest = 0.0, float(worst[1])
    for first, second in inside:
        if second < lowest:
            area += (worst[0] - first) * (lowest - second)
            lowest = second
    return area
