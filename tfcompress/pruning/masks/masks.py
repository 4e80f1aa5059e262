"""Which weights go, given what each is worth: pure functions over NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def keep_largest(
    scores: Mapping[str, np.ndarray], sparsity: float, whole_groups: bool = False
) -> dict[str, np.ndarray]:
    """Masks (True = keep) over all arrays together that hide the share `sparsity` of the least scores.

    Of equal scores the first go first. With `whole_groups` all equal scores go together: the share is then at least
    `sparsity`, but the group of the largest score stays.

    >>> import numpy as np
    >>> keep_largest({"a": np.array([3.0, 1.0]), "b": np.array([2.0, 4.0])}, 0.5)
    {'a': array([ True, False]), 'b': array([False,  True])}
    """
    import numpy as np

    flat = np.concatenate([np.ravel(values) for values in scores.values()])
    keep = np.ones(flat.size, bool)
    count = round(sparsity * flat.size)
    if count > 0:
        threshold = np.partition(flat, count - 1)[count - 1]
        if whole_groups:
            keep = flat > threshold if threshold < flat.max() else flat == threshold
        else:
            keep = flat >= threshold
            ties = np.flatnonzero(flat == threshold)
            keep[ties[: count - int((~keep).sum())]] = False
    found, begin = {}, 0
    for name, values in scores.items():
        found[name] = keep[begin : begin + values.size].reshape(values.shape)
        begin += values.size
    return found


def reachable(sparsity: float, size: int, group_size: int) -> float:
    """The share of zeros that a kernel of `size` surely gets: whole groups go, the last one stays.

    >>> reachable(0.75, size=8, group_size=4), reachable(0.25, size=8, group_size=4)
    (0.5, 0.25)
    """
    return min(sparsity, 1 - group_size / size)
