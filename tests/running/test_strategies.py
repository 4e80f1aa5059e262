"""One recipe on one device, on two of one process, and in two processes: the same losses, and the same models."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tfcompress.models_io.copying import load_model

RECIPE = Path(__file__).parent / "recipe_under_strategies.py"
STAGES = ("1-baseline", "2-pruned", "3-aware", "4-own")
MORE = ("5-clustered", "6-weights")  # where ALL_STAGES is set
LOOSE = {
    "2-pruned": 0.002,  # the teacher's logits are rounded to float16, sometimes to the other neighbour
    "4-own": 0.005,  # in a user's own fit batch normalization is Keras's, of each replica alone
}


def start(folder, name, strategy, *options, recipe=RECIPE, **environment):
    """The command in a process of its own, its output in a file."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tfcompress.recipe", str(recipe), "--out", str(folder / "run"), *options]
    # Sums in another order move what a training ends in: all have the threads that a user's run has.
    usual = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    environment = {**usual, "KEPT_ANSWERS": str(folder / "answers"), **environment}
    with open(folder / name, "w") as log:
        return subprocess.Popen([*command, "--strategy", strategy], stdout=log, stderr=log, env=environment)


def start_workers(folder, *options, **others):
    """Two of them, which talk on free ports of this machine."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    cluster = {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]}
    for each in sockets:
        each.close()
    return [
        start(folder, f"log{index}", "multi_worker", *options, **others,
              TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}))
        for index in range(2)
    ]  # fmt: skip


def end(folder, processes, seconds=600):
    """Their exit codes, and what they said."""
    codes = [process.wait(timeout=seconds) for process in processes]
    return codes, [path.read_text() for path in sorted(folder.glob("log*"))]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return run_on(tmp_path_factory.mktemp("alone"), "none", NO_FILES="1")  # its weights are compared, and no more


@pytest.fixture(scope="module")
def all_alone(tmp_path_factory):
    return run_on(tmp_path_factory.mktemp("all_alone"), "none", ALL_STAGES="1", NO_FILES="1")


def run_on(folder, strategy, **environment):
    codes, logs = end(folder, [start(folder, "log", strategy, **environment)])
    assert codes == [0], logs
    return folder


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    return run_on(tmp_path_factory.mktemp("mirrored"), "mirrored:2")


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workers")
    codes, logs = end(folder, start_workers(folder, ALL_STAGES="1"))
    assert codes == [0, 0], logs
    return folder


@pytest.fixture(scope="module")
def all_mirrored(tmp_path_factory):
    return run_on(tmp_path_factory.mktemp("all_mirrored"), "mirrored:2", ALL_STAGES="1")


def assert_same_training(folder, alone, stage):
    records = [json.loads((each / "run" / stage / "stage.json").read_text()) for each in (folder, alone)]
    assert records[0]["key"] == records[1]["key"]  # so that a run may go on under another strategy
    ours, theirs = (record["history"] for record in records)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=LOOSE.get(stage, 1e-4), atol=1e-5, err_msg=name)
    weights, expected = (load_model(each / "run" / stage / "model.keras").weights for each in (folder, alone))
    for weight, other in zip(weights, expected, strict=True):
        tolerance = LOOSE.get(stage, 1e-4) * max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=0, atol=tolerance, err_msg=weight.name)


@pytest.mark.parametrize("stage", STAGES)
def test_two_devices_train_what_one_does(mirrored, alone, stage):
    assert_same_training(mirrored, alone, stage)


@pytest.mark.slow
@pytest.mark.parametrize("stage", MORE)
def test_two_devices_train_what_one_does_with_masks_and_clusters_too(all_mirrored, all_alone, stage):
    assert_same_training(all_mirrored, all_alone, stage)


def test_the_report_tells_the_strategy(mirrored):
    report = json.loads((mirrored / "run" / "report.json").read_text())
    assert report["machine"]["strategy"] == "MirroredStrategy, 2 replicas"
    assert [file["mode"] for file in report["files"]] == ["int8"]


@pytest.mark.slow
@pytest.mark.parametrize("stage", [*STAGES[:-1], *MORE])  # tf.data deals out other batches to a user's own fit
def test_two_processes_train_what_one_does(workers, all_alone, stage):
    assert_same_training(workers, all_alone, stage)


@pytest.mark.slow
def test_the_chief_alone_writes_and_reports(workers):
    report = json.loads((workers / "run" / "report.json").read_text())
    assert report["machine"]["strategy"].endswith("2 replicas in 2 processes")
    assert [stage["name"] for stage in report["stages"]] == [stage.partition("-")[2] for stage in (*STAGES, *MORE)]
    chief, other = ((workers / name).read_text() for name in ("log0", "log1"))
    assert "Verdict: pass" in chief
    assert "worker 1 of 2 is done; the report is the chief's" in other
    assert "Verdict" not in other


@pytest.mark.slow
def test_the_tour_runs_in_two_processes(tmp_path):
    codes, logs = end(tmp_path, start_workers(tmp_path, "--smoke", recipe="digits"))
    assert codes == [0, 0], logs
    assert len(json.loads((tmp_path / "run" / "report.json").read_text())["files"]) == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "gone", "code"), [(0, signal.SIGINT, 130), (1, signal.SIGTERM, 143), (1, signal.SIGKILL, -9)]
)
def test_when_a_worker_goes_the_other_says_so_and_both_can_go_on(tmp_path, number, gone, code):
    processes = start_workers(tmp_path)
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / STAGES[0]).exists():
        assert time.monotonic() < deadline, (tmp_path / "log0").read_text()
        time.sleep(0.1)
    processes[number].send_signal(gone)
    codes, logs = end(tmp_path, processes)
    assert codes[number] == code, logs
    assert codes[1 - number] == 70, logs
    assert "tfcompress: Another worker has gone" in logs[1 - number] or "tfcompress: The chief" in logs[1 - number]
    assert "Traceback" not in "".join(logs)
    codes, logs = end(tmp_path, start_workers(tmp_path))
    assert codes == [0, 0], logs
    assert "baseline: finished by an earlier run" in logs[0]


def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_trained(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(RECIPE.read_text().replace("batch_size=32)\n", "batch_size=33)\n"))
    codes, logs = end(tmp_path, [start(tmp_path, "log", "mirrored:2", recipe=mine)])
    assert codes == [12], logs
    assert "KerasFit.batch_size must be divisible by the number of replicas, 2. Received: 33. Use 32, or" in logs[0]
    assert not list((tmp_path / "run").glob("*-*"))
