"""A search by several processes as it is typed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfcompress.cli.search import main
from tfcompress.searching.workers import line
from tfcompress.searching.workers.place import HOST, NAME, PORT

RECIPE = str(Path(__file__).parent.parent / "recipe_to_search.py")
COMMAND = [sys.executable, "-m", "tfcompress.search", RECIPE, "--max-kb", "20"]
WORKER = {NAME: "w1", HOST: "127.0.0.1", PORT: "9"}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (["--workers", "0"], {}, 12, "search.workers must be at least 1"),
        (["--workers", "x"], {}, 2, "invalid int value"),
        (["--workers", "2"], WORKER, 12, "must be asked for where the chief is"),
        ([], {**WORKER, PORT: ""}, 12, "Received: no KERASTUNER_ORACLE_PORT"),
        ([], {**WORKER, PORT: "many"}, 12, "must be a port"),
        (["--strategy", "multi_worker"], {}, 12, "search.strategy must be of one process"),
        (["--strategy", "mirrored:0"], {}, 12, "--strategy must be none, mirrored"),
        (["--trials", "0"], WORKER, 12, "search.trials must be at least 1"),
    ],
)
def test_nonsense_is_one_line_and_needs_no_tensorflow(
    arguments, environment, code, words, tmp_path, monkeypatch, capsys
):
    def no_tensorflow():
        raise RuntimeError("TensorFlow was started")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfcompress.backend.tensorflow.start_quietly", no_tensorflow)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        assert main([RECIPE, "--max-kb", "9", *arguments]) == code
    except SystemExit as error:  # argparse's own
        assert error.code == code
    said = capsys.readouterr()
    assert words in said.err and not said.out
    assert code == 2 or len(said.err.splitlines()) == 1


def test_a_worker_without_a_chief_waits_for_a_while_and_says_so_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(line, "PATIENCE_S", 0.3)
    for name, value in WORKER.items():
        monkeypatch.setenv(name, value)
    assert main([RECIPE, "--max-kb", "9", "--out", str(tmp_path / "run"), "--quiet"]) == 70
    (said,) = capsys.readouterr().err.splitlines()
    assert "A worker must reach its chief" in said and "no workers/secret in the folder yet" in said


def records(root):
    path = root / "journal.jsonl"
    found = [json.loads(each) for each in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []
    return [each for each in found if "trial" in each]


def wait_for(root, number, process):
    end = time.monotonic() + 900
    while len(records(root)) < number:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.2)


def start(root, trials):
    command = [*COMMAND, "--trials", str(trials), "--workers", "2", "--out", str(root), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome_of(process):
    said, errors = process.communicate(timeout=900)
    found = [event for event in map(json.loads, said.splitlines()) if event["event"] == "outcome"]
    assert found, errors
    return said, found[0]


@pytest.mark.slow
def test_two_workers_train_each_stage_once_and_kills_lose_nothing(tmp_path):
    root = tmp_path / "run"
    chief = start(root, 6)
    wait_for(root, 1, chief)
    children = subprocess.run(["pgrep", "-P", str(chief.pid)], capture_output=True, text=True, check=False).stdout
    os.kill(int(children.split()[0]), signal.SIGKILL)
    wait_for(root, 3, chief)
    chief.kill()
    chief.communicate(timeout=60)
    before = records(root)
    said, outcome = outcome_of(start(root, 6))
    assert records(root)[: len(before)] == before and len(before) >= 3
    assert [each["number"] for each in sorted(records(root), key=lambda each: each["number"])] == [1, 2, 3, 4, 5, 6]
    assert {each["status"] for each in records(root)} == {"done"}
    assert outcome["stages"] == {"needed": 12, "trained": 6, "shared": 6, "trained_twice": 0}
    assert "best so far: trial" in said and outcome["why_ended"] == "all trials are done"
    again = subprocess.run(
        [sys.executable, "-m", "tfcompress.recipe", str(root / "best.py"), "--out", str(tmp_path / "b"), "--quiet"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    report = json.loads((tmp_path / "b" / "report.json").read_text()) if again.returncode in (0, 60) else {"files": []}
    assert outcome["best"]["sha256"] in {file["sha256"] for file in report["files"]}, again.stderr


@pytest.mark.slow
def test_ctrl_c_ends_all_with_the_outcome_so_far(tmp_path):
    root = tmp_path / "run"
    chief = start(root, 50)
    wait_for(root, 1, chief)
    children = subprocess.run(["pgrep", "-P", str(chief.pid)], capture_output=True, text=True, check=False).stdout
    os.kill(chief.pid, signal.SIGINT)
    _, outcome = outcome_of(chief)
    assert chief.returncode == 130 and outcome["why_ended"] == "interrupted" and outcome["best"]["number"] >= 1
    assert not [pid for pid in children.split() if Path(f"/proc/{pid}").exists()]
