"""Channels through what moves them or joins them: reshaping, concatenation, and element-wise arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .atoms import Channels
from .trace import TracedCall, Tracer


def combined(tracer: Tracer, call: TracedCall, function: Callable[..., Any]) -> list[Channels | None]:
    """Element-wise arithmetic of several tensors: channels at one place are coupled, one that is spread out is pinned.

    `function` gives the values, of arrays of shape (2, channels) in the place of the tensors.
    """
    output = call.outputs[0]
    full = [
        (channels, channels.axis - len(tensor.shape))
        for channels, tensor in zip(call.channels, call.inputs, strict=True)
        if channels is not None and channels.size > 1
    ]
    axes = {axis for _, axis in full}
    if len(axes) != 1:
        return tracer.unknown(call, f"{call} joins channels that lie along different axes, or one channel alone")
    axis = axes.pop()
    leader = full[0][0]
    values = []
    for channels, tensor in zip(call.channels, call.inputs, strict=True):
        if channels is not None and channels.size > 1:
            if channels.size != leader.size:
                return tracer.unknown(call)
            tracer.atoms.unite(leader.atoms, channels.atoms)
            values.append(channels.values)
        elif len(tensor.shape) < -axis or tensor.shape[axis] == 1:
            tracer.pin(channels, f"{call} spreads it over all channels")
            values.append(np.full_like(leader.values, np.nan))
        else:
            return tracer.unknown(call)
    with np.errstate(all="ignore"):
        found = leader.moved(len(output.shape) + axis).valued(function(*values))
    return [found]


def product(*values: np.ndarray) -> np.ndarray:
    """The product of values, in which 0 times anything is 0."""
    zero = np.any([value == 0 for value in values], axis=0)
    return np.where(zero, 0.0, math.prod(values[1:], start=values[0]))


def total(*values: np.ndarray) -> np.ndarray:
    """The sum of values."""
    return sum(values[1:], start=values[0])


def joined(tracer: Tracer, call: TracedCall, axis: int) -> list[Channels | None]:
    """Concatenation: along the axis of the channels their lists are joined, along another one they are coupled."""
    axis = axis % call.rank
    channels = call.channels
    if any(each is None or each.axis != channels[0].axis for each in channels):
        return tracer.unknown(call, f"{call} joins channels that lie along different axes")
    if channels[0].axis == axis:
        atoms = np.concatenate([each.atoms for each in channels])
        return [Channels(axis, atoms, np.concatenate([each.values for each in channels], axis=1))]
    for other in channels[1:]:
        tracer.atoms.unite(channels[0].atoms, other.atoms)
    same = np.all([each.values == channels[0].values for each in channels], axis=0)
    return [channels[0].valued(np.where(same, channels[0].values, np.nan))]


def reshaped(tracer: Tracer, call: TracedCall, path: tuple[Any, ...] | None) -> list[Channels | None]:
    """Reshaping: each new place learns its atom. Where atoms come to vary along several axes, only the last is kept
    apart, and those that share a place on it are coupled.

    `path` leads to the target shape in the layer's settings, and ends with what to add to an axis to find its entry
    there; None where there is no such setting.
    """
    channels, before, after = call.channels[0], call.inputs[0].shape[1:], call.outputs[0].shape[1:]
    if channels is None:
        return tracer.unknown(call)
    if None in before or None in after:
        last = len(before), len(after)
        if channels.axis != last[0] or before[-1] != after[-1]:
            return tracer.unknown(call, f"{call} moves channels among axes without a known length")
        found = channels.moved(last[1])
    else:
        found = _regrouped(tracer, channels, tuple(before), tuple(after))
    if path is not None:
        tracer.setting(call.layer, (*path[:-1], found.axis + path[-1]), found.atoms)
    return [found]


def _regrouped(tracer: Tracer, channels: Channels, before: Sequence[int], after: Sequence[int]) -> Channels:
    shape = [1] * len(before)
    shape[channels.axis - 1] = channels.size
    places = np.broadcast_to(np.arange(channels.size).reshape(shape), before).reshape(after)
    varying = [axis for axis in range(places.ndim) if np.any(places != np.take(places, [0], axis))]
    kept = varying[-1] if varying else places.ndim - 1
    columns = np.moveaxis(places, kept, -1).reshape(-1, places.shape[kept])
    for column in columns.T if len(varying) > 1 else ():
        tracer.atoms.unite_all(channels.atoms[np.unique(column)])
    values = channels.values[:, columns]  # (2, others, kept)
    same = np.all(values == values[:, :1], axis=1)
    return Channels(kept + 1, channels.atoms[columns[0]], np.where(same, values[:, 0], np.nan))
