"""keras-tuner as the engine of a search: its Tuner asks an Oracle what to try, and runs it.

keras-tuner 1.4.8 takes tf_keras for the Keras of TensorFlow 1 and rejects its models (keras-tuner #1039): a tuner whose
`run_trial` gives figures never shows it one. All that leans on its ways is in this file.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InvalidValue
from .proposals import PROPOSALS, Observation, new_choice
from .space import Between, Space

OPTUNA, RANDOM, BAYESIAN = "optuna", "random", "bayesian"
ORACLES = (OPTUNA, RANDOM, BAYESIAN)
SCORE = "score"


class Stopped(BaseException):
    """The search ends before all trials are done. No `Exception`, of which keras-tuner would make a failed trial."""


class _Ended(BaseException):
    """An error of which the next trial would die as well; it is the cause."""


def run_engine(
    oracle: str,
    space: Space,
    num_trials: int,
    seed: int,
    folder: Path,
    history: Callable[[], Sequence[Observation]],
    run_trial: Callable[[Mapping[str, Any]], float | None],
) -> None:
    """Runs trials until there are `num_trials`, or everything was tried.

    Args:
      oracle: one of `ORACLES`.
      space: what may be tried.
      num_trials: all of them, those of earlier processes too, which `run_trial` finds again.
      seed: of what is proposed.
      folder: of keras-tuner's own log; it is written anew.
      history: the finished trials in their order.
      run_trial: gives the score of a choice, the smaller the better; None for one that crashed. It may raise `Stopped`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import keras_tuner
        from keras_tuner.engine.base_tuner import BaseTuner
        from keras_tuner.errors import FailedTrialError
        from keras_tuner.src import config  # 1.4.8: else it prints a traceback of each crash, which the journal has

    class Trials(BaseTuner):  # type: ignore[misc]
        """Runs a trial by giving its choice to `run_trial`."""

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            try:
                score = run_trial(_decoded(space, trial.hyperparameters.values))
            except Exception as error:  # of which keras-tuner would make a failed trial, and go on
                raise _Ended from error
            if score is None:
                raise FailedTrialError("The trial crashed; its reason is in the journal.")
            return {SCORE: score}

        def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
            """Nothing: the run folder of the trial has all of it."""

    tuner = Trials(_oracle(keras_tuner, oracle, space, num_trials, seed, history), None, str(folder), oracle, True)
    debug, config.DEBUG = config.DEBUG, False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")  # threading.currentThread
        warnings.filterwarnings("ignore", module="sklearn")  # of few trials, that a fit has not converged
        try:
            tuner.search(verbose=0)
        except _Ended as ended:
            if ended.__cause__ is not None:
                raise ended.__cause__ from None
            raise
        finally:
            config.DEBUG = debug


def _oracle(
    kt: Any, name: str, space: Space, num_trials: int, seed: int, history: Callable[[], Sequence[Observation]]
) -> Any:
    if name not in ORACLES:
        raise InvalidValue(f"oracle must be one of {', '.join(ORACLES)}. Received: {name!r}. Use {OPTUNA}.")
    usual = {
        "objective": kt.Objective(SCORE, "min"),
        "max_trials": num_trials,
        "hyperparameters": _hyperparameters(kt, space),
        "seed": seed + 1,  # 0 means any
        "max_consecutive_failed_trials": num_trials + 1,
    }
    if name == BAYESIAN:
        return kt.oracles.BayesianOptimizationOracle(**usual)

    class Proposing(kt.Oracle):  # type: ignore[misc]
        """Asks a proposal, which looks at the journal: what stands there is proposed again."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            known, number = history(), int(trial_id)
            chosen: Mapping[str, Any] | None
            if number < len(known):
                chosen = known[number].settings
            else:
                chosen = new_choice(PROPOSALS[name], space, known, number + 1, seed)
            return {"status": "STOPPED"} if chosen is None else {"status": "RUNNING", "values": _encoded(space, chosen)}

    return Proposing(**usual)


def _hyperparameters(kt: Any, space: Space) -> Any:
    """The space in keras-tuner's words; options as JSON, since it takes no None and no mixture of types."""
    found = kt.HyperParameters()
    for name, each in space.ranges.items():
        default = getattr(space.base, name)
        if not isinstance(each, Between):
            found.Choice(name, [json.dumps(option) for option in each.options], default=json.dumps(default))
        else:
            kind = found.Int if each.is_whole else found.Float
            kind(name, each.low, each.high, sampling="log" if each.log else "linear", default=default)
    return found


def _encoded(space: Space, chosen: Mapping[str, Any]) -> dict[str, Any]:
    ranges = space.ranges
    return {name: value if isinstance(ranges[name], Between) else json.dumps(value) for name, value in chosen.items()}


def _decoded(space: Space, values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, each in space.ranges.items():
        found[name] = each.plain(values[name]) if isinstance(each, Between) else json.loads(values[name])
    return found
