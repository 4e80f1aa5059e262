"""kill -9 in each stage, then the same command: it goes on where it was, and ends with a full report."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tfcompress
from tfcompress.running.folder.whole import check_folder

RECIPE = Path(__file__).parent / "recipe_to_resume.py"
COMMAND = [sys.executable, "-m", "tfcompress.recipe", str(RECIPE), "--set", "final_sparsity=0.5"]
STAGES = ("baseline", "pruned")


def start(folder):
    """The command, its messages going to a new file that can be watched."""
    with open(folder.parent / "log", "w") as log:
        return subprocess.Popen([*COMMAND, "--out", str(folder)], stdout=log, stderr=log)


def wait_for(process, folder, pattern, seconds=120):
    """Waits until the messages hold `pattern`."""
    log = folder.parent / "log"
    deadline = time.monotonic() + seconds
    while not re.search(pattern, log.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{pattern!r} never came:\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


@pytest.fixture(scope="module")
def again(recipe_command):
    """The command in this process: that it goes on where another ended is not a matter of its own."""
    return lambda folder, value=0.5: recipe_command(
        *(RECIPE, "--set", f"final_sparsity={value}", "--out", folder), cwd=folder.parent
    )


@pytest.fixture(scope="module")
def killed_twice(tmp_path_factory, again):
    """A run that was killed in its last stage and while a file was checked, and started again; and its messages."""
    folder = tmp_path_factory.mktemp("resume") / "run"
    for moment in (r"(?m)^pruned \.\.\.", "check pruned int8 on cpu-builtin"):
        process = start(folder)
        wait_for(process, folder, moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (folder / "report.json").exists()
    return folder, again(folder)


def test_ends_with_a_full_report(killed_twice):
    folder, last = killed_twice
    assert last.returncode == 0, last.stderr
    report = json.loads((folder / "report.json").read_text())
    assert [stage["name"] for stage in report["stages"]] == list(STAGES)
    (file,) = report["files"]
    accuracies = {found["check"]: found["metrics"].get("accuracy") for found in file["findings"].values()}
    assert accuracies["cpu-xnnpack"] == accuracies["cpu-builtin"] > 0


def test_does_not_repeat_what_was_finished(killed_twice):
    _, last = killed_twice
    assert all(f"{stage}: finished by an earlier run" in last.stderr for stage in STAGES)
    assert "check pruned int8 on cpu-xnnpack" not in last.stderr


def test_leaves_nothing_half_written(killed_twice):
    folder, _ = killed_twice
    assert not list(folder.rglob(".partial-*"))
    assert check_folder(folder).verdict == "whole"


def test_the_seconds_of_killed_runs_count(killed_twice):
    folder, last = killed_twice
    report = json.loads((folder / "report.json").read_text())
    assert report["seconds"] > sum(stage["seconds"] for stage in report["stages"])


def test_a_finished_run_is_answered_without_tensorflow(killed_twice, tmp_path):
    folder, last = killed_twice
    for package in ("tensorflow", "tf_keras"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit(f'{__name__} was imported')")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    poisoned = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(tfcompress.__file__).parents[1])])}
    done = subprocess.run([*COMMAND, "--out", str(folder)], capture_output=True, text=True, timeout=60, env=poisoned)
    assert done.returncode == 0, done.stderr
    assert done.stdout == last.stdout
    assert all(f"{stage}: finished by an earlier run" in done.stderr for stage in STAGES)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_changed_setting_is_noticed_and_runs_only_what_depends_on_it(killed_twice, again):
    folder, _ = killed_twice
    changed = again(folder, 0.25)
    assert changed.returncode == 0, changed.stderr
    assert "final_sparsity 0.5 -> 0.25" in changed.stderr
    assert "baseline: finished by an earlier run" in changed.stderr
    assert "pruned: finished by an earlier run" not in changed.stderr
    kept = sorted(path.parent.name for path in (folder / "earlier").rglob("stage.json"))
    assert kept == ["2-pruned"]


def test_ctrl_c_is_one_line_and_keeps_what_was_finished(tmp_path):
    folder = tmp_path / "run"
    process = start(folder)
    wait_for(process, folder, r"(?m)^pruned \.\.\.")
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130, (folder.parent / "log").read_text()
    log = (folder.parent / "log").read_text()
    assert "Interrupted" in log.splitlines()[-1]
    # A signal that lands in TensorFlow's native code has it print a traceback of its own there (nest_util.py and
    # "SystemError: <built-in function __import__> returned a result with an exception set"), which nothing of ours can
    # catch. So what is printed before our line may have frames, but none of ours.
    assert f'File "{Path(tfcompress.__file__).parent}' not in log
    assert (folder / "1-baseline" / "stage.json").exists()
