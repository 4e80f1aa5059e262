"""A model of one's own by a tuner of keras-tuner's: real trials, of what trains nothing."""

import json
import subprocess
import sys

import pytest

import tfcompress as tfc

PROGRAM = """
import dataclasses, json, sys
import tfcompress as tfc
from tfcompress.searching.general import general_module

data = tfc.Digits(num_examples=128)
nothing = {"pruning_ratio": 0.0, "final_sparsity": 0.0, "num_clusters": None, "quantize_aware": False, "distil": False}
usual = {field.name: field.default for field in dataclasses.fields(general_module().Settings)}
left = ("rounding", "job", "seed", "validation_share", "batch_size")  # the one that is searched, and what never is
fixed = {name: value for name, value in usual.items() if name not in left}
fixed |= {**nothing, "epochs": 1, "weight_bits": 8, "equalize": "no"}
budget = tfc.Budget(max_zipped_bytes=1e6, max_drop=0.5)
model = tfc.load_model(sys.argv[1])
def door():
    return tfc.compression_hypermodel(model, data, budget, out=sys.argv[2], **fixed)

import keras_tuner
hypermodel = door()
objective = keras_tuner.Objective("score", "min")
oracle = keras_tuner.oracles.GridSearchOracle(objective=objective, max_trials=2)
class Mine(keras_tuner.Tuner):
    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        return self.hypermodel.fit(hp, self.hypermodel.build(hp))
tuner = Mine(oracle, hypermodel, directory=sys.argv[2], project_name="tuner", overwrite=True)
tuner.search(verbose=0)
first = hypermodel.outcome()
again = door()
hp = tuner.get_best_hyperparameters()[0]
figures = again.fit(hp, again.build(hp))
scores = [trial.score for trial in oracle.trials.values()]
print("FOUND", json.dumps([scores, first.as_json(), again.outcome().as_json(), figures]))
"""


@pytest.mark.slow
def test_a_tuner_of_ones_own_runs_each_recipe_once(trained, tmp_path):
    tfc.save_model(trained, tmp_path / "mine.keras")
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "mine.keras"), str(tmp_path / "search")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    scores, first, again, figures = json.loads(done.stdout.rpartition("FOUND ")[2])
    assert len(first["trials"]) == 2 and all(trial["status"] == "done" for trial in first["trials"])
    assert len({trial["settings"]["rounding"] for trial in first["trials"]}) == 2
    assert len(again["trials"]) == 2  # the recipe of the best was there
    assert figures["score"] == pytest.approx(min(scores))
    assert figures["zipped_bytes"] in {trial["figures"]["zipped_bytes"] for trial in first["trials"]}
    assert (tmp_path / "search" / first["best"]["file"]).is_file() and first["reference"]["test"] is None
