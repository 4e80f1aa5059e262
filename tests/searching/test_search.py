"""A search as it is typed, from its budget to best.py."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tfcompress as tfc
from tfcompress.cli.search import main
from tfcompress.core.tasks.task import metric_of
from tfcompress.searching.general import general_settings
from tfcompress.searching.space import space_of

HERE = Path(__file__).parent
RECIPE = str(HERE / "recipe_to_search.py")
COMMAND = [sys.executable, "-m", "tfcompress.search", RECIPE]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([RECIPE], 12, "A budget must bound something"),
        ([RECIPE, "--max-kb", "-1"], 12, "max_zipped_bytes must be above 0"),
        ([RECIPE, "--max-kb", "9", "--max-raw-kb", "5"], 12, "must be at most max_raw_bytes"),
        ([RECIPE, "--max-drop", "lots"], 2, "--max-drop must be a number"),
        ([RECIPE, "--max-kb", "9", "--trials", "0"], 12, "search.trials must be at least 1"),
        ([RECIPE, "--max-kb", "9", "--hours", "-1"], 12, "search.hours must be above 0"),
        ([RECIPE, "--max-kb", "9", "--oracle", "delphi"], 12, "search.oracle must be one of optuna"),
        ([RECIPE, "--max-kb", "9", "--oracle", "hyperband"], 13, "hyperband needs a setting epochs"),
        (["digits", "--max-kb", "9", "--oracle", "hyperband", "--epochs", "2"], 13, "hyperband needs a setting epochs"),
        ([RECIPE, "--max-kb", "9", "--validation-share", "1"], 12, "share must be above 0"),
        ([RECIPE, "--max-kb", "9", "--validation-share", "0"], 12, "share must be above 0"),
        ([RECIPE, "--max-drop=-1"], 12, "max_drop must be at least 0"),
        ([RECIPE, "--max-drop=-1%"], 12, "max_drop must be at least 0"),
        ([RECIPE, "--max-kb", "nan"], 12, "max_zipped_bytes must be above 0"),
        ([RECIPE, "--max-kb", "9", "--hours", "nan"], 12, "search.hours must be above 0"),
        ([RECIPE, "--max-kb", "9", "--minimise", "beauty"], 12, "minimise must be one of"),
        ([RECIPE, "--max-kb", "9", "--set", "final_sparsity=0.5"], 13, "must have a setting with a range"),
        ([RECIPE, "--max-kb", "9", "--set", "x=1"], 11, "has no setting 'x'"),
        ([RECIPE, "--max-kb", "9", "--set", "x"], 2, "--set must be NAME=VALUE"),
        (["digitz", "--max-kb", "9"], 10, "Did you mean digits?"),
    ],
)
def test_nonsense_is_one_line_and_needs_no_tensorflow(arguments, code, words, tmp_path, monkeypatch, capsys):
    def no_tensorflow():
        raise RuntimeError("TensorFlow was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfcompress.backend.tensorflow.start_quietly", no_tensorflow)
    assert main(arguments) == code
    said = capsys.readouterr()
    assert words in said.err and len(said.err.splitlines()) == 1 and not said.out
    assert not list(tmp_path.glob("*/*/journal.jsonl"))


JOB = """
import numpy as np
import tfcompress as tfc

def model():
    raise RuntimeError("the model was built")

def examples(number):
    return np.zeros((number, 4), "float32"), np.zeros(number, "int64")

def train_data():
    return {train}

def test_data():
    return examples(20)

def task():
    return {task}
