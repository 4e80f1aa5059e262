"""What a term of the loss acts on, and what goes with each weight, filter or channel that is found small."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...core.selection import Selectors, select
from ...measuring.measure import leaf_layers
from ..loss_terms import FILTERS, SCALES, WEIGHTS
from .chains import channel_masks, followers, producer
from .prunable import PRUNED_KINDS, PrunableKernel, layers_of, prunable_kernels

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Units:
    """Weights, filters or channels of one layer: `values` gives what the term is called with.

    `layers` are the layer, and for a scale the one whose filters it scales, too: what is cut of the one goes of both.
    `parts` are the (variable, axis) that a channel's mask is laid on; for single weights the one variable, axis None.
    """

    name: str
    layers: tuple[str, ...]
    values: Callable[[], Any]
    parts: tuple[tuple[Any, int | None], ...]

    def masks(self, keep: np.ndarray) -> list[tuple[Any, np.ndarray]]:
        """(variable, mask) for what is False in `keep`."""
        if self.parts[0][1] is None:
            return [(self.parts[0][0], keep)]
        return list(channel_masks(keep, list(self.parts)))


def units(model: Any, acts_on: str, keep: Selectors, owner: str) -> list[Units]:
    """All units of `model` but those of layers that `keep` selects.

    Raises:
      InvalidValue: for a selector that matches no layer with a kernel or, where scales are acted on, a scale.
      UnsupportedModel: when there are none.
    """
    found = prunable_kernels(model, owner)
    makers = {WEIGHTS: _weights, FILTERS: _filters, SCALES: lambda _: _scales(model)}
    made = makers[acts_on](found)
    named = {*layers_of(found), *(name for unit in made for name in unit.layers)}
    layers = {layer.name: layer for layer in leaf_layers(model) if layer.name in named}
    kept = select(layers, keep, f"{owner}.keep", "layers with kernels or scales")
    chosen = [unit for unit in made if not set(unit.layers) & set(kept)]
    if not chosen:
        types = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
        needed = {
            WEIGHTS: "a kernel",
            FILTERS: "filters, before the layer that makes the outputs",
            SCALES: "a BatchNormalization with a scale",
        }[acts_on]
        raise UnsupportedModel(
            f"{owner} expects a layer with {needed}. Received: {types}, and keep selects {len(kept)} layers of "
            f"{len(layers)}. Use another term, or keep fewer layers."
        )
    return chosen


def _weights(found: Mapping[str, PrunableKernel]) -> list[Units]:
    return [
        Units(
            name, (prunable.layer.name,), functools.partial(getattr, prunable, "variable"), ((prunable.variable, None),)
        )
        for name, prunable in found.items()
        if prunable.kind in PRUNED_KINDS
    ]


def _filters(found: Mapping[str, PrunableKernel]) -> list[Units]:
    return [
        Units(name, (prunable.layer.name,), functools.partial(filter_matrix, prunable), tuple(filter_parts(prunable)))
        for name, prunable in found.items()
        if prunable.may_lose_filters
    ]


def filter_parts(prunable: PrunableKernel) -> list[tuple[Any, int]]:
    """The kernel, its bias, and what follows channel by channel."""
    bias = [(prunable.filter_bias, -1)] if prunable.filter_bias is not None else []
    return [(prunable.variable, prunable.output_axis), *bias, *followers(prunable.layer)]


def filter_matrix(prunable: PrunableKernel) -> Any:
    """The weights of each filter and its bias as a column: (weights, filters)."""
    kernel = prunable.variable
    rank = len(kernel.shape)
    axis = prunable.output_axis % rank
    order = [number for number in range(rank) if number != axis] + [axis]
    matrix = tf.reshape(tf.transpose(kernel, order), (-1, kernel.shape[axis]))
    return matrix if prunable.filter_bias is None else tf.concat([matrix, prunable.filter_bias[None]], axis=0)


def _scales(model: Any) -> list[Units]:
    found = prunable_kernels(model, "BatchNormL1")
    by_layer = {prunable.layer.name: prunable for prunable in found.values() if prunable.may_lose_filters}
    made = []
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.gamma is not None:
            parts = [(variable, -1) for variable in (layer.gamma, layer.beta) if variable is not None]
            before = producer(layer)
            prunable = by_layer.get(before.name) if before is not None else None
            # With the filter everything that follows it goes, this layer included.
            whole = filter_parts(prunable) if prunable is not None else [*parts, *followers(layer)]
            names = (layer.name,) if prunable is None else (layer.name, prunable.layer.name)
            made.append(Units(f"{layer.name}/gamma", names, functools.partial(getattr, layer, "gamma"), tuple(whole)))
    return made
