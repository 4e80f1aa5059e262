"""What pruning took from a network, drawn as the tree it was taken from: any technique, from two plain models."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..measuring.measure import kernels
from .masks.prunable import PrunableKernel, prunable_kernels
from .tree_nodes import groups_of
from .weight_scores import SLICE, axes_of

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Branch:
    """A node of the tree: its weights before, how many of them are gone (removed, or zero), and what is below it."""

    name: str
    num_weights: int
    num_gone: int
    note: str = ""
    children: tuple[Branch, ...] = ()

    @property
    def share_gone(self) -> float:
        """The share of its weights that is gone."""
        return self.num_gone / self.num_weights if self.num_weights else 0.0

    def draw(self) -> str:
        """The tree as text, a node a line.

        >>> leaf = Branch("conv1/kernel", 144, 108, "12 of 16 filters removed")
        >>> print(Branch("model", 288, 108, children=(leaf, Branch("conv2/kernel", 144, 0))).draw())
        model: 37.5 % of 288 weights gone
        ├── conv1/kernel: 75.0 % of 144 weights gone; 12 of 16 filters removed
        └── conv2/kernel: 0.0 % of 144 weights gone
        """
        return "\n".join(_lines(self, "", ""))


def pruned_tree(before: Any, after: Any, tree: Mapping[str, Any] | None = None) -> Branch:
    """The tree of `before`, a plain model, with what `after`, a pruned model of the same layer names, has no more.

    Weights that are zero in `before` count as gone. `tree` names nodes between model and layer, as `PruneTree.tree`.
    """
    old, new = prunable_kernels(before, "pruned_tree"), kernels(after)
    leaves = {name: _leaf(name, prunable, new.get(name)) for name, prunable in old.items()}
    layers = {name: prunable.layer for name, prunable in old.items()}
    children = _nested(tree or {}, layers, leaves)
    named = {kernel for group in groups_of(tree or {}, layers) for kernel in group.kernels}
    rest = tuple(leaf for name, leaf in leaves.items() if name not in named)
    return _parent(before.name, (*children, *rest))


def _nested(tree: Mapping[str, Any], layers: Mapping[str, Any], leaves: Mapping[str, Branch]) -> list[Branch]:
    found = []
    for name, below in tree.items():
        if isinstance(below, Mapping):
            found.append(_parent(name, tuple(_nested(below, layers, leaves))))
        else:
            (group,) = groups_of({name: below}, layers)
            found.append(_parent(name, tuple(leaves[kernel] for kernel in group.kernels)))
    return found


def _parent(name: str, children: tuple[Branch, ...]) -> Branch:
    sizes = sum(child.num_weights for child in children), sum(child.num_gone for child in children)
    return Branch(name, *sizes, children=children)


def _leaf(name: str, prunable: PrunableKernel, left: np.ndarray | None) -> Branch:
    size = int(prunable.variable.shape.num_elements())
    if left is None:
        return Branch(name, size, size, "the layer removed")
    return Branch(name, size, size - int((left != 0).sum()), "; ".join(_notes(prunable, left)))


def _notes(prunable: PrunableKernel, left: np.ndarray) -> Iterator[str]:
    """Filters and inputs removed, and of what is left the filters, slices and weights that are zero."""
    shape, rank = tuple(prunable.variable.shape), left.ndim
    output = prunable.output_axis % rank
    for axis, what in ((output, "filters"), (rank - 2 if output == rank - 1 else rank - 1, "inputs")):
        if rank > 1 and left.shape[axis] < shape[axis]:
            yield f"{shape[axis] - left.shape[axis]} of {shape[axis]} {what} removed"
    filled = left != 0
    filters = filled.any(axis=tuple(axis for axis in range(rank) if axis != output))
    if prunable.has_filters and not filters.all():
        yield f"{int((~filters).sum())} of {filters.size} filters zero"
    within = axes_of(SLICE, rank)
    if within and left.shape[0] * left.shape[1] > 1:
        slices = filled.any(axis=within)
        if not slices.all():
            yield f"{int((~slices).sum()):,} of {slices.size:,} slices zero"
    if not filled.all():
        yield f"{int((~filled).sum()):,} of {left.size:,} weights left zero"


def _lines(branch: Branch, first: str, rest: str) -> Iterator[str]:
    note = f"; {branch.note}" if branch.note else ""
    yield f"{first}{branch.name}: {branch.share_gone * 100:.1f} % of {branch.num_weights:,} weights gone{note}"
    for child in branch.children[:-1]:
        yield from _lines(child, f"{rest}├── ", f"{rest}│   ")
    for child in branch.children[-1:]:
        yield from _lines(child, f"{rest}└── ", f"{rest}    ")