"""


@pytest.mark.parametrize(
    ("train", "task", "words"),
    [
        ("examples(90)", "tfc.Task(loss='mse', metrics=[])", "Task.metrics must have a metric"),
        ("examples(90)", "tfc.Task(loss='mse', metrics=[lambda x, y: 1.0])", "must say which of two values is better"),
        ("lambda: iter([examples(9)])", "tfc.Classification()", "must have validation examples"),
        ("examples(3)", "tfc.Classification()", "must have enough examples to hold 20% out"),
    ],
)
def test_what_a_job_lacks_to_be_searched_is_one_line(train, task, words, tmp_path, capsys):
    job = tmp_path / "job.py"
    job.write_text(JOB.format(train=train, task=task))
    assert main([str(job), "--max-kb", "9", "--out", str(tmp_path / "run")]) == 12
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1


def test_a_direction_is_known_by_who_says_it_or_by_a_name():
    assert not tfc.Metric("mine", lambda targets, outputs: 1.0, higher_is_better=True).is_guess
    assert [metric_of(name).is_guess for name in ("accuracy", "mae", "mean_io_u", "mine")] == [
        False,
        False,
        False,
        True,
    ]


def test_an_impossible_budget_says_what_is_possible_and_trains_nothing(tmp_path, capsys):
    assert main([RECIPE, "--max-kb", "0.1", "--out", str(tmp_path / "run")]) == 14
    assert "no smaller file can come of this space" in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("*/*-baseline"))


def test_the_plan_shows_the_space_and_the_least_bytes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([RECIPE, "--max-kb", "90", "--plan"]) == 0
    said = capsys.readouterr().out
    assert "final_sparsity" in said and "Least possible: " in said and not list(tmp_path.iterdir())


def typed(*arguments, **options):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=600, **options)


def outcome_of(stdout):
    """The outcome among the events on stdout, each of which is a line of JSON."""
    events = [json.loads(line) for line in stdout.splitlines()]
    (outcome,) = [event for event in events if event["event"] == "outcome"]
    return outcome


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A finished search of three trials, in a folder of its own."""
    folder = tmp_path_factory.mktemp("search")
    done = typed("--max-kb", "20", "--trials", "3", "--out", "run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, outcome_of(done.stdout)


@pytest.mark.slow
def test_trials_share_the_baseline_and_train_no_stage_twice(found):
    _, outcome = found
    assert outcome["stages"] == {"needed": 6, "trained": 3, "shared": 3, "trained_twice": 0}


@pytest.mark.slow
def test_the_least_bytes_are_less_than_any_file_has(found):
    _, outcome = found
    for figure, least in outcome["least"].items():
        assert 0 < least < min(trial["figures"][figure] for trial in outcome["trials"])


@pytest.mark.slow
def test_the_test_split_is_looked_at_by_the_pareto_set_alone(found):
    folder, outcome = found
    journal = [json.loads(line) for line in (folder / "run" / "journal.jsonl").read_text().splitlines()]
    (tests,) = [line["value"] for line in journal if line.get("note") == "tests"]
    assert set(tests) == {"reference", *(str(trial["number"]) for trial in outcome["pareto"])}


@pytest.mark.slow
def test_the_best_recipe_makes_the_found_file_again(found, tmp_path):
    folder, outcome = found
    command = [sys.executable, "-m", "tfcompress.recipe", str(folder / "run" / "best.py"), "--out", str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert (tmp_path / "b" / "report.json").exists(), done.stderr
    report = json.loads((tmp_path / "b" / "report.json").read_text())
    assert outcome["best"]["sha256"] in {file["sha256"] for file in report["files"]}


@pytest.mark.slow
def test_the_same_command_repeats_nothing_and_another_bound_judges_anew(found):
    folder, outcome = found
    before = (folder / "run" / "journal.jsonl").read_text().count('"trial"')
    done = typed("--max-kb", "1.5", "--trials", "3", "--out", "run", "--json", cwd=folder)
    assert done.returncode == 62, done.stderr
    assert [trial["sha256"] for trial in outcome_of(done.stdout)["trials"]] == [
        trial["sha256"] for trial in outcome["trials"]
    ]
    assert (folder / "run" / "journal.jsonl").read_text().count('"trial"') == before


@pytest.mark.slow
def test_a_killed_search_goes_on_as_if_it_had_not_been(found, tmp_path):
    _, outcome = found
    arguments = [*COMMAND, "--max-kb", "20", "--trials", "3", "--out", "run", "--json"]
    killed = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = tmp_path / "run" / "journal.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (journal.exists() and '"trial": 1' in journal.read_text()):
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    again = typed("--max-kb", "20", "--trials", "3", "--out", "run", "--json", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    told = [[trial["number"], trial["settings"], trial["sha256"]] for trial in outcome_of(again.stdout)["trials"]]
    assert told == [[trial["number"], trial["settings"], trial["sha256"]] for trial in outcome["trials"]]


@pytest.mark.slow
def test_ctrl_c_ends_with_the_outcome_so_far(tmp_path):
    arguments = [*COMMAND, "--max-kb", "20", "--trials", "9", "--out", "run", "--json"]
    ended = subprocess.Popen(arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    journal = tmp_path / "run" / "journal.jsonl"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and not (journal.exists() and '"trial": 1' in journal.read_text()):
        time.sleep(0.2)
    os.kill(ended.pid, signal.SIGINT)
    said, _ = ended.communicate(timeout=60)
    assert ended.returncode == 130
    outcome = outcome_of(said)
    assert outcome["why_ended"] == "interrupted" and outcome["best"]["number"] == 1
    assert outcome["reference"]["test"] is None


@pytest.mark.slow
def test_the_time_is_kept(tmp_path):
    begin = time.monotonic()
    done = typed("--max-kb", "20", "--trials", "99", "--hours", "0.012", "--out", "run", "--json", cwd=tmp_path)
    assert time.monotonic() - begin < 0.012 * 3600 + 25  # start-up, and what follows the last trial
    assert outcome_of(done.stdout)["why_ended"] == "the time is up"


def general_space():
    return set(space_of(general_settings({}, 0, "")).ranges)


@pytest.mark.slow
def test_from_python_a_model_of_ones_own(trained, digits, tmp_path):
    budget = tfc.Budget(max_drop="5%")
    searched = {"learning_rate", "final_sparsity", "quantize_aware"}
    fixed = {name: getattr(general_settings({}, 0, ""), name) for name in general_space() - searched}
    fixed |= {"epochs": 1, "distil": False}
    outcome = tfc.search(trained, digits, budget, num_trials=2, out=tmp_path / "run", verbose=0, **fixed)
    assert outcome.best.number in (1, 2) and (tmp_path / "run" / outcome.best.file).is_file()
    assert set(outcome.space) == searched
    again = tfc.search(trained, digits, budget, num_trials=2, out=tmp_path / "run", verbose=0, **fixed)
    assert [trial.seconds for trial in again.trials] == [trial.seconds for trial in outcome.trials]


def test_the_door_of_its_name_does_not_hide_the_function():
    import tfcompress.search  # noqa: F401  as `python -m tfcompress.search` and those who list modules do

    with pytest.raises(tfc.InvalidValue, match=r"search\.data must be"):
        tfc.search("my.keras", None, tfc.Budget(max_macs=1))


def test_python_refuses_what_is_no_data_and_unknown_settings(tmp_path):
    with pytest.raises(tfc.InvalidValue, match=r"search\.data must be"):
        tfc.search("my.keras", None, tfc.Budget(max_macs=1))
    with pytest.raises(tfc.TfcompressError, match="search has no setting 'width'"):
        tfc.search("my.keras", tfc.Digits(), tfc.Budget(max_macs=1), width=3)
