"""What is tried next: a function of what was found so far, and of nothing else, so that a search can be resumed.

Each gives a choice for trial `number` of `history`: what was chosen, the figures to make small (None where a trial
crashed), and by how much each bound was exceeded.
"""

from __future__ import annotations

import dataclasses
import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .space import OneOf, Space

MOST_SEEDS = 1 << 31
RETRIES = 50  # until a choice is one that was not tried before


@dataclasses.dataclass(frozen=True)
class Observation:
    """A finished trial, as far as a proposal looks at it."""

    settings: Mapping[str, Any]
    values: tuple[float, ...] | None
    excess: tuple[float, ...] = ()


Propose = Callable[[Space, Sequence[Observation], int, int], "dict[str, Any]"]


def propose_random(space: Space, history: Sequence[Observation], number: int, seed: int) -> dict[str, Any]:
    """Each setting at random.

    >>> from tfcompress.core.settings import Settings
    >>> from tfcompress.searching.space import between
    >>> propose_random(Space({"epochs": between(1, 9)}, Settings()), [], 1, seed=0)
    {'epochs': 6}
    """
    drawn = random.Random(_seed(number, seed))
    return {name: found.at(drawn.random()) for name, found in space.ranges.items()}


def propose_by_optuna(space: Space, history: Sequence[Observation], number: int, seed: int) -> dict[str, Any]:
    """What Optuna's multi-objective TPE sampler proposes, with the bounds as its constraints.

    The study is made anew from the history each time, and the sampler's seed is of the trial's number: a search that
    was killed goes on as it would have.

    Reference: Ozaki, Tanigaki, Watanabe and Onishi, "Multiobjective tree-structured Parzen estimator", 2022,
    https://doi.org/10.1613/jair.1.13188
    """
    import optuna

    distributions = _distributions(space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=min(10, max(4, 2 * len(distributions))), multivariate=True, seed=_seed(number, seed)
        )
        asked = study_of(space, history, sampler).ask(distributions).params
    return {name: _plain(space, name, asked[name]) for name in space.ranges}


def study_of(space: Space, history: Sequence[Observation], sampler: Any = None) -> Any:
    """An Optuna study of finished trials, in memory."""
    import optuna

    count = max((len(observed.values) for observed in history if observed.values is not None), default=1)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(directions=["minimize"] * count, sampler=sampler)
        study.add_trials([_trial(observed, _distributions(space)) for observed in history])
    finally:
        optuna.logging.set_verbosity(before)
    return study


def new_choice(
    propose: Propose, space: Space, history: Sequence[Observation], number: int, seed: int
) -> dict[str, Any] | None:
    """A choice that was not tried before; None where everything, or nearly so, was.

    The first trial is the recipe as it is.
    """
    tried = {space.key(observed.settings) for observed in history}
    if space.key(space.start) not in tried:
        return space.start
    if space.num_points is not None and len(tried) >= space.num_points:
        return None
    for attempt in range(RETRIES):
        way = propose if attempt < RETRIES // 5 else propose_random  # a sampler may be sure of itself
        chosen = way(space, history, number + attempt * 10_007, seed)
        if space.key(chosen) not in tried:
            return chosen
    return None


def _seed(number: int, seed: int) -> int:
    return (seed * 1_000_003 + number * 7919) % MOST_SEEDS


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, each in space.ranges.items():
        if isinstance(each, OneOf):
            found[name] = CategoricalDistribution(each.options)
        else:
            kind = IntDistribution if each.is_whole else FloatDistribution
            found[name] = kind(each.low, each.high, log=each.log)
    return found


def _trial(observed: Observation, distributions: Mapping[str, Any]) -> Any:
    from optuna.trial import TrialState, create_trial

    given = {"params": dict(observed.settings), "distributions": dict(distributions)}
    if observed.values is None:
        return create_trial(state=TrialState.FAIL, **given)
    constraints = {str(place): value for place, value in enumerate(observed.excess)}
    return create_trial(values=list(observed.values), constraints=constraints, **given)


def _plain(space: Space, name: str, value: Any) -> Any:
    found = space.ranges[name]
    return value if isinstance(found, OneOf) else found.plain(value)


PROPOSALS: Mapping[str, Propose] = {"optuna": propose_by_optuna, "random": propose_random}
