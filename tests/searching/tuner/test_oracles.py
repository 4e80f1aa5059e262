"""keras-tuner's oracles, ours, and a user's, each by the engine on a problem that costs nothing.

In one process of its own, as keras-tuner imports Keras 3.
"""

import dataclasses
import json
import subprocess
import sys

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidRecipe
from tfcompress.searching.space import space_of
from tfcompress.searching.tuner.hyperparameters import decoded, encoded
from tfcompress.searching.tuner.oracles import in_epochs, most_epochs

PROGRAM = '''
import dataclasses, json, sys
from pathlib import Path
import keras_tuner
import tfcompress as tfc
from tfcompress.searching.journal import CRASHED, DONE, TrialRecord
from tfcompress.searching.tuner.hypermodel import hypermodel_of
from tfcompress.searching.engine import ORACLES, Stopped, run_engine
from tfcompress.searching.proposals import Observation
from tfcompress.searching.space import space_of

@dataclasses.dataclass(frozen=True)
class Mine(tfc.Settings):
    epochs: int = tfc.setting(2, "of training", tfc.between(1, 9))
    share: float = tfc.setting(0.5, "of zeros", tfc.between(0.1, 0.9))
    distil: bool = tfc.setting(False, "", tfc.one_of(False, True))
    temperature: float = tfc.setting(4.0, "", tfc.between(1.0, 8.0))

def same(chosen):
    """A temperature without a teacher says nothing."""
    return json.dumps({name: chosen[name] for name in chosen if chosen["distil"] or name != "temperature"})

FIRST = {"epochs": 1, "share": 0.1, "distil": False, "temperature": 4.0}
SPACE = space_of(Mine())
SPACE = dataclasses.replace(SPACE, recipe_key=same, first=(FIRST, SPACE.start))

class Mean(keras_tuner.Oracle):
    """Somebody's own: the middle of all that is between, and of few options the next one."""
    def populate_space(self, trial_id):
        values = {hp.name: hp.random_sample(1000 * self.seed + int(trial_id)) for hp in self.hyperparameters.space}
        return {"status": "RUNNING", "values": values}

def users(seed):
    objective = keras_tuner.Objective("score", "min")
    return {
        "users random": keras_tuner.oracles.RandomSearchOracle(objective=objective, max_trials=99, seed=seed + 1),
        "users own": Mean(objective=objective, max_trials=99, seed=seed + 1),
        "users few": keras_tuner.oracles.RandomSearchOracle(max_trials=4, seed=seed + 1),
    }

def searched(oracle, seed, kill_after=None):
    """The choices of a search that was killed, and went on with a new oracle."""
    number = NUMBERS.get(oracle, NUMBER)
    history, ran = [], []
    def run(chosen):
        known = next((told for told in history if SPACE.key(told.settings) == SPACE.key(chosen)), None)
        if known is None:
            if kill_after is not None and len(ran) == kill_after and not stopped:
                raise Stopped("killed")
            ran.append(dict(chosen))
            values = None if len(ran) == 4 else (chosen["share"] / chosen["epochs"], 0.1)
            known = Observation(dict(chosen), values, (0.0,))
            history.append(known)
        return known.values and sum(known.values)
    stopped = []
    folder = Path(sys.argv[1]) / f"{oracle}{seed}{kill_after}"
    made = lambda: users(seed).get(oracle, oracle)
    try:
        run_engine(made(), SPACE, number, seed, folder, lambda: history, run)
    except Stopped:
        stopped.append(True)
        run_engine(made(), SPACE, number, seed, folder, lambda: history, run)
    assert len(ran) == len(history) == len({SPACE.key(each) for each in ran}), oracle
    return ran

found = {name: [searched(name, 0), searched(name, 0, 5), searched(name, 1)] for name in (*ORACLES, *users(0))}
refused = {}
def fails(chosen):
    raise OSError("disk full")
for name, oracle, run in (
    ("fails", "random", fails),
    ("no oracle", 3, None),
    ("objective", keras_tuner.oracles.RandomSearchOracle(objective="val_accuracy"), None),
    ("maximum", keras_tuner.oracles.RandomSearchOracle(objective=keras_tuner.Objective("score", "max")), None),
):
    try:
        run_engine(oracle, SPACE, 8, 0, Path(sys.argv[1]) / name, lambda: [], run)
    except Exception as error:
        refused[name] = str(error)

class Fake:
    """What a HyperModel asks, without any training; the third trial crashes."""
    space, asked = SPACE, []
    def trial(self, chosen):
        self.asked.append(chosen)
        number = len(self.asked)
        return TrialRecord(number, chosen, CRASHED if number == 3 else DONE, "too large")
    def figures(self, trial):
        return {"score": trial.settings["share"], "zipped_bytes": 100.0 * trial.settings["epochs"]}

from keras_tuner.src import config
config.DEBUG = False  # or it prints a traceback of the trial that crashes

class Search(keras_tuner.RandomSearch):
    """keras-tuner's own way to run a trial asks for the package tensorboard."""
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        return self.hypermodel.fit(hp, self.hypermodel.build(hp))

def tuned(objective):
    fake = Fake()
    fake.asked = []
    folder = {"directory": sys.argv[1], "project_name": objective}
    wanted = keras_tuner.Objective(objective, "min")
    tuner = Search(hypermodel_of(fake), wanted, max_trials=6, seed=1, **folder)
    tuner.search(verbose=0)
    trials = tuner.oracle.trials.values()
    best = tuner.get_best_hyperparameters()[0].values
    return [fake.asked, [trial.score for trial in trials], [trial.status for trial in trials], best]

tuners = [tuned("score"), tuned("zipped_bytes")]
print("FOUND", json.dumps([found, refused, tuners]))
'''
NUMBERS = {"bayesian": 9}  # the Gaussian process, which takes a second, is asked for the last one
NUMBER = 13
NAMES = ("optuna", "random", "bayesian", "hyperband", "users random", "users own")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The choices of each oracle: at once, with a kill after five, and of another seed; and what was refused."""
    program = f"NUMBERS, NUMBER = {NUMBERS}, {NUMBER}\n{PROGRAM}"
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path_factory.mktemp("engine"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]
    return json.loads(done.stdout.rpartition("FOUND ")[2])


@pytest.mark.parametrize("name", NAMES)
def test_as_many_recipes_are_tried_as_were_asked_for_each_once(ran, name):
    assert [len(each) for each in ran[0][name]] == [NUMBERS.get(name, NUMBER)] * 3


@pytest.mark.parametrize("name", NAMES)
def test_a_search_that_was_killed_goes_on_as_it_would_have_and_another_seed_is_another_search(ran, name):
    whole, killed, other = ran[0][name]
    assert killed == whole
    assert other != whole


@pytest.mark.parametrize("name", NAMES[:4])
def test_what_trains_nothing_and_the_recipe_as_it_is_come_first(ran, name):
    first, second = ran[0][name][0][:2]
    assert first["epochs"] == 1 and first["share"] == 0.1
    assert second == {"epochs": 2, "share": 0.5, "distil": False, "temperature": 4.0}


def test_hyperband_gives_more_epochs_to_the_better_ones(ran):
    whole, *_ = ran[0]["hyperband"]
    rounds = whole[2:]
    assert {each["epochs"] for each in rounds} >= {1, 3} and {each["epochs"] for each in rounds} <= {1, 3, 9}
    few = [{**each, "epochs": 0} for each in rounds if each["epochs"] == 1]
    again = [{**each, "epochs": 0} for each in rounds if each["epochs"] == 3]
    better = sorted(few, key=lambda each: each["share"])[:4]  # of nine; what is scored is the share over the epochs
    assert len(again) >= 2 and all(each in better for each in again[:2])


def test_an_oracle_of_few_trials_ends_when_it_says_so(ran):
    assert [len(each) for each in ran[0]["users few"]] == [4, 4, 4]


def test_a_tuner_of_keras_tuners_own_chooses_and_gets_the_figures_of_files(ran):
    for (asked, scores, statuses, best), name, scale in zip(ran[2], ("share", "epochs"), (1, 100), strict=True):
        assert statuses == ["COMPLETED", "COMPLETED", "FAILED", *["COMPLETED"] * 3]
        expected = [chosen[name] * scale for chosen in asked]
        assert [*scores[:2], *scores[3:]] == pytest.approx([*expected[:2], *expected[3:]])
        assert best[name] * scale == pytest.approx(min([*expected[:2], *expected[3:]]), rel=0.01)


def test_what_cannot_be_asked_is_one_line(ran):
    refused = ran[1]
    assert refused["fails"] == "disk full"
    assert refused["no oracle"].startswith("search.oracle must be a name, or a keras_tuner.Oracle. Received: int.")
    for name, shown in (("objective", "val_accuracy"), ("maximum", "score")):
        assert f"Received: '{shown}'" in refused[name] and "\n" not in refused[name]


def space(search):
    fields = [
        ("epochs", int, tfc.setting(1, "", search)),
        ("share", float, tfc.setting(0.5, "", tfc.between(0.1, 0.9))),
    ]
    return space_of(dataclasses.make_dataclass("Mine", fields, bases=(tfc.Settings,), frozen=True)())


def test_the_epochs_of_a_round_are_the_next_that_the_recipe_knows():
    assert in_epochs(space(tfc.one_of(1, 2, 4)), {"tuner/epochs": 3})["epochs"] == 4
    assert in_epochs(space(tfc.one_of(1, 2, 4)), {"tuner/epochs": 9})["epochs"] == 4
    assert in_epochs(space(tfc.between(1, 9)), {"tuner/epochs": 3})["epochs"] == 3
    assert in_epochs(space(tfc.between(1, 9)), {"epochs": 7}) == {"epochs": 7}


@pytest.mark.parametrize("search", [None, tfc.one_of(1, None), tfc.between(1, 2.5)])
def test_without_epochs_to_search_there_is_no_halving(search):
    with pytest.raises(InvalidRecipe, match="hyperband needs a setting epochs"):
        most_epochs(space(search))
    assert most_epochs(space(tfc.between(1, 9))) == 9


def test_values_are_read_as_they_were_written_and_nothing_else():
    known = space(tfc.one_of(1, None, "two"))
    assert decoded(known, encoded(known, {"epochs": None, "share": 0.3})) == {"epochs": None, "share": 0.3}
    known = space(tfc.one_of(1, 2, 4))
    assert decoded(known, encoded(known, {"epochs": 4, "share": 0.3})) == {"epochs": 4, "share": 0.3}
    assert decoded(known, {"share": 0.3}) == {"epochs": 1, "share": 0.3}
    with pytest.raises(tfc.InvalidValue, match="The oracle's epochs must be in the range"):
        decoded(known, {"epochs": "three"})
