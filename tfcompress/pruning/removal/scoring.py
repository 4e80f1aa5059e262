"""What the channels of each family are worth, by a criterion, in one unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..channel_criteria import ACTIVATIONS, GRADIENTS, Criterion
from ..channel_slices import family_slices
from .channel_statistics import activations, gradients
from .greedy import ISOMORPHIC, Scored, kind_of

if TYPE_CHECKING:
    from ...graph.dependencies import Family
    from .candidates import Plan


def scores_of(
    plan: Plan, families: Sequence[Family], criterion: Criterion, num_examples: int, comparison: str = ""
) -> list[Scored]:
    """Families that the criterion can score; scores that are not comparable are divided by their family's mean.

    What is measured on examples is scored batch by batch, and averaged.
    """
    layers = {layer.name: layer for layer in plan.model.layers}
    read = {axis.layer for family in families for axis in plan.graph.axes_of(family)}
    weights = {name: layers[name].weights for name in read}
    sums: dict[int, np.ndarray] = {}
    count = 0
    for statistics in _statistics(plan, criterion, num_examples):
        count += 1
        for index, family in enumerate(families):
            found = criterion(family_slices(plan.graph, family, weights, **statistics), index)
            if found is not None:
                sums[index] = sums.get(index, 0.0) + np.asarray(found, float)
    scored = []
    for index, total in sums.items():
        scores = total / count
        if not criterion.comparable and scores.mean() > 0:
            scores = scores / scores.mean()
        kind = kind_of(plan.graph, families[index], layers) if comparison == ISOMORPHIC else None
        scored.append(Scored(families[index], scores, kind))
    return scored


def _statistics(plan: Plan, criterion: Criterion, num_examples: int) -> Iterable[dict[str, Any]]:
    if criterion.needs == GRADIENTS:
        return ({"gradients": found} for found in gradients(plan.model, plan.objective, num_examples))
    if criterion.needs == ACTIVATIONS:
        seen = activations(plan.model, plan.graph, plan.data, num_examples)
        return ({"activations": found} for found in seen)
    return [{}]
