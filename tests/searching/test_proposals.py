"""What is proposed, on a problem that costs nothing."""

import dataclasses
import subprocess
import sys

import pytest

import tfcompress as tfc
from tfcompress.searching.found.pareto import hypervolume
from tfcompress.searching.proposals import PROPOSALS, Observation, new_choice
from tfcompress.searching.space import space_of


@dataclasses.dataclass(frozen=True)
class Mine(tfc.Settings):
    share: float = tfc.setting(0.5, "of zeros", tfc.between(0.1, 0.9))
    width: int = tfc.setting(16, "channels", tfc.between(4, 64, log=True))
    clusters: int | None = tfc.setting(None, "values", tfc.one_of(None, 8, 16))


SPACE = space_of(Mine())


def figures(chosen):
    """Bytes, and a drop that grows with sparsity, with clusters, and with few channels."""
    few = 0.0 if chosen["clusters"] is None else 0.3 / chosen["clusters"]
    return chosen["width"] * (1 - chosen["share"]), chosen["share"] ** 4 / 10 + few + 0.2 / chosen["width"]


def searched(name, number, seed, history=()):
    history = list(history)
    while len(history) < number:
        chosen = new_choice(PROPOSALS[name], SPACE, history, len(history) + 1, seed)
        values = figures(chosen)
        history.append(Observation(chosen, values, (values[0] / 20 - 1,)))
    return history


@pytest.mark.parametrize("name", PROPOSALS)
def test_the_first_is_the_recipe_and_all_are_different(name):
    history = searched(name, 15, seed=0)
    assert history[0].settings == SPACE.start
    assert len({SPACE.key(told.settings) for told in history}) == 15
    assert all(SPACE.ranges[name].holds(value) for told in history for name, value in told.settings.items())


@pytest.mark.parametrize("name", PROPOSALS)
def test_a_search_that_was_killed_goes_on_as_it_would_have(name):
    whole = searched(name, 14, seed=3)
    assert searched(name, 14, seed=3, history=whole[:7]) == whole
    assert searched(name, 14, seed=4) != whole


def test_optuna_covers_more_than_random():
    covered = {
        name: sum(hypervolume([told.values for told in searched(name, 30, seed)], (30, 0.2)) for seed in range(3))
        for name in PROPOSALS
    }
    assert covered["optuna"] > covered["random"]


def test_crashed_trials_are_told_and_left_behind():
    history = [Observation(SPACE.start, None), *searched("random", 6, 0)[1:]]
    assert new_choice(PROPOSALS["optuna"], SPACE, history, 7, 0) is not None


def test_a_small_space_is_tried_whole_and_once():
    space = space_of(Mine(), frozenset({"share", "width"}))
    history = []
    while (chosen := new_choice(PROPOSALS["optuna"], space, history, len(history) + 1, 0)) is not None:
        history.append(Observation(chosen, (1.0, 1.0)))
    assert sorted(str(told.settings["clusters"]) for told in history) == ["16", "8", "None"]


def test_keras_tuner_runs_all_three_oracles_and_finds_finished_trials_again(tmp_path):
    """In a process of its own, as keras-tuner imports Keras 3."""
    code = f"""
import sys
sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from pathlib import Path
from test_proposals import SPACE, Observation, figures
from tfcompress.searching.engine import ORACLES, Stopped, run_engine

for oracle in ORACLES:
    history, ran = [], []
    def run(chosen):
        known = next((told for told in history if told.settings == chosen), None)
        if known is None:
            if len(ran) == 5 and not stopped:
                raise Stopped("the time is up")
            ran.append(dict(chosen))
            known = Observation(dict(chosen), None if len(ran) == 3 else figures(chosen), (0.0,))
            history.append(known)
        return known.values and sum(known.values)
    stopped = []
    try:
        run_engine(oracle, SPACE, 8, 0, Path({str(tmp_path)!r}) / oracle, lambda: history, run)
    except Stopped:
        stopped.append(True)
    assert len(ran) == 5, (oracle, len(ran))
    run_engine(oracle, SPACE, 8, 0, Path({str(tmp_path)!r}) / oracle, lambda: history, run)
    assert len(ran) == len(history) == 8, (oracle, len(ran))
    print(oracle, "well")
def fails(chosen):
    raise OSError("disk full")
try:
    run_engine("random", SPACE, 8, 0, Path({str(tmp_path)!r}) / "fails", lambda: [], fails)
except OSError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-4:] == ["optuna well", "random well", "bayesian well", "disk full"], done.stderr
    assert "Traceback" not in done.stderr
