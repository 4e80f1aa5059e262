"""Channels of tensors, and what couples them: disjoint sets of atoms, one atom a channel."""

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

    What is said of atoms is noted, array by array; the sets are worked out once, when they are asked for.

    >>> atoms = Atoms()
    >>> a, b = atoms.fresh(2), atoms.fresh(2)
    >>> atoms.unite(a, b)
    >>> atoms.pin(b[:1], "the model's input")
    >>> sets, reasons = atoms.sets()
    >>> sets.tolist(), reasons
    ([0, 1, 0, 1], {0: "the model's input"})
    """

    def __init__(self) -> None:
        self._count = 0
        self._couples: list[tuple[np.ndarray, np.ndarray]] = []
        self._pins: list[tuple[np.ndarray, str]] = []

    def fresh(self, count: int, reason: str = "") -> np.ndarray:
        """New atoms, each a set of its own, pinned when there is a reason."""
        made = np.arange(self._count, self._count + count)
        self._count += count
        if reason:
            self.pin(made, reason)
        return made

    def unite(self, first: np.ndarray, second: np.ndarray) -> None:
        """Couples two arrays of atoms position by position."""
        if len(first) != len(second):
            raise ValueError(f"Atoms.unite expects two arrays of one length. Received: {len(first)} and {len(second)}.")
        if first is not second:
            self._couples.append((first, second))

    def unite_all(self, atoms: Iterable[int]) -> None:
        """Couples all of these with each other."""
        members = np.asarray(list(atoms), int)
        self._couples.append((members[:-1], members[1:]))

    def pin(self, atoms: np.ndarray, reason: str) -> None:
        """Forbids the removal of the sets of these atoms."""
        self._pins.append((atoms, reason))

    def sets(self) -> tuple[np.ndarray, dict[int, str]]:
        """For each atom the least one of its set; and by that one, why the set is pinned, when it is."""
        none = [np.empty(0, int)]
        first = np.concatenate([a for a, _ in self._couples] or none)
        second = np.concatenate([b for _, b in self._couples] or none)
        least = components(self._count, first, second)
        reasons: dict[int, str] = {}
        for atoms, reason in self._pins:
            for atom in set(least[atoms].tolist()):
                reasons.setdefault(atom, reason)
        return least, reasons


def components(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The least member of the set of each of `count` things, where `first[i]` and `second[i]` belong together.

    In each round each root hangs itself under the least root that it is coupled with, and paths are then shortened, so
    that a few rounds do (Shiloach and Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
    """
    root = np.arange(count)
    while True:
        a, b = root[first], root[second]
        apart = a != b
        if not apart.any():
            return root
        first, second = first[apart], second[apart]
        np.minimum.at(root, np.maximum(a, b)[apart], np.minimum(a, b)[apart])
        shorter = root[root]
        while not np.array_equal(shorter, root):
            root, shorter = shorter, shorter[shorter]
