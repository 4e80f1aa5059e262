"""keras-tuner's own oracles as a search asks them: resumable, and with what is to be tried first."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...core.errors import InvalidRecipe, InvalidValue
from ..proposals import Observation, num_startup
from ..space import Between, Range, Space
from .gaussian import bounded
from .hyperparameters import declare, decoded, encoded

SCORE = "score"
EPOCHS = "epochs"  # the setting that successive halving changes
ROUND = "tuner/epochs"  # keras-tuner's name for the epochs of a round
FACTOR = 3
RETRIES = 20  # until a choice makes a recipe that was not tried

History = Callable[[], Sequence[Observation]]


def bayesian(kt: Any, space: Space, seed: int, history: History, usual: Mapping[str, Any]) -> Any:
    """keras-tuner's Bayesian optimization of one number, by Gaussian processes.

    Each proposal is drawn anew from the trial's number, so that it depends on nothing but the finished trials and the
    seed: those that stand in the journal are not proposed again. The process begins after at most ten trials;
    keras-tuner's own three for each setting would be 51 of the general space.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits  # which scikit-learn brings

    class Bayesian(bounded(kt.oracles.BayesianOptimizationOracle)):  # type: ignore[misc]
        """Knows what was tried, and what is to be tried first."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            known, number = history(), int(trial_id)
            if number < len(known):
                return _running(space, known[number].settings)
            tried = {space.key(observed.settings) for observed in known}
            for chosen in space.first or (space.start,):
                if space.key(chosen) not in tried:
                    return _running(space, chosen)
            if space.num_points is not None and len(tried) >= space.num_points:
                return {"status": "STOPPED"}
            self._seed_state = random.Random(f"{seed} {number}").randrange(1 << 30)
            self._random_state = np.random.RandomState(self._seed_state)
            with threadpool_limits(1):  # thousands of predictions for a few points: threads would wait for each other
                found: dict[str, Any] = super().populate_space(trial_id)
            for _ in range(RETRIES):
                if found["status"] != "RUNNING" or space.key(decoded(space, found["values"])) not in tried:
                    return found
                found = self._random_populate_space()
            return {"status": "STOPPED"}

    return Bayesian(num_initial_points=num_startup(space), **usual)


def hyperband(kt: Any, space: Space, usual: Mapping[str, Any]) -> Any:
    """Hyperband: many trials of few epochs, of which the better ones get three times as many, round by round.

    A trial of more epochs is a recipe of its own, trained from its beginning, as its learning rate and its schedule go
    over all of its epochs. It begins anew from the journal's trials, whose scores cost nothing.

    Reference: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband", 2018,
    https://jmlr.org/papers/v18/16-558.html
    """
    most = most_epochs(space)

    class Hyperband(kt.oracles.HyperbandOracle):  # type: ignore[misc]
        """Knows what is to be tried first."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            first, number = space.first or (space.start,), int(trial_id)
            if number < len(first):
                chosen = dict(first[number])
                epochs = chosen.pop(EPOCHS)
                return {"status": "RUNNING", "values": {**encoded(space, chosen), ROUND: epochs}}
            found: dict[str, Any] = super().populate_space(trial_id)
            return found

    given = {name: value for name, value in usual.items() if name != "max_trials"}
    oracle = Hyperband(max_epochs=most, factor=FACTOR, hyperband_iterations=None, **given)
    oracle.max_trials = usual["max_trials"]
    return oracle


def in_epochs(space: Space, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """keras-tuner's values with a round's epochs as the setting: the next one that the range has.

    >>> from tfcompress.core.settings import Settings
    >>> from tfcompress.searching.space import one_of
    >>> in_epochs(Space({"epochs": one_of(1, 3, 9)}, Settings()), {"tuner/epochs": 2})["epochs"]
    3
    """
    if ROUND not in values or EPOCHS not in space.ranges:
        return values
    found, wanted = space.ranges[EPOCHS], int(values[ROUND])
    if isinstance(found, Between):
        return {**values, EPOCHS: found.plain(wanted)}
    enough = [option for option in found.options if option >= wanted]
    return {**values, EPOCHS: min(enough or [max(found.options)])}


def most_epochs(space: Space) -> int:
    """The most epochs that a search may train for.

    Raises:
      InvalidRecipe: where the epochs are not searched, or are no whole numbers.
    """
    found: Range | None = space.ranges.get(EPOCHS)
    if found is None or not all(isinstance(end, int) and not isinstance(end, bool) for end in found.ends):
        raise InvalidRecipe(
            "search.oracle hyperband needs a setting epochs with a range of whole numbers, which is not set. "
            f'Received: {"none" if found is None else found}. Write epochs: int = tfc.setting(3, "...", '
            "search=tfc.between(1, 9)), or use another oracle."
        )
    return int(max(found.ends))


def of_users_own(kt: Any, oracle: Any, space: Space, num_trials: int) -> Any:
    """An oracle that somebody brings, with the space, once it is known that a search can ask it.

    Raises:
      InvalidValue: for what is no oracle, and for one with another objective.
    """
    if not isinstance(oracle, kt.Oracle):
        raise InvalidValue(
            f"search.oracle must be a name, or a keras_tuner.Oracle. Received: {type(oracle).__name__}. Use optuna."
        )
    wanted = oracle.objective
    known = getattr(wanted, "name", None) in (SCORE, "default_objective") and wanted.direction == "min"
    if not known:
        raise InvalidValue(
            f'search.oracle must have the objective "{SCORE}". Received: {getattr(wanted, "name", wanted)!r}. Use '
            f'objective=keras_tuner.Objective("{SCORE}", "min").'
        )
    oracle.update_space(declare(space, oracle.get_space()))
    oracle.max_consecutive_failed_trials = num_trials + 1  # crashes are in the journal, and the search goes on
    return oracle


def _running(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": "RUNNING", "values": encoded(space, chosen)}
