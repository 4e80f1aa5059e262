"""A chief and its workers as processes, on trials that sleep: whoever is killed, each trial is finished once."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tfcompress.searching.workers.place import HOST, NAME, PORT

COMMAND = [sys.executable, str(Path(__file__).parent / "fake_search.py")]


class Search:
    """A search in a folder."""

    def __init__(self, root, trials, workers=3, seconds=0.1, **variables):
        self.root, self.num_trials = root, trials
        self.arguments = [str(root), "--trials", str(trials), "--seconds", str(seconds)]
        self.workers, self.environment = ["--workers", str(workers)] if workers else [], {**os.environ, **variables}

    def start(self, *more, **variables):
        command = [*COMMAND, *self.arguments, *self.workers, *more]
        environment = {**self.environment, **variables}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)

    def records(self):
        path = self.root / "journal.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [found for found in map(json.loads, lines) if "trial" in found]

    def computed(self):
        """How often each trial and each stage was computed to its end."""
        path = self.root / "computed"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter(tuple(line.split()[::2]) for line in lines if line.startswith("trial")), Counter(
            line for line in lines if line.startswith("stage")
        )

    def wait_for(self, number):
        end = time.monotonic() + 180
        while len(self.records()) < number:
            assert time.monotonic() < end, "no trial is finished"
            time.sleep(0.02)

    def pids_of_workers(self, chief):
        children = subprocess.run(["pgrep", "-P", str(chief.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in children.stdout.split()]

    def require_whole(self):
        """Each trial is in the journal once, with its own number and the choices in order."""
        records = self.records()
        assert sorted(each["number"] for each in records) == list(range(1, self.num_trials + 1))
        assert sorted(each["settings"]["x"] for each in records) == list(range(self.num_trials))
        assert {each["status"] for each in records} == {"done"}


def said(process, timeout=180):
    text, _ = process.communicate(timeout=timeout)
    return text, json.loads(text.splitlines()[-1])


def test_three_workers_finish_each_trial_once_and_compute_each_stage_once(tmp_path):
    search = Search(tmp_path / "run", 12)
    text, outcome = said(search.start())
    assert outcome == {"why": "all trials are done", "finished": 12}, text
    search.require_whole()
    trials, stages = search.computed()
    assert set(trials.values()) == {1} and stages == {"stage k0": 1, "stage k1": 1, "stage k2": 1}
    records = search.records()
    assert Counter(len(each["trained"]) for each in records) == {1: 3, 0: 9}
    assert all(len(each["trained"]) + len(each["shared"]) == 1 for each in records)
    assert all(f"worker{number} is here" in text for number in (1, 2, 3))


def test_a_killed_worker_gives_its_trial_back_and_a_killed_chief_goes_on(tmp_path):
    search = Search(tmp_path / "run", 16, seconds=0.15)
    chief = search.start()
    search.wait_for(2)
    os.kill(search.pids_of_workers(chief)[0], signal.SIGKILL)
    search.wait_for(6)
    workers = search.pids_of_workers(chief)
    chief.kill()
    text, _ = chief.communicate(timeout=180)
    assert "was ended by SIGKILL" in text  # and its trial is another's, if it had one just then
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]  # a chief's workers end with it
    before = search.records()
    text, outcome = said(search.start())
    assert outcome["finished"] == 16, text
    assert search.records()[: len(before)] == before
    search.require_whole()


@pytest.mark.slow
def test_a_trial_that_kills_each_worker_is_left_behind(tmp_path):
    search = Search(tmp_path / "run", 6, workers=2, seconds=0.02, DEADLY="3")
    text, outcome = said(search.start())
    assert outcome["finished"] == 6, text
    (crashed,) = [each for each in search.records() if each["status"] == "crashed"]
    assert crashed["settings"] == {"x": 3} and "3 workers died of it" in crashed["reason"]


@pytest.mark.slow
def test_the_time_is_kept(tmp_path):
    search, begin = Search(tmp_path / "run", 99, workers=2, seconds=0.3), time.monotonic()
    text, outcome = said(search.start("--limit", "5"))
    assert outcome["why"] == "the time is up" and time.monotonic() - begin < 5 + 8, text
    assert 0 < outcome["finished"] < 99


def test_workers_of_ones_own_find_a_chief_that_is_killed_and_comes_back(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    search, address = Search(tmp_path / "run", 12, workers=0, seconds=0.2), {HOST: "127.0.0.1", PORT: port}
    workers = [search.start("--patience", "20", **address, **{NAME: name}) for name in ("w1", "w2")]
    chief = search.start(**address, **{NAME: "chief"})
    search.wait_for(4)
    chief.kill()
    chief.communicate(timeout=180)
    before = search.records()
    text, outcome = said(search.start(**address, **{NAME: "chief"}))
    assert outcome["finished"] == 12, text
    search.require_whole()
    assert search.records()[: len(before)] == before
    assert set(search.computed()[0].values()) == {1}  # nobody but the chief was killed: what was at work went on
    for worker in workers:
        assert "trials" in worker.communicate(timeout=180)[0] and worker.returncode == 0


@pytest.mark.slow
def test_a_worker_that_stops_without_a_word_is_missed(tmp_path):
    """As one of another machine does, when that has gone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    search, address = Search(tmp_path / "run", 6, workers=0, seconds=0.2), {HOST: "127.0.0.1", PORT: port}
    chief = search.start("--lease", "1", **address, **{NAME: "chief"})
    stopped, other = (search.start("--lease", "1", **address, **{NAME: name}) for name in ("w1", "w2"))
    search.wait_for(2)
    stopped.send_signal(signal.SIGSTOP)
    text, outcome = said(chief)
    stopped.kill()
    stopped.communicate(timeout=180)
    other.communicate(timeout=180)
    assert other.returncode == 0
    assert outcome["finished"] == 6 and "w1 gave no sign of life for 1 s" in text
    search.require_whole()


@pytest.mark.slow
def test_twenty_kills_at_random_lose_and_repeat_no_finished_trial(tmp_path):
    """kill -9 of the chief seven times, of a worker thirteen times, at moments that are drawn."""
    search, drawn, killed = Search(tmp_path / "run", 400, seconds=0.25), random.Random(20), Counter()
    chief, before = search.start(), []
    for kill in range(20):
        time.sleep(drawn.uniform(0.0, 4.0))
        if kill % 3 == 0:
            chief.kill()
            chief.communicate(timeout=180)
            killed["chief"] += 1
            chief = search.start()
        else:
            end = time.monotonic() + 180
            while not (workers := search.pids_of_workers(chief)):
                assert time.monotonic() < end and chief.poll() is None, chief.communicate()
                time.sleep(drawn.uniform(0.0, 0.5))
            os.kill(drawn.choice(workers), signal.SIGKILL)
            killed["worker"] += 1
        now = search.records()
        assert now[: len(before)] == before  # nothing that was finished is lost, or changed
        before = now
    assert 10 < len(before) < 400 and killed == {"chief": 7, "worker": 13}
    text, outcome = said(chief, timeout=300)
    assert outcome["finished"] == 400, text
    search.require_whole()
    trials, stages = search.computed()
    print(
        f"computed to their end twice: {sum(trials.values()) - 400} of 400 trials, {sum(stages.values()) - 100} stages"
    )
