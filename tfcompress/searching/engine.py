"""keras-tuner as the engine of a search: its Tuner asks an Oracle what to try, and runs it.

keras-tuner 1.4.8 takes tf_keras for the Keras of TensorFlow 1 and rejects its models (keras-tuner #1039): a tuner whose
`run_trial` gives figures never shows it one. All that leans on its ways is in this file and in tuner/.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import InvalidValue
from .proposals import PROPOSALS, Observation, new_choice
from .space import Space
from .tuner.hyperparameters import declare, decoded, encoded
from .tuner.oracles import EPOCHS, SCORE, bayesian, hyperband, in_epochs, of_users_own

OPTUNA, RANDOM, BAYESIAN, HYPERBAND = "optuna", "random", "bayesian", "hyperband"
ORACLES = (OPTUNA, RANDOM, BAYESIAN, HYPERBAND)
MOST_REPEATS = 20  # of recipes that Hyperband proposes again, for each trial


class Stopped(BaseException):
    """The search ends before all trials are done. No `Exception`, of which keras-tuner would make a failed trial."""


class _Done(BaseException):
    """There are as many trials as were asked for, though the oracle would go on."""


class _Ended(BaseException):
    """An error of which the next trial would die as well; it is the cause."""


def run_engine(
    oracle: Any,
    space: Space,
    num_trials: int,
    seed: int,
    folder: Path,
    history: Callable[[], Sequence[Observation]],
    run_trial: Callable[[Mapping[str, Any]], float | None],
) -> None:
    """Runs trials until there are `num_trials`, or everything was tried.

    Args:
      oracle: one of `ORACLES`, or a keras_tuner.Oracle, of the objective "score".
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
                score = run_trial(decoded(space, in_epochs(space, trial.hyperparameters.values)))
            except Exception as error:  # of which keras-tuner would make a failed trial, and go on
                raise _Ended from error
            if score is None:
                raise FailedTrialError("The trial crashed; its reason is in the journal.")
            return {self.oracle.objective.name: score}

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            if len(history()) >= num_trials:  # an oracle may propose a recipe twice, which is no trial of its own
                raise _Done

        def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
            """Nothing: the run folder of the trial has all of it."""

    asked = _oracle(keras_tuner, oracle, space, num_trials, seed, history)
    name = oracle if isinstance(oracle, str) else "own"
    tuner = Trials(asked, None, str(folder), name, True)
    debug, config.DEBUG = config.DEBUG, False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="keras_tuner")  # threading.currentThread
        warnings.filterwarnings("ignore", module="sklearn")  # of few trials, that a fit has not converged
        try:
            tuner.search(verbose=0)
        except _Done:
            return
        except _Ended as ended:
            if ended.__cause__ is not None:
                raise ended.__cause__ from None
            raise
        finally:
            config.DEBUG = debug


def _oracle(
    kt: Any, name: Any, space: Space, num_trials: int, seed: int, history: Callable[[], Sequence[Observation]]
) -> Any:
    if not isinstance(name, str):
        return of_users_own(kt, name, space, num_trials)
    if name not in ORACLES:
        raise InvalidValue(f"oracle must be one of {', '.join(ORACLES)}. Received: {name!r}. Use {OPTUNA}.")
    usual = {
        "objective": kt.Objective(SCORE, "min"),
        "max_trials": num_trials * (MOST_REPEATS if name == HYPERBAND else 1),
        "hyperparameters": declare(space, kt.HyperParameters(), EPOCHS if name == HYPERBAND else None),
        "seed": seed + 1,  # 0 means any
        "max_consecutive_failed_trials": num_trials + 1,
    }
    if name == BAYESIAN:
        return bayesian(kt, space, seed, history, usual)
    if name == HYPERBAND:
        return hyperband(kt, space, usual)

    class Proposing(kt.Oracle):  # type: ignore[misc]
        """Asks a proposal, which looks at the journal: what stands there is proposed again."""

        def populate_space(self, trial_id: str) -> dict[str, Any]:
            known, number = history(), int(trial_id)
            chosen: Mapping[str, Any] | None
            if number < len(known):
                chosen = known[number].settings
            else:
                chosen = new_choice(PROPOSALS[name], space, known, number + 1, seed)
            return {"status": "STOPPED"} if chosen is None else {"status": "RUNNING", "values": encoded(space, chosen)}

    return Proposing(**usual)


class OpenOracle:
    """An oracle of keras-tuner's without a tuner: for a chief whose trials run in other processes.

    Attributes:
      has_rounds: whether it keeps rounds in its proposals, so that what it did not propose itself confuses it.
    """

    def __init__(self, oracle: Any, space: Space, has_rounds: bool = False):
        self._oracle, self._space, self.has_rounds = oracle, space, has_rounds
        self._forced: Mapping[str, Any] | None = None
        proposes = oracle.populate_space

        def populate_space(trial_id: str) -> Any:
            if self._forced is None:
                return proposes(trial_id)
            return {"status": "RUNNING", "values": encoded(space, self._forced)}

        oracle.populate_space = populate_space
        # Its log grows with each trial and is written anew with each, twice; the journal has all of it.
        oracle.save, oracle._save_trial = (lambda: None), (lambda trial: None)

    def create(self, chosen: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]] | str:
        """The identifier and the choice of a new trial, `chosen` where that is given; or "IDLE", or "STOPPED"."""
        self._forced = chosen
        try:
            trial = self._oracle.create_trial(str(len(self._oracle.trials)))  # no other has this name for its tuner
        finally:
            self._forced = None
        if trial.status != "RUNNING":
            return str(trial.status)
        return trial.trial_id, decoded(self._space, in_epochs(self._space, trial.hyperparameters.values))

    def end(self, identifier: str, score: float | None) -> None:
        """Says what came of a trial; None: it crashed."""
        trial = self._oracle.trials[identifier]
        if score is not None:
            self._oracle.update_trial(identifier, {self._oracle.objective.name: score})
        trial.status = "FAILED" if score is None else "COMPLETED"
        self._oracle.end_trial(trial)


def open_oracle(
    oracle: Any,
    space: Space,
    num_trials: int,
    seed: int,
    folder: Path,
    history: Callable[[], Sequence[Observation]],
) -> OpenOracle:
    """An oracle as in `run_engine`, which somebody else asks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import keras_tuner
    found = _oracle(keras_tuner, oracle, space, num_trials, seed, history)
    found._set_project_dir(str(folder), oracle if isinstance(oracle, str) else "own")  # as its tuner does, 1.4.8
    found.verbose = 0
    return OpenOracle(found, space, oracle == HYPERBAND)
