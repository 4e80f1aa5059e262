"""Channels of tensors, and what couples them: union-find over one atom a channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Channels:
    """The channels of one tensor: along `axis` (the batch is axis 0) position i belongs to `atoms[i]`.

    `values`, of shape (2, positions), are the numbers that the tensor holds there: first once the channel is zeroed in
    the layers that make it, then with the weights as they are. Each is 0, another number where an activation made one
    of 0, or NaN where it is not one number.
    """

    axis: int
    atoms: np.ndarray
    values: np.ndarray

    @property
    def size(self) -> int:
        """Positions along the axis."""
        return len(self.atoms)

    def moved(self, axis: int) -> Channels:
        """The same channels along another axis of another tensor."""
        return dataclasses.replace(self, axis=axis)

    def valued(self, values: np.ndarray) -> Channels:
        """The same channels with other values."""
        return dataclasses.replace(self, values=np.broadcast_to(np.asarray(values, float), (2, self.size)))


class Atoms:
    """Disjoint sets of atoms; a set may be pinned, and remembers the first reason for it.

    >>> atoms = Atoms()
    >>> a, b = atoms.fresh(2), atoms.fresh(2)
    >>> atoms.unite(a, b)
    >>> atoms.pin(a[:1], "the model's input")
    >>> atoms.find(b[0]) == atoms.find(a[0]), atoms.reason(b[0]), atoms.reason(b[1])
    (True, "the model's input", '')
    """

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._reasons: dict[int, str] = {}

    def fresh(self, count: int, reason: str = "") -> np.ndarray:
        """New atoms, each a set of its own, pinned when there is a reason."""
        begin = len(self._parents)
        self._parents.extend(range(begin, begin + count))
        if reason:
            self._reasons.update(dict.fromkeys(range(begin, begin + count), reason))
        return np.arange(begin, begin + count)

    def find(self, atom: int) -> int:
        """The set's representative."""
        parents, root = self._parents, int(atom)
        while parents[root] != root:
            parents[root] = parents[parents[root]]
            root = parents[root]
        return root

    def unite(self, first: np.ndarray, second: np.ndarray) -> None:
        """Couples two arrays of atoms position by position."""
        if first is second:
            return
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            self._join(a, b)

    def unite_all(self, atoms: Iterable[int]) -> None:
        """Couples all of these with each other."""
        first, *others = (int(atom) for atom in atoms)
        for other in others:
            self._join(first, other)

    def pin(self, atoms: Iterable[int], reason: str) -> None:
        """Forbids the removal of the sets of these atoms."""
        for atom in {int(atom) for atom in atoms}:
            self._reasons.setdefault(self.find(atom), reason)

    def reason(self, atom: int) -> str:
        """Why an atom's set is pinned; empty when it is not."""
        return self._reasons.get(self.find(atom), "")

    def _join(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self._parents[b] = a
            if b in self._reasons:
                self._reasons.setdefault(a, self._reasons[b])
