"""How much each setting matters for each figure, by Optuna's fANOVA-like evaluator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from ..journal import DONE, TrialRecord
from ..proposals import Observation, study_of
from ..space import Space

FEWEST_TRIALS = 6


def importance(
    space: Space, trials: Sequence[TrialRecord], figures: Sequence[str]
) -> Mapping[str, Mapping[str, float]]:
    """Of each figure the shares of the settings in its variation, which add up to 1; empty for fewer than six trials.

    Reference: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance", 2014,
    https://proceedings.mlr.press/v32/hutter14.html; Watanabe, Bansal and Hutter, "PED-ANOVA", 2023,
    https://doi.org/10.24963/ijcai.2023/488
    """
    done = [trial for trial in trials if trial.status == DONE and all(name in trial.figures for name in figures)]
    if len(done) < FEWEST_TRIALS:
        return {}
    import optuna

    found = {}
    for name in figures:
        told = [Observation(trial.settings, (trial.figures[name],)) for trial in done]
        if len({each.values for each in told}) < 2:  # a figure that never changes depends on nothing
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
            shares = optuna.importance.get_param_importances(study_of(space, told), evaluator=evaluator)
        found[name] = {setting: round(float(share), 4) for setting, share in shares.items()}
    return found
