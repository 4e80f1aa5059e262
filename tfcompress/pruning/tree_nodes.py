"""The network as a tree of weights, and at which threshold each weight goes: pure functions over NumPy arrays.

model > (groups that the user names) > layer > filter > kernel slice > weight
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidValue
from ..core.selection import select
from .weight_scores import FILTER, LAYER, SLICE, WEIGHT, axes_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A kernel in the tree; with `protected` no node above its slices goes, as they make channels of an output."""

    values: np.ndarray
    output_axis: int = -1
    has_filters: bool = True
    protected: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """A node above the layers: the names of all kernels below it, and its place in the tree."""

    path: tuple[str, ...]
    kernels: tuple[str, ...]


def root_mean_square(values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """A node's score, ||w||_2 / sqrt(|w|), over `axes` (all when None), which stay with length 1.

    >>> import numpy as np
    >>> root_mean_square(np.array([[1.0, 3.0], [1.0, 3.0]]), axes=(0,))
    array([[1., 3.]])
    """
    return (values**2).mean(axis=axes, keepdims=True) ** 0.5


def thresholds(
    leaves: Mapping[str, Leaf], levels: Collection[str], groups: Sequence[Group] = (), alive: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """For each weight the least score of the nodes that it is below, itself included: it goes at any threshold above.

    Args:
      leaves: the kernels by name.
      levels: which kinds of nodes may go: "layer", "filter", "slice", "weight".
      groups: nodes above the layers; they may go when "layer" may.
      alive: kernels that must not be emptied: the largest filter and the largest weight of each stay.

    A node goes with all below it, so that this one number says all there is of it: the share of weights that goes rises
    with the threshold, and the threshold for a share is a quantile.
    """
    import numpy as np

    found = {}
    for name, leaf in leaves.items():
        least = abs(leaf.values).astype("float64") if WEIGHT in levels else np.full(leaf.values.shape, np.inf)
        if SLICE in levels and leaf.values.ndim > 2:
            least = np.minimum(least, root_mean_square(leaf.values, axes_of(SLICE, leaf.values.ndim)))
        if not leaf.protected:
            above = np.full(leaf.values.shape, np.inf)
            if FILTER in levels and leaf.has_filters:
                scores = root_mean_square(leaf.values, axes_of(FILTER, leaf.values.ndim, leaf.output_axis))
                if name in alive:
                    scores = np.where(scores == scores.max(), np.inf, scores)
                above = np.minimum(above, scores)
            if LAYER in levels and name not in alive:
                above = np.minimum(above, root_mean_square(leaf.values))
                for group in groups:
                    if name in group.kernels:
                        above = np.minimum(above, _group_score(leaves, group))
            least = np.minimum(least, above)
        if name in alive or leaf.protected:
            least.flat[_anchor(leaf)] = np.inf
        found[name] = least
    return found


def threshold_for(least: Mapping[str, np.ndarray], sparsity: float) -> float:
    """The threshold at which the share of weights that goes is nearest to `sparsity`.

    Raises:
      InvalidValue: when even the highest threshold lets too few go.

    >>> import numpy as np
    >>> threshold_for({"a": np.array([1.0, 2.0, 3.0, np.inf])}, 0.5)
    2.5
    """
    import numpy as np

    flat = np.sort(np.concatenate([values.ravel() for values in least.values()]))
    finite = int(np.isfinite(flat).sum())
    if round(sparsity * flat.size) > finite:
        raise InvalidValue(
            f"PruneTree.final_sparsity must be at most {math.floor(finite / flat.size * 1000) / 1000:g} with these "
            f"levels and this model. Received: {sparsity:g}. Ask for less, or for more levels."
        )
    values, firsts = np.unique(flat[:finite], return_index=True)
    ends = np.append(firsts[1:], finite)  # how many go when a threshold is just above each value
    nearest = int(abs(np.append(0, ends) - sparsity * flat.size).argmin())
    if nearest == 0:
        return float(values[0]) if finite else 0.0
    after = values[nearest] if nearest < len(values) else 2 * values[-1] + 1
    return float(values[nearest - 1] + after) / 2


def groups_of(tree: Mapping[str, Any], layers: Mapping[str, Any]) -> list[Group]:
    """The nodes of a user's tree: a name stands for a mapping again, or for selectors of layers.

    Args:
      tree: {"block 1": ("conv1", "conv2"), "block 2": {"left": "conv3*", "right": keras.layers.Dense}}.
      layers: for each kernel, by name, the layer it belongs to.

    Raises:
      InvalidValue: for a selector that matches no layer.
    """
    return list(_groups(tree, layers, ()))


def _groups(tree: Mapping[str, Any], layers: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Group]:
    by_name = {layer.name: layer for layer in layers.values()}
    for name, below in tree.items():
        here = (*path, name)
        if isinstance(below, Mapping):
            inner = list(_groups(below, layers, here))
            own = dict.fromkeys(
                kernel for group in inner if len(group.path) == len(here) + 1 for kernel in group.kernels
            )
            yield Group(here, tuple(own))
            yield from inner
            continue
        chosen = select(by_name, below, f"PruneTree.tree[{name!r}]", "layers with kernels")
        yield Group(here, tuple(kernel for kernel, layer in layers.items() if layer.name in chosen))


def _anchor(leaf: Leaf) -> int:
    """The largest weight, of the largest filter where there are filters: its place in the flattened kernel."""
    import numpy as np

    sizes = abs(leaf.values)
    if leaf.has_filters and not leaf.protected:
        scores = root_mean_square(leaf.values, axes_of(FILTER, leaf.values.ndim, leaf.output_axis))
        sizes = np.where(scores == scores.max(), sizes, -1.0)
    return int(sizes.argmax())


def _group_score(leaves: Mapping[str, Leaf], group: Group) -> float:
    squares = sum(float((leaves[name].values.astype("float64") ** 2).sum()) for name in group.kernels if name in leaves)
    return math.sqrt(squares / max(1, sum(leaves[name].values.size for name in group.kernels if name in leaves)))
