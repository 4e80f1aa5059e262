"""The Pareto front: which of several files or trials no other dominates, and the hypervolume below it.

Every figure of a point is the better the smaller; what is the better the larger comes with its sign changed.
"""

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


def on_front(points: Sequence[Point]) -> list[bool]:
    """For each point, whether no other dominates it; equal points do not dominate each other.

    >>> on_front([(10, -0.8), (20, -0.9), (30, -0.9), (30, -0.95)])  # bytes, and accuracy with its sign changed
    [True, True, False, True]
    """
    return [not any(dominates(other, point) for other in points) for point in points]


def pareto_set(items: Sequence[T], points: Sequence[Point]) -> list[T]:
    """Those of `items` whose points no other dominates, by their first figure; of equal points the first.

    >>> pareto_set("abcd", [(1, 4), (2, 3), (3, 3), (1, 4)])
    ['a', 'b']
    """
    kept: list[int] = []
    for index, is_on in enumerate(on_front(points)):
        if is_on and not any(tuple(points[known]) == tuple(points[index]) for known in kept):
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
