"""The channels of a functional model and what couples them: which weights go when a channel goes.

Each channel of each layer is an atom. Walking the graph, `Add` unites the atoms of its inputs, `Concatenate` joins
their lists, `Flatten` repeats them, and each weight learns which atoms lie along which axis. Atoms that came to be one
are a group: a channel that can only be removed from all its members at once. What cannot be followed is pinned,
with the reason; it is never guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from .errors import UnsupportedModel
from .graph_atoms import Channels
from .graph_trace import Tracer
from .keras import is_quantization_aware

MAKES = "makes"  # along this axis the weight makes the channel: zero there, and the channel is zero
TAKES = "takes"  # along this axis the weight reads the channel
CARRIES = "carries"  # has an entry for the channel, which neither makes nor reads it: moving averages, slopes


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis of one weight (`position` in the layer's `weights`), and for each of its entries the group's number."""

    layer: str
    weight: str
    position: int
    axis: int
    role: str
    groups: np.ndarray


@dataclasses.dataclass(frozen=True)
class Setting:
    """A number in a layer's configuration that counts channels: `filters`, `units`, an entry of a target shape.

    `path` leads to it; one that begins with "call" leads into the arguments of the layer's call. With `parts` the
    setting is a list, of which each entry counts the channels of one part.
    """

    layer: str
    path: tuple[str | int, ...]
    groups: np.ndarray
    parts: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Member:
    """Where a group lies in one weight: these indices along this axis."""

    layer: str
    weight: str
    position: int
    axis: int
    role: str
    indices: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Group:
    """A channel with all that is coupled to it; `pinned` says why it cannot be removed, and is empty when it can."""

    number: int
    members: tuple[Member, ...]
    pinned: str = ""

    @property
    def makers(self) -> tuple[Member, ...]:
        """The members that must be zero for the channel to be zero."""
        return tuple(member for member in self.members if member.role == MAKES)


@dataclasses.dataclass(frozen=True)
class Family:
    """Groups that lie in the same layers: the channels of a layer, and of all layers coupled to it."""

    layers: tuple[str, ...]
    groups: np.ndarray  # their numbers
    channels_per_group: int  # in the layer where a group holds most: 1 but for grouped convolutions and heads


@dataclasses.dataclass(frozen=True)
class ChannelGraph:
    """All groups of a model's channels.

    `outputs` gives for each layer that makes channels the group of each; `dead` are the groups whose channels nothing
    sees as the weights are now: zero wherever they are read, or read with weights of zero (if asked for).
    """

    axes: tuple[Axis, ...]
    settings: tuple[Setting, ...]
    outputs: Mapping[str, np.ndarray]
    pinned: Mapping[int, str]
    dead: frozenset[int]

    @cached_property
    def members(self) -> Mapping[int, tuple[Member, ...]]:
        """The members of each group."""
        found: dict[int, list[Member]] = {}
        for axis in self.axes:
            order = np.argsort(axis.groups, kind="stable")
            numbers, starts = np.unique(axis.groups[order], return_index=True)
            for number, indices in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
                member = Member(
                    axis.layer, axis.weight, axis.position, axis.axis, axis.role, tuple(sorted(indices.tolist()))
                )
                found.setdefault(number, []).append(member)
        return {number: tuple(members) for number, members in sorted(found.items())}

    @cached_property
    def num_groups(self) -> int:
        """One more than the largest number of a group."""
        return 1 + max((int(axis.groups.max()) for axis in self.axes if axis.groups.size), default=-1)

    def axes_of(self, family: Family) -> tuple[Axis, ...]:
        """The axes that a family's channels lie along."""
        return self._axes_by_family.get(int(family.groups[0]), ())

    @cached_property
    def _axes_by_family(self) -> Mapping[int, tuple[Axis, ...]]:
        """By the first group of each family."""
        first = np.full(self.num_groups, -1)
        for family in self.families:
            first[family.groups] = family.groups[0]
        found: dict[int, list[Axis]] = {}
        for axis in self.axes:
            for number in np.unique(first[axis.groups]).tolist():
                found.setdefault(number, []).append(axis)
        return {number: tuple(axes) for number, axes in found.items()}

    @cached_property
    def groups(self) -> Mapping[int, Group]:
        """The groups by number."""
        return {number: Group(number, members, self.pinned.get(number, "")) for number, members in self.members.items()}

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The groups that can be removed, by the layers they lie in; in the order of the model."""
        makers: dict[int, dict[str, int]] = {}
        for layer, numbers in self.outputs.items():
            for number, count in zip(*np.unique(numbers, return_counts=True), strict=True):
                makers.setdefault(int(number), {})[layer] = int(count)
        families: dict[tuple[Any, ...], list[int]] = {}
        for number, counts in makers.items():
            if number not in self.pinned:
                families.setdefault(tuple(sorted(counts.items())), []).append(number)
        return tuple(
            Family(tuple(layer for layer in self.outputs if layer in dict(key)), np.asarray(sorted(numbers)),
                   max(count for _, count in key))
            for key, numbers in families.items()
        )  # fmt: skip


def channel_graph(model: Any, find_dead: bool = False) -> ChannelGraph:
    """Follows the channels of `model`, a functional tf_keras model without tfmot's wrappers.

    Args:
      model: it is only read.
      find_dead: whether to look for channels that nothing sees, which reads all weights. Defaults to False.

    Raises:
      UnsupportedModel: for a model without a graph, or a quantization-aware one.

    Example:

    >>> from tfcompress.models.resnet import resnet
    >>> graph = channel_graph(resnet(8, (8, 8, 3)))
    >>> first = graph.groups[int(graph.outputs["stem"][0])]
    >>> [(member.layer, member.weight, member.axis) for member in first.makers][:2]
    [('stem', 'kernel', 3), ('stem_bn', 'gamma', 0)]
    """
    if is_quantization_aware(model):
        raise UnsupportedModel(
            f"channel_graph expects a float model. Received: {model.name!r}, which is quantization-aware. "
            "Remove channels before quantization."
        )
    if not getattr(model, "_nodes_by_depth", None):
        raise UnsupportedModel(
            f"channel_graph expects a functional model. Received: {type(model).__name__} {model.name!r}. "
            "Bring it in with tfc.load_model."
        )
    tracer = Tracer(model, find_dead)
    tracer.walk()
    atoms = tracer.atoms
    numbers: dict[int, int] = {}

    def groups(of: np.ndarray) -> np.ndarray:
        return np.asarray([numbers.setdefault(atoms.find(atom), len(numbers)) for atom in of.tolist()], int)

    outputs = {layer: groups(of) for layer, of in tracer.outputs.items()}
    axes = tuple(
        Axis(layer, weight, position, axis, role, groups(of))
        for (layer, position, axis), (weight, role, of) in tracer.axes.items()
    )
    settings = tuple(Setting(layer, path, groups(of), parts) for (layer, path), (of, parts) in tracer.settings.items())
    pinned = {number: atoms.reason(atom) for atom, number in numbers.items() if atoms.reason(atom)}
    live = {numbers.get(atoms.find(atom)) for atom in tracer.live}
    unseen = set(numbers.values()) - live - pinned.keys() if find_dead else set()
    return ChannelGraph(axes, settings, outputs, pinned, frozenset(unseen))


__all__ = ["Axis", "ChannelGraph", "Channels", "Family", "Group", "Member", "Setting", "channel_graph"]
