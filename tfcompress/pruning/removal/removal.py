"""Removing channels for real: a plain Keras model with fewer filters, units and heads, and sliced weights."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import InvalidValue, NothingHappened, UnsupportedModel
from ...core.selection import near
from ...graph.dependencies import ChannelGraph, channel_graph
from ...models_io.copying import copy_model
from .cutting import Change, cut


def remove_channels(model: Any, removed: Mapping[str, Sequence[int]]) -> Any:
    """Gives a copy of `model` without these channels, and without all that is coupled to them.

    Args:
      model: a functional float tf_keras model; it is unchanged.
      removed: by the name of a layer, which of its output channels go (of an attention layer: which heads).

    Returns:
      A plain functional model with the same layer names.

    Raises:
      InvalidValue: for a layer or a channel that there is not.
      UnsupportedModel: when a channel is pinned, with the reason, or when a layer would be left without channels.
      NothingHappened: when there is nothing to remove.

    Example:

    >>> from tfcompress.models.resnet import resnet
    >>> smaller = remove_channels(resnet(8, (8, 8, 3)), {"stem": [0, 5]})
    >>> smaller.get_layer("stem").filters, smaller.get_layer("stage1_block1_conv2").filters
    (14, 14)
    """
    graph = channel_graph(model)
    groups = _wanted(graph, removed)
    if not groups:
        raise NothingHappened("remove_channels expects channels to remove. Received: none. Name some.")
    return remove_groups(model, graph, groups)


def remove_empty(model: Any) -> Any:
    """Gives a copy of `model` without the channels that nothing sees, and so with the same outputs.

    Such a channel is zero wherever it is read (its kernel and bias are zero, or the scale and offset of its
    BatchNormalization), or is read with weights of zero only. Of a layer of which nothing is seen one channel stays.

    Raises:
      NothingHappened: when each channel is seen.
    """
    graph = channel_graph(model, find_dead=True)
    groups = spared(graph, graph.dead)
    if not groups:
        raise NothingHappened(
            f"remove_empty expects channels of zeros in {model.name!r}. Received: none that can go. Zero whole filters "
            "first, with their biases, or the scale and offset of their BatchNormalization."
        )
    return remove_groups(model, graph, groups)


def spared(graph: ChannelGraph, groups: Collection[int]) -> set[int]:
    """`groups` without those that would leave a layer without channels: of each such layer the first one stays."""
    kept = set(groups)
    for setting in graph.settings:
        for part in _parts(setting):
            if kept.issuperset(part.tolist()):
                kept.discard(int(part[0]))
    return kept


def remove_groups(model: Any, graph: ChannelGraph, groups: Collection[int]) -> Any:
    """Gives a copy of `model` without these groups of its graph; raises what `remove_channels` does."""
    _require_removable(graph, groups)
    gone = np.zeros(graph.num_groups, bool)
    gone[list(groups)] = True
    smaller = cut(model, _changes(graph, gone))
    if not model.trainable:
        smaller.trainable = False  # and else each layer is as it was
    return smaller


def zero_groups(model: Any, graph: ChannelGraph, groups: Collection[int]) -> Any:
    """Gives a copy of `model` of the same size in which these groups are zero: what `remove_groups` is equal to."""
    masked = copy_model(model)
    wanted = np.asarray(sorted(groups))
    for layer in masked.layers:
        axes = [axis for axis in graph.axes if axis.layer == layer.name and axis.role == "makes"]
        weights = layer.get_weights()
        for axis in axes:
            index = (slice(None),) * axis.axis + (np.isin(axis.groups, wanted),)
            weights[axis.position][index] = 0
        if axes:
            layer.set_weights(weights)
    return masked


def _wanted(graph: ChannelGraph, removed: Mapping[str, Sequence[int]]) -> set[int]:
    groups: set[int] = set()
    for layer, channels in removed.items():
        if layer not in graph.outputs:
            raise InvalidValue(
                f"remove_channels.removed expects names of layers that make channels. Received: {layer!r}. "
                f"Near it: {near(layer, graph.outputs)}."
            )
        count = len(graph.outputs[layer])
        if not all(0 <= int(channel) < count for channel in channels):
            raise InvalidValue(
                f"remove_channels.removed expects channels in [0, {count}) of {layer!r}. Received: {list(channels)!r}. "
                "Leave out those that the layer does not have."
            )
        groups.update(int(graph.outputs[layer][channel]) for channel in channels)
    return groups


def _require_removable(graph: ChannelGraph, groups: Collection[int]) -> None:
    for number in sorted(groups):
        if number in graph.pinned:
            layers = [layer for layer, numbers in graph.outputs.items() if number in numbers]
            raise UnsupportedModel(
                f"A channel of {', '.join(layers[:3]) or 'the model'} must stay: {graph.pinned[number]}. "
                "Keep that layer whole."
            )
    wanted = set(groups)
    for setting in graph.settings:
        for part in _parts(setting):
            if part.size and wanted.issuperset(part.tolist()):
                raise UnsupportedModel(
                    f"Layer {setting.layer!r} must keep at least one channel. Received: all {part.size} to remove. "
                    "Leave one, or take the layer out of the model."
                )


def _parts(setting: Any) -> list[np.ndarray]:
    return np.split(setting.groups, np.cumsum(setting.parts)[:-1]) if setting.parts else [setting.groups]


def _changes(graph: ChannelGraph, gone: np.ndarray) -> dict[str, Change]:
    """What becomes of each layer that has channels which are gone."""
    changes: dict[str, Change] = {}
    for setting in graph.settings:
        if gone[setting.groups].any():
            counts = [int((~gone[part]).sum()) for part in _parts(setting)]
            value = counts if setting.parts else counts[0]
            changes.setdefault(setting.layer, Change()).settings[setting.path] = value
    for axis in graph.axes:
        keep = ~gone[axis.groups]
        if not keep.all():
            changes.setdefault(axis.layer, Change()).cuts.append((axis.position, axis.axis, keep))
    return changes
