"""What is proposed, on a problem that costs nothing."""

import dataclasses
import subprocess
import sys

import pytest

import tfcompress as tfc
from tfcompress.measuring.tradeoffs.pareto import hypervolume
from tfcompress.searching.proposals import PROPOSALS, Observation, crashing_options, new_choice
from tfcompress.searching.space import space_of


@dataclasses.dataclass(frozen=True)
class Mine(tfc.Settings):
    share: float = tfc.setting(0.5, "of zeros", tfc.between(0.1, 0.9))
    width: int = tfc.setting(16, "channels", tfc.between(4, 64, log=True))
    clusters: int | None = tfc.setting(None, "values", tfc.one_of(None, 8, 16))


@dataclasses.dataclass(frozen=True)
class Halved(tfc.Settings):
    epochs: int = tfc.setting(9, "of training", tfc.between(1, 9))
    share: float = tfc.setting(0.5, "of zeros", tfc.between(0.1, 0.9))


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


@pytest.mark.parametrize("name", PROPOSALS)
def test_what_others_have_at_work_is_not_proposed(name):
    history = searched(name, 12, seed=5)
    proposed = new_choice(PROPOSALS[name], SPACE, history, 13, 5)
    at_work = Observation(proposed, None, is_running=True)
    assert new_choice(PROPOSALS[name], SPACE, [*history, at_work], 13, 5) != proposed


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


def test_keras_tuner_runs_all_three_oracles_finds_finished_trials_again_and_knows_those_at_work(tmp_path):
    """In a process of its own, as keras-tuner imports Keras 3."""
    code = f"""
import sys
sys.path.insert(0, {str(__file__.rpartition("/")[0])!r})
from pathlib import Path
from test_proposals import SPACE, Halved, Mine, Observation, figures, space_of
from tfcompress.searching.engine import Stopped, run_engine

PLAIN = ("optuna", "random", "bayesian")  # Hyperband wants a setting epochs

for oracle in PLAIN:
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

from tfcompress.searching.workers.asking import Nothing, OracleAsked

def score(chosen):
    return sum(figures(chosen))
for oracle in PLAIN:
    finished, at_work, asked = [], [], []
    def history():
        found = [Observation(chosen, figures(chosen), (0.0,)) for chosen, _ in finished]
        return found + [Observation(chosen, None, is_running=True) for chosen in at_work]
    def sitting(upto):
        asking = OracleAsked(oracle, SPACE, 99, 0, Path({str(tmp_path)!r}) / oracle, finished, at_work, history)
        while len(finished) < upto:
            while len(at_work) < 3:
                at_work.append(asking.ask())
                asked.append(SPACE.key(at_work[-1]))
            chosen = at_work.pop(1)
            asking.answer(chosen, score(chosen))
            finished.append((chosen, score(chosen)))
    sitting(3)
    sitting(6)  # as after a kill: made of what is finished and at work
    assert len(set(asked)) == len(asked) == 8, oracle
    print(oracle, "asked well")
small = space_of(Mine(), frozenset({{"share", "width"}}))
found = []
asking = OracleAsked("random", small, 99, 0, Path({str(tmp_path)!r}) / "small", [], [],
                     lambda: [Observation(chosen, None, is_running=True) for chosen in found])
while not isinstance(chosen := asking.ask(), Nothing):
    found.append(chosen)
print(len(found), chosen.name)

halved = space_of(Halved())
finished, at_work, asked = [], [], []
for upto in (6, 15):  # the second one as after a kill
    asking = OracleAsked("hyperband", halved, 99, 0, Path({str(tmp_path)!r}) / "halved", finished, at_work, list)
    while len(finished) < upto:
        while len(at_work) < 3:
            at_work.append(asking.ask())
            asked.append(halved.key(at_work[-1]))
        chosen = at_work.pop(0)
        asking.answer(chosen, chosen["share"])
        finished.append((chosen, chosen["share"]))
print("hyperband", len(asked) == len(set(asked)) == 17, sorted({{chosen["epochs"] for chosen, _ in finished}}))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=600)
    one_by_one = ["optuna well", "random well", "bayesian well", "disk full"]
    several = ["optuna asked well", "random asked well", "bayesian asked well", "3 LEFT", "hyperband True [1, 3, 9]"]
    assert done.stdout.splitlines()[-9:] == [*one_by_one, *several], done.stderr
    assert "Traceback" not in done.stderr


def test_an_option_that_always_crashes_is_left_alone_after_two_times():
    def ended(clusters, share, crashed):
        return Observation({"share": share, "width": 8, "clusters": clusters}, None if crashed else (1.0, 1.0))

    history = [Observation(SPACE.start, (1.0, 1.0)), ended(8, 0.2, True), ended(16, 0.3, False)]
    assert crashing_options(SPACE, history) == set()  # once may be bad luck
    history.append(dataclasses.replace(ended(8, 0.6, True), is_running=True))
    assert crashing_options(SPACE, history) == set()  # what is at work has not crashed
    history.append(ended(8, 0.4, True))
    assert crashing_options(SPACE, history) == {("clusters", "8")}
    proposed = [new_choice(PROPOSALS["random"], SPACE, history, number, 0)["clusters"] for number in range(5, 40)]
    assert 8 not in proposed and {None, 16} <= set(proposed)
    assert crashing_options(SPACE, [*history, ended(8, 0.5, False)]) == set()
    assert crashing_options(SPACE, [ended(8, 0.2, True)] * 3) == set()  # where nothing works, no option is to blame


def test_what_is_to_be_tried_first_goes_before_what_is_proposed():
    wanted = ({"share": 0.1, "width": 4, "clusters": 8}, SPACE.start)
    space = dataclasses.replace(SPACE, first=wanted)
    history = []
    for number in range(1, 4):
        history.append(Observation(new_choice(PROPOSALS["random"], space, history, number, 0), (1.0, 1.0)))
    assert [each.settings for each in history[:2]] == list(wanted) and history[2].settings not in wanted
