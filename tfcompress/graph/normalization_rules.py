"""Channels through normalization: where each has statistics of its own they can go, where they share them they stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from .atoms import Channels
from .trace import TracedCall, Tracer


def batch_normalization(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """Zero once scale and offset are zero; without a scale, once offset and moving mean are."""
    layer = call.layer
    channels = tracer.along(call, layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis)
    mean_makes = "makes" if layer.gamma is None else "carries"
    for variable, role in (
        *((layer.gamma, "makes"), (layer.beta, "makes")),
        *((layer.moving_mean, mean_makes), (layer.moving_variance, "carries")),
    ):
        tracer.weight(layer, variable, 0, role, channels.atoms)
    values = np.zeros((2, channels.size))
    if tracer.reads_weights:
        values[1] = _normalized(layer, channels.values[1])
    return [channels.valued(values)]


def _normalized(layer: Any, values: np.ndarray) -> np.ndarray:
    """What batch normalization makes of channels that hold one number each, or NaN."""
    offset = 0.0 if layer.beta is None else layer.beta.numpy()
    normalized = (values - layer.moving_mean.numpy()) / np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    if layer.gamma is not None:
        gamma = layer.gamma.numpy()
        normalized = np.where(gamma == 0, 0.0, normalized * gamma)
    return normalized + offset


def group_normalization(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """Whole groups can go: each has its own statistics."""
    layer = call.layer
    channels = tracer.along(call, layer.axis)
    size = channels.size // layer.groups
    if layer.groups == 1:
        return tracer.unknown(call, f"{call} takes its statistics over all channels")
    for group in np.split(channels.atoms, layer.groups):
        tracer.atoms.unite_all(group)
    tracer.read(call, channels)
    tracer.weight(layer, layer.gamma, 0, "makes", channels.atoms)
    tracer.weight(layer, layer.beta, 0, "makes", channels.atoms)
    tracer.setting(layer, ("groups",), channels.atoms[::size])
    values = np.zeros((2, channels.size))
    values[1] = np.nan if layer.beta is None else np.where(channels.values[1] == 0, layer.beta.numpy(), np.nan)
    return [channels.valued(values)]


def unit_normalization(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    channels = tracer.along(call, -1)
    tracer.read(call, channels)  # a channel of zeros does not change a norm
    return [channels]


def layer_normalization(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    return tracer.unknown(call, f"{call} takes its statistics over all channels, which change when one goes")
