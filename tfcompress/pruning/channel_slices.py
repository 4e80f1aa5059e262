"""The weights of a family of coupled channels, seen channel by channel: what a channel criterion looks at.

A weight of any shape is a matrix of (channels, entries): row i holds what belongs to channel i, wherever the channel
lies in the weight. A kernel of shape (h, w, in, out) that makes the family's channels has `out` rows of h * w * in
entries; one that takes them has `in` rows of h * w * out. Nothing is copied until a criterion looks at it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..measuring.measure import KERNEL_NAMES

if TYPE_CHECKING:
    import numpy as np

    from ..graph.dependencies import ChannelGraph, Family


def sums_along(values: np.ndarray, axis: int, power: int) -> np.ndarray:
    """The sum of |v|^power, power 1 or 2, over all axes but one: (length of the axis,).

    >>> import numpy as np
    >>> sums_along(np.array([[3.0, -4.0], [1.0, 0.0]]), 1, 2)
    array([10., 16.])
    """
    import numpy as np

    axis %= values.ndim
    if power == 1:
        values = abs(values)
    letters = "abcdefgh"[: values.ndim]
    if power == 2:
        return np.einsum(f"{letters},{letters}->{letters[axis]}", values, values)
    return np.einsum(f"{letters}->{letters[axis]}", values)


@dataclasses.dataclass(frozen=True)
class Entries:
    """Where the rows of `count` channels lie in a weight: at i along `axis` is channel places[i], or none (-1)."""

    weight: Any  # an array, or a variable, which is read when its values are looked at: a criterion reads few
    axis: int
    places: np.ndarray
    count: int

    @cached_property
    def values(self) -> np.ndarray:
        """The weight's entries. Without a copy: they are only read, and a variable that changes gets a new buffer."""
        import numpy as np

        return np.asarray(self.weight.value() if hasattr(self.weight, "value") else self.weight)

    def rows(self, of: np.ndarray | None = None) -> np.ndarray:
        """The rows, (channels, entries), of `values` or of another array of its shape."""
        import numpy as np

        values = self.values if of is None else of
        mine = np.flatnonzero(self.places >= 0)
        order = mine[np.argsort(self.places[mine], kind="stable")]
        counts = np.bincount(self.places[order], minlength=self.count)
        entries = np.moveaxis(values, self.axis, 0).reshape(values.shape[self.axis], -1)[order]
        widest = int(counts.max())
        if (counts == widest).all():
            return entries.reshape(self.count, -1)
        rows = np.zeros((self.count, widest, entries.shape[1]), entries.dtype)
        offsets = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows[self.places[order], offsets] = entries
        return rows.reshape(self.count, -1)

    def sums(self, power: int) -> np.ndarray:
        """What `Slice.sums` gives."""
        return self._gathered(sums_along(self.values, self.axis, power))

    def means(self, found: np.ndarray) -> np.ndarray:
        """The means of each channel's entries of an array of shape (length of the axis,)."""
        import numpy as np

        counts = np.bincount(self.places[self.places >= 0], minlength=self.count)
        return self._gathered(found) / np.maximum(counts, 1)

    def _gathered(self, found: np.ndarray) -> np.ndarray:
        """The sums of each channel's entries of an array of shape (length of the axis,)."""
        import numpy as np

        mine = self.places >= 0
        return np.bincount(self.places[mine], weights=found[mine], minlength=self.count)


@dataclasses.dataclass(frozen=True)
class Slice:
    """One weight seen channel by channel: row i of `rows`, of shape (channels, entries), belongs to channel i.

    `gradients` has the shape of `rows`; `activations`, of shape (channels,), is the mean size of what a kernel reads.
    Where channels have unlike numbers of entries the rows end in zeros.

    >>> import numpy as np
    >>> part = Slice("conv", "kernel", "takes", np.array([[3.0, -4.0], [1.0, 0.0]]))
    >>> part.rows.shape, part.sums(1), part.sums(2)
    ((2, 2), array([7., 1.]), array([25.,  1.]))
    """

    layer: str
    weight: str
    role: str  # "makes", "takes", or "carries", as graph/dependencies.py says
    entries: np.ndarray | Entries  # the rows, or where they lie
    gradients: np.ndarray | None = None
    activations: np.ndarray | None = None

    @property
    def is_kernel(self) -> bool:
        """Whether the weight is a kernel, not a bias or a scale."""
        return self.weight in KERNEL_NAMES

    @cached_property
    def rows(self) -> np.ndarray:
        """The weight's entries, (channels, entries)."""
        return self.entries.rows() if isinstance(self.entries, Entries) else self.entries

    def sums(self, power: int) -> np.ndarray:
        """The sum of |entry|^power, power 1 or 2, over each row: (channels,). Rows are not made for that."""
        if isinstance(self.entries, Entries):
            return self.entries.sums(power)
        return (abs(self.entries) ** power).sum(axis=1)


def family_slices(
    graph: ChannelGraph,
    family: Family,
    weights: Mapping[str, Sequence[Any]],
    gradients: Mapping[tuple[str, int], np.ndarray] | None = None,
    activations: Mapping[tuple[str, int, int], np.ndarray] | None = None,
) -> list[Slice]:
    """The slices of a family. `weights` are each layer's: arrays, or variables.

    Gradients go by (layer, position in its weights), activations by (layer, position, axis) of the weight that reads
    them.
    """
    import numpy as np

    places = np.full(graph.num_groups, -1)
    places[family.groups] = np.arange(len(family.groups))
    found = []
    for axis in graph.axes_of(family):
        weight = weights[axis.layer][axis.position]
        entries = Entries(weight, axis.axis, places[axis.groups], len(family.groups))
        gradient = None if gradients is None else gradients.get((axis.layer, axis.position))
        seen = None if activations is None else activations.get((axis.layer, axis.position, axis.axis))
        found.append(
            Slice(
                *(axis.layer, axis.weight, axis.role, entries),
                gradients=None if gradient is None else entries.rows(gradient),
                activations=None if seen is None else entries.means(seen),
            )
        )
    return found
