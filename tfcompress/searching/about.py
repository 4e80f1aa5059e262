"""What was asked for: looked at before anything is trained, and for the journal, as other words are another search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..core.describe import describe
from ..core.errors import InvalidValue
from ..core.extras import require_extra
from ..core.tasks.task import Task, metric_of
from ..core.types import Recipe
from ..running.order.following import require_order
from ..running.run import keys_of
from ..running.strategy import MULTI_WORKER, parse_strategy
from .budget import Budget
from .engine import HYPERBAND, OPTUNA, ORACLES
from .scored import scored
from .space import Space
from .trials import Subject, check_of
from .tuner.oracles import most_epochs


def about(subject: Subject, space: Space, budget: Budget, share: float, seed: int, recipe: Recipe) -> dict[str, Any]:
    """What trials depend on, beside what is chosen.

    Args:
      subject: what is searched.
      space: its settings that may be tried.
      budget: for what files are measured on.
      share: of the training examples that are held out.
      seed: of what is proposed.
      recipe: the scored recipe as it is.
    """
    keys = {stage: key.name for stage, key in keys_of(recipe).items()}
    return {
        "recipe": subject.name,
        "settings": describe(subject.settings),
        "space": space.describe(),
        "seed": seed,
        "kernels": budget.kernels,
        "num_threads": budget.num_threads,
        "validation share": share,
        "code, data or versions": keys,
    }


def checked(
    subject: Subject,
    space: Space,
    budget: Budget,
    num_trials: int,
    hours: float | None,
    oracle: Any,
    share: float,
    strategy: str | None,
) -> Recipe:
    """The scored recipe as it is, once nothing is wrong with what was asked for.

    Args:
      subject: what is searched.
      space: its settings that may be tried.
      budget: what a file may cost.
      num_trials: that were asked for.
      hours: likewise; None for no limit.
      oracle: a name, or a keras_tuner.Oracle.
      share: of the training examples that are held out.
      strategy: under which trials train; None for none.

    Raises:
      InvalidValue, InvalidRecipe, MissingExtra: what is wrong, before TensorFlow is imported where that can be.
    """
    if num_trials < 1:
        raise InvalidValue(f"search.trials must be at least 1. Received: {num_trials}. Use 20.")
    if hours is not None and not 0 < hours < math.inf:
        raise InvalidValue(f"search.hours must be above 0. Received: {hours}. Use 2, or leave it out.")
    if isinstance(oracle, str) and oracle not in ORACLES:
        raise InvalidValue(f"search.oracle must be one of {', '.join(ORACLES)}. Received: {oracle!r}. Use {OPTUNA}.")
    if strategy == MULTI_WORKER:
        raise InvalidValue(
            f"search.strategy must be of one process. Received: {MULTI_WORKER}. Use mirrored, and --workers for "
            "several trials at a time."
        )
    parse_strategy(strategy or "none")
    if oracle == HYPERBAND:
        most_epochs(space)
    whole = subject.make(subject.settings)
    require_order(whole)
    recipe = scored(whole, share, (check_of(budget),))
    require_order(recipe)
    require_extra("search", "tfcompress search")
    recipe.data.require()
    _ = recipe.data.test  # the validation examples: a stream has none to hold out, and few examples too few
    task = recipe.task or recipe.data.task
    if type(task) is Task:  # presets know theirs once they have seen the model's outputs
        _require_direction(task.metrics)
    return recipe


def _require_direction(metrics: Any) -> None:
    """Raises `InvalidValue` without a metric, or where nobody knows which of two values of the first is better."""
    if not metrics:
        raise InvalidValue(
            "Task.metrics must have a metric, as a search compares files by it. Received: none. Give one that says "
            "which of two values is better: Metric(..., higher_is_better=True)."
        )
    first = next(iter(metrics.values())) if isinstance(metrics, Mapping) else metrics
    headline = metric_of(first[0] if isinstance(first, list | tuple) else first)
    if headline.is_guess:
        raise InvalidValue(
            f"Task.metrics must say which of two values is better, as a search compares files by the first. Received: "
            f"{headline.name!r}, which does not. Use Metric({headline.name!r}, ..., higher_is_better=True), or False."
        )
