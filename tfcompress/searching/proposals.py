"""What is tried next: a function of what was found so far, and of nothing else, so that a search can be resumed.

Each gives a choice for trial `number` of `history`: what was chosen, the figures to make small (None where a trial
crashed), and by how much each bound was exceeded.
"""

from __future__ import annotations

import dataclasses
import json
import random
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .space import OneOf, Space

MOST_SEEDS = 1 << 31
FEWEST_CRASHES = 2  # after which an option is left alone
RETRIES = 50  # until a choice is one that was not tried before


@dataclasses.dataclass(frozen=True)
class Observation:
    """A finished trial, or one at work, as far as a proposal looks at it."""

    settings: Mapping[str, Any]
    values: tuple[float, ...] | None
    excess: tuple[float, ...] = ()
    is_running: bool = False


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
            n_startup_trials=num_startup(space),
            multivariate=True,
            constant_liar=any(observed.is_running for observed in history),  # else workers try much the same
            seed=_seed(number, seed),
        )
        asked = study_of(space, history, sampler).ask(distributions).params
    return {name: _plain(space, name, asked[name]) for name in space.ranges}


def num_startup(space: Space) -> int:
    """After how many trials a sampler begins to learn from them; those before are random."""
    return min(10, max(4, 2 * len(space.ranges)))


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
    """A choice of a recipe that was not tried before; None where everything, or nearly so, was.

    First is what the space has as such, or the recipe as it is. An option that crashed twice or more, and each time, is
    left alone, where another one of its setting did not.
    """
    tried = {space.key(observed.settings) for observed in history}
    for chosen in space.first or (space.start,):
        if space.key(chosen) not in tried:
            return dict(chosen)
    if space.num_points is not None and len(tried) >= space.num_points:
        return None
    crashing = crashing_options(space, history)
    for attempt in range(RETRIES):
        way = propose if attempt < RETRIES // 5 else propose_random  # a sampler may be sure of itself
        chosen = way(space, history, number + attempt * 10_007, seed)
        if space.key(chosen) not in tried and not crashing.intersection(_options(space, chosen)):
            return chosen
    return None


def crashing_options(space: Space, history: Sequence[Observation]) -> set[tuple[str, str]]:
    """Options, as JSON, that crashed twice or more, and each time, where another one of their setting did not."""
    finished = [observed for observed in history if not observed.is_running]
    ended = [(observed.values is not None, _options(space, observed.settings)) for observed in finished]
    done = {option for is_done, options in ended if is_done for option in options}
    crashed = Counter(option for is_done, options in ended if not is_done for option in options)
    working = {name for name, _ in done}
    return {
        each for each, count in crashed.items() if count >= FEWEST_CRASHES and each not in done and each[0] in working
    }


def _options(space: Space, chosen: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(name, json.dumps(chosen[name])) for name, each in space.ranges.items() if isinstance(each, OneOf)}


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
    if observed.is_running:
        return create_trial(state=TrialState.RUNNING, **given)
    if observed.values is None:
        return create_trial(state=TrialState.FAIL, **given)
    constraints = {str(place): value for place, value in enumerate(observed.excess)}
    return create_trial(values=list(observed.values), constraints=constraints, **given)


def _plain(space: Space, name: str, value: Any) -> Any:
    found = space.ranges[name]
    return value if isinstance(found, OneOf) else found.plain(value)


PROPOSALS: Mapping[str, Propose] = {"optuna": propose_by_optuna, "random": propose_random}
