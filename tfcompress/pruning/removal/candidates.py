"""A model as it would be without some of its channels: counted from the graph, or built where that is needed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measuring.measure import kernel_variables, macs_by_layer

if TYPE_CHECKING:
    from ...core.types import Data
    from ...fitting.objective import Objective
    from ...graph.dependencies import ChannelGraph


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is the same for all candidates: the model, its graph, data to calibrate files on, and its objective."""

    model: Any
    graph: ChannelGraph
    data: Data | None = None
    objective: Objective | None = None

    @cached_property
    def shapes(self) -> Mapping[tuple[str, int], tuple[int, ...]]:
        """Of each weight, by layer and position."""
        return {
            (layer.name, position): tuple(weight.shape)
            for layer in self.model.layers
            for position, weight in enumerate(layer.weights)
        }

    @cached_property
    def calls(self) -> Mapping[str, float]:
        """How often each entry of a layer's kernels is used for one example."""
        found = {}
        macs = macs_by_layer(self.model)
        for layer in self.model.layers:
            entries = sum(math.prod(variable.shape) for variable in kernel_variables(layer).values())
            if entries and macs.get(layer.name):
                found[layer.name] = macs[layer.name] / entries
        return found

    @cached_property
    def kernels(self) -> frozenset[tuple[str, int]]:
        """Which weights are kernels, by layer and position."""
        return frozenset(
            (layer.name, position)
            for layer in self.model.layers
            for variable in kernel_variables(layer).values()
            for position, weight in enumerate(layer.weights)
            if weight is variable
        )

    @property
    def num_channels(self) -> int:
        """Channels, coupled ones counted once, that can go."""
        return sum(len(family.groups) for family in self.graph.families)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """The model of a plan without the groups in `removed`."""

    plan: Plan
    removed: frozenset[int]

    @cached_property
    def _sizes(self) -> dict[tuple[str, int], int]:
        gone = np.zeros(self.plan.graph.num_groups, bool)
        gone[list(self.removed)] = True
        shapes = {key: list(shape) for key, shape in self.plan.shapes.items()}
        for axis in self.plan.graph.axes:
            shapes[axis.layer, axis.position][axis.axis] = int((~gone[axis.groups]).sum())
        return {key: math.prod(shape) for key, shape in shapes.items()}

    @property
    def num_parameters(self) -> int:
        """Weights of the candidate."""
        return sum(self._sizes.values())

    @property
    def num_kernel_weights(self) -> int:
        """Weights of its kernels."""
        return sum(self._sizes[key] for key in self.plan.kernels)

    @property
    def num_macs(self) -> int:
        """Multiply-accumulates of the candidate, as measuring/measure.py counts them; attention by its kernels."""
        calls = self.plan.calls
        return round(sum(self._sizes[key] * calls[key[0]] for key in self.plan.kernels if key[0] in calls))

    @cached_property
    def model(self) -> Any:
        """The candidate itself."""
        from .removal import remove_groups

        return remove_groups(self.plan.model, self.plan.graph, self.removed) if self.removed else self.plan.model
