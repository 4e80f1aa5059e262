"""What is said of finished trials."""

import json

import pytest

import tfcompress as tfc
from tfcompress.core.tasks.task import ACCURACY
from tfcompress.searching.found.outcome import Outcome
from tfcompress.searching.journal import CRASHED, DONE, FAILED, TrialRecord


def trial(number, size, drop, status=DONE, **more):
    figures = {"zipped_bytes": size, "raw_bytes": 2 * size, "drop": drop} if status != CRASHED else {}
    reason = "" if status == DONE else "ValueError: no"
    return TrialRecord(number, {"a": number / 10}, status, reason, figures, metric=0.9 - drop, **more)


TRIALS = (
    trial(1, 200, 0.00, trained=("b", "p1")),
    trial(2, 104, 0.005, trained=("p2",), shared=("b",)),
    trial(3, 95, 0.02, trained=("p3",), shared=("b",)),
    trial(4, 99, 0.03, trained=("p4",), shared=("b",)),
    trial(5, 10, 0.0, FAILED),
    trial(6, 0, 0.0, CRASHED),
)
BUDGET = tfc.Budget(max_zipped_bytes=100)


def outcome(budget=BUDGET, trials=TRIALS, **more):
    return Outcome("mine", budget, ACCURACY, 0.9, trials, {"a": {}}, num_validation=20, **more)


def test_the_best_is_within_the_bounds_and_passed_its_check():
    assert outcome().best.number == 3


def test_the_pareto_set_knows_no_bounds():
    assert [trial.number for trial in outcome().pareto] == [3, 2, 1]


def test_what_binds_and_what_a_tenth_more_gives():
    found = outcome()
    assert found.binding == ["zipped_bytes"] and found.relaxed["zipped_bytes"].number == 2
    assert any("zipped_bytes at most 110 B (a tenth more): trial 2" in line for line in found.summary())


def test_nothing_within_the_budget_is_missed_and_the_nearest_is_named():
    found = outcome(tfc.Budget(max_zipped_bytes=90))
    assert (found.best, found.status, found.nearest.number) == (None, "missed", 3)
    assert any(line.startswith("No trial kept the budget. The nearest: trial 3") for line in found.summary())


def test_stages_are_counted_and_a_repeated_one_is_seen():
    assert outcome().counts == {"needed": 8, "trained": 5, "shared": 3, "trained_twice": 0}
    again = (*TRIALS, trial(7, 300, 0.1, trained=("p1",)))
    assert outcome(trials=again).counts["trained_twice"] == 1


def test_the_test_split_is_spoken_of_once_it_was_looked_at():
    assert "The test split was not looked at: the search is not over." in outcome().summary()
    tested = outcome(tests={"reference": 0.89, "3": 0.87}).to_markdown()
    assert "87.00% on the test split" in tested and "once for each file" in tested


def test_an_outcome_without_a_trial_is_no_error():
    found = outcome(trials=())
    assert (found.best, found.nearest, found.pareto, found.binding) == (None, None, [], [])
    assert "No trial was finished." in found.to_markdown()


def test_it_is_json_and_markdown_with_the_reasons_of_crashes():
    found = json.loads(json.dumps(outcome().as_json()))
    assert (found["status"], found["best"]["number"], found["stages"]["shared"]) == ("found", 3, 3)
    assert "- trial 6: crashed: ValueError: no" in outcome().to_markdown()


def test_a_trial_of_few_epochs_is_marked_and_may_be_the_best():
    cut, whole = TrialRecord(1, {"epochs": 1}, DONE, "", {"zipped_bytes": 90, "drop": 0.0}, of_epochs=9), TRIALS[2]
    found = Outcome("mine", BUDGET, ACCURACY, 0.9, (cut, whole), {"epochs": {}})
    assert found.best == cut and "| 1 of 9 |" in found.to_markdown()
    assert found.as_json()["trials"][0]["of_epochs"] == 9


def test_a_bound_in_points_is_told_in_points():
    assert "drop at most 0.50 points" in next(outcome(tfc.Budget(max_drop=0.5, drop_in_points=True)).summary())


@pytest.mark.parametrize("figure", ["zipped_bytes", "drop"])
def test_equal_objectives_are_told_apart_by_the_other_figures(figure):
    budget = tfc.Budget(max_raw_bytes=1e6, minimise=figure)
    pair = (trial(1, 100, 0.1), trial(2, 100 if figure == "zipped_bytes" else 90, 0.05 if figure != "drop" else 0.1))
    assert outcome(budget, pair).best.number == 2
