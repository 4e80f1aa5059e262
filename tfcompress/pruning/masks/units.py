"""What a term of the loss acts on, and what goes with each weight, filter or channel that is found small."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import keras, tf
from ...core.errors import UnsupportedModel
from ...measuring.measure import leaf_layers
from ..loss_terms import FILTERS, SCALES, WEIGHTS
from .chains import channel_masks, followers, producer
from .prunable import PRUNED_KINDS, Target, targets

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Units:
    """Weights, filters or channels of one layer: `values` gives what the term is called with.

    `parts` are the (variable, axis) that a channel's mask is laid on; for single weights the one variable, axis None.
    """

    name: str
    values: Callable[[], Any]
    parts: tuple[tuple[Any, int | None], ...]

    def masks(self, keep: np.ndarray) -> list[tuple[Any, np.ndarray]]:
        """(variable, mask) for what is False in `keep`."""
        if self.parts[0][1] is None:
            return [(self.parts[0][0], keep)]
        return list(channel_masks(keep, list(self.parts)))


def units(model: Any, acts_on: str, keep: Collection[str], owner: str) -> list[Units]:
    """All units of `model` but those of layers whose names match a pattern of `keep`.

    Raises:
      UnsupportedModel: when there are none.
    """
    found = targets(model, owner)
    makers = {WEIGHTS: _weights, FILTERS: _filters, SCALES: lambda _: _scales(model)}
    made = makers[acts_on](found)
    chosen = [unit for unit in made if not any(fnmatch.fnmatch(unit.name.split("/")[0], name) for name in keep)]
    if not chosen:
        types = ", ".join(sorted({type(layer).__name__ for layer in leaf_layers(model)}))
        needed = {
            WEIGHTS: "a kernel",
            FILTERS: "filters, before the layer that makes the outputs",
            SCALES: "a BatchNormalization with a scale",
        }[acts_on]
        raise UnsupportedModel(
            f"{owner} expects a layer with {needed}. Received: {types}, of which {list(keep)} are kept. "
            "Use another term, or keep fewer layers."
        )
    return chosen


def _weights(found: Mapping[str, Target]) -> list[Units]:
    return [
        Units(name, lambda target=target: target.variable, ((target.variable, None),))
        for name, target in found.items()
        if target.kind in PRUNED_KINDS
    ]


def _filters(found: Mapping[str, Target]) -> list[Units]:
    return [
        Units(name, lambda target=target: filter_matrix(target), tuple(filter_parts(target)))
        for name, target in found.items()
        if target.has_filters and not target.answers
    ]


def filter_parts(target: Target) -> list[tuple[Any, int]]:
    """The kernel, its bias, and what follows channel by channel."""
    bias = [(target.filter_bias, -1)] if target.filter_bias is not None else []
    return [(target.variable, target.output_axis), *bias, *followers(target.layer)]


def filter_matrix(target: Target) -> Any:
    """The weights of each filter and its bias as a column: (weights, filters)."""
    kernel = target.variable
    rank = len(kernel.shape)
    axis = target.output_axis % rank
    order = [number for number in range(rank) if number != axis] + [axis]
    matrix = tf.reshape(tf.transpose(kernel, order), (-1, kernel.shape[axis]))
    return matrix if target.filter_bias is None else tf.concat([matrix, target.filter_bias[None]], axis=0)


def _scales(model: Any) -> list[Units]:
    found = targets(model, "BatchNormL1")
    by_layer = {target.layer.name: target for target in found.values() if target.has_filters and not target.answers}
    made = []
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.gamma is not None:
            parts = [(variable, -1) for variable in (layer.gamma, layer.beta) if variable is not None]
            before = producer(layer)
            target = by_layer.get(before.name) if before is not None else None
            # With the filter everything that follows it goes, this layer included.
            whole = filter_parts(target) if target is not None else [*parts, *followers(layer)]
            made.append(Units(f"{layer.name}/gamma", lambda layer=layer: layer.gamma, tuple(whole)))
    return made
