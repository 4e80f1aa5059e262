"""The channels of a functional model and what couples them: which weights go when a channel goes.

Each channel of each layer is an atom. Walking the graph, `Add` unites the atoms of its inputs, `Concatenate` joins
their lists, `Flatten` repeats them, and each weight learns which atoms lie along which axis. Atoms that came to be one
are a group: a channel that can only be removed from all its members at once. What cannot be followed is pinned,
with the reason; it is never guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from ..backend.calls import Call, has_calls, replay
from ..backend.tensorflow import is_quantization_aware
from ..core.errors import UnsupportedModel
from .atoms import Channels
from .layer_rules import follow
from .trace import TracedCall, Tracer

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
        places: tuple[Axis | Setting, ...] = (*self.axes, *self.settings)
        listed = (*(place.groups for place in places), *self.outputs.values())
        return 1 + max((int(groups.max()) for groups in listed if groups.size), default=-1)

    def axes_of(self, family: Family) -> tuple[Axis, ...]:
        """The axes that a family's channels lie along."""
        return self._axes_by_family.get(int(family.groups[0]), ())

    @cached_property
    def _axes_by_family(self) -> Mapping[int, tuple[Axis, ...]]:
        """By the first group of each family."""
        family = np.zeros(self.num_groups, int)  # 0 for a group in none
        for number, found in enumerate(self.families, 1):
            family[found.groups] = number
        axes: list[list[Axis]] = [[] for _ in range(len(self.families) + 1)]
        for axis in self.axes:
            for number in np.flatnonzero(np.bincount(family[axis.groups])).tolist():
                axes[number].append(axis)
        return {int(found.groups[0]): tuple(mine) for found, mine in zip(self.families, axes[1:], strict=True)}

    @cached_property
    def groups(self) -> Mapping[int, Group]:
        """The groups by number."""
        return {number: Group(number, members, self.pinned.get(number, "")) for number, members in self.members.items()}

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The groups that can be removed, by the layers they lie in; in the order of the model."""
        kinds: list[tuple[tuple[str, int], ...]] = [()]  # the layers, and how many channels in each
        kind = np.zeros(self.num_groups, int)  # of each group
        for layer, numbers in self.outputs.items():
            counts = np.bincount(numbers, minlength=self.num_groups)
            mine = np.flatnonzero(counts)
            before = len(kinds)
            codes, new = np.unique(kind[mine] + before * counts[mine], return_inverse=True)
            kinds += [(*kinds[code % before], (layer, code // before)) for code in codes.tolist()]
            kind[mine] = before + new
        kind[list(self.pinned)] = 0
        found = {}
        for number in np.unique(kind[kind > 0]).tolist():
            layers, widths = zip(*kinds[number], strict=True)
            groups = np.flatnonzero(kind == number)
            found[int(groups[0])] = Family(layers, groups, max(widths))
        return tuple(family for _, family in sorted(found.items()))


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
    if not has_calls(model):
        raise UnsupportedModel(
            f"channel_graph expects a functional model. Received: {type(model).__name__} {model.name!r}. "
            "Bring it in with tfc.load_model."
        )
    tracer = Tracer(model, find_dead)
    _walk(tracer)
    sets, reasons = tracer.atoms.sets()
    listed = (
        *tracer.outputs.values(),
        *(of for *_, of in tracer.axes.values()),
        *(of for of, _ in tracer.settings.values()),
    )
    numbers = _in_order_of_appearance(len(sets), [sets[of] for of in listed])[sets]
    outputs = {layer: numbers[of] for layer, of in tracer.outputs.items()}
    axes = tuple(
        Axis(layer, weight, position, axis, role, numbers[of])
        for (layer, position, axis), (weight, role, of) in tracer.axes.items()
    )
    settings = tuple(Setting(layer, path, numbers[of], parts) for (layer, path), (of, parts) in tracer.settings.items())
    pinned = {int(numbers[atom]): reason for atom, reason in reasons.items() if numbers[atom] >= 0}
    live = set(numbers[sorted(tracer.live)].tolist())
    unseen = set(numbers[numbers >= 0].tolist()) - live - pinned.keys() if find_dead else set()
    return ChannelGraph(axes, settings, outputs, dict(sorted(pinned.items())), frozenset(unseen))


def _walk(tracer: Tracer) -> None:
    """Follows channels through the graph, call by call; those of the model's inputs and outputs are pinned."""

    def again(call: Call, place: Callable[[Any], Any]) -> list[Channels | None]:
        channels = [place(tensor) for tensor in call.inputs]
        return follow(tracer, TracedCall(call.layer, call.args, call.kwargs, call.outputs, channels))

    inputs = [tracer.pinned(tensor, "it is the model's input") for tensor in tracer.model.inputs]
    for channels in replay(tracer.model, inputs, again):
        tracer.pin(channels, "it is the model's output")


def _in_order_of_appearance(count: int, listed: list[np.ndarray]) -> np.ndarray:
    """A number for each of `count` things: 0 for the one listed first; -1 for one that is not listed."""
    places = np.concatenate([np.empty(0, int), *listed])
    first = np.full(count, len(places))
    np.minimum.at(first, places, np.arange(len(places)))
    order = np.argsort(first)[: np.count_nonzero(first < len(places))]
    numbers = np.full(count, -1)
    numbers[order] = np.arange(len(order))
    return numbers


__all__ = ["Axis", "ChannelGraph", "Channels", "Family", "Group", "Member", "Setting", "channel_graph"]
