"""What a criterion is given: for the channels of one family, their slices of each weight."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from ...core.graph import ChannelGraph, Family

NOTHING, GRADIENTS, ACTIVATIONS = "nothing", "gradients", "activations"
KERNELS = frozenset({"kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings"})


@dataclasses.dataclass(frozen=True)
class Slice:
    """One weight seen channel by channel: row i of `rows`, of shape (channels, entries), belongs to channel i.

    `gradients` has the shape of `rows`; `activations`, of shape (channels,), is the mean size of what a kernel reads.
    Where channels have unlike numbers of entries the rows end in zeros.
    """

    layer: str
    weight: str
    role: str  # "makes", "takes", or "carries", as core/graph.py says
    rows: np.ndarray
    gradients: np.ndarray | None = None
    activations: np.ndarray | None = None

    @property
    def is_kernel(self) -> bool:
        """Whether the weight is a kernel, not a bias or a scale."""
        return self.weight in KERNELS


@runtime_checkable
class Criterion(Protocol):
    """A rule for what each channel of a family is worth."""

    @property
    def needs(self) -> str:
        """What is measured on training examples first: NOTHING, GRADIENTS or ACTIVATIONS."""

    @property
    def comparable(self) -> bool:
        """Whether scores of different layers are in one unit; else each family's are divided by their mean."""

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel, (channels,); None when the slices do not tell. `family` counts the families."""


def family_slices(
    graph: ChannelGraph,
    family: Family,
    weights: Mapping[str, Sequence[np.ndarray]],
    gradients: Mapping[tuple[str, int], np.ndarray] | None = None,
    activations: Mapping[tuple[str, int, int], np.ndarray] | None = None,
) -> list[Slice]:
    """The slices of a family. `weights` are each layer's; gradients go by (layer, position in its weights).

    Activations go by (layer, position, axis) of the weight that reads them.
    """
    import numpy as np

    places = np.full(graph.num_groups, -1)
    places[family.groups] = np.arange(len(family.groups))
    found = []
    for axis in graph.axes_of(family):
        place = places[axis.groups]
        values = weights[axis.layer][axis.position]
        cut = _rows(place, len(family.groups), axis.axis)
        gradient = None if gradients is None else gradients.get((axis.layer, axis.position))
        seen = None if activations is None else activations.get((axis.layer, axis.position, axis.axis))
        found.append(
            Slice(
                axis.layer, axis.weight, axis.role, cut(values), None if gradient is None else cut(gradient),
                None if seen is None else _means(place, seen, len(family.groups)),
            )
        )  # fmt: skip
    return found


def _rows(place: np.ndarray, count: int, axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that cuts an array into rows, one for each of `count` channels."""
    import numpy as np

    mine = np.flatnonzero(place >= 0)
    order = mine[np.argsort(place[mine], kind="stable")]
    counts = np.bincount(place[order], minlength=count)
    widest = int(counts.max())

    def cut(values: np.ndarray) -> np.ndarray:
        entries = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)[order]
        if (counts == widest).all():
            return entries.reshape(count, -1)
        rows = np.zeros((count, widest, entries.shape[1]), entries.dtype)
        offsets = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        rows[place[order], offsets] = entries
        return rows.reshape(count, -1)

    return cut


def _means(place: np.ndarray, seen: np.ndarray, count: int) -> np.ndarray:
    import numpy as np

    mine = place >= 0
    sums = np.bincount(place[mine], weights=seen[mine], minlength=count)
    return sums / np.maximum(np.bincount(place[mine], minlength=count), 1)


def mean_of(parts: Sequence[np.ndarray]) -> np.ndarray | None:
    """The mean over weights of each channel's score; each weight's scores are first divided by their mean."""
    import numpy as np

    scaled = [part / part.mean() if part.mean() > 0 else part for part in parts]
    return np.mean(scaled, axis=0) if scaled else None
