import json
import os
import subprocess
import sys
import time

import pytest

from tfcompress.core.errors import RunLocked
from tfcompress.running.folder import lock as lock_file
from tfcompress.running.folder.lock import Lock, require_unlocked

HOLD = """
import sys, time
from pathlib import Path
from tfcompress.running.folder.lock import Lock
lock = Lock(Path(sys.argv[1]), "tfcompress recipe digits")
print("locked", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the lock of tmp_path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_at_once_and_hears_who_is_first(tmp_path, holder):
    begin = time.monotonic()
    with pytest.raises(RunLocked) as caught:
        Lock(tmp_path)
    assert time.monotonic() - begin < 0.5
    assert f"process {holder.pid} on {os.uname().nodename}, since 20" in str(caught.value)
    assert "tfcompress recipe digits" in str(caught.value)
    with pytest.raises(RunLocked, match=f"process {holder.pid}"):
        require_unlocked(tmp_path)


def test_of_five_at_once_one_has_it(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    racing = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(5)]
    try:
        refused = []
        deadline = time.monotonic() + 30
        while len(refused) < 4 and time.monotonic() < deadline:
            refused = [process for process in racing if process.poll() is not None]
            time.sleep(0.02)
        assert len(refused) == 4
        (winner,) = set(racing) - set(refused)
        assert winner.stdout.readline() == "locked\n"
        assert all(f"process {winner.pid} on" in process.stderr.read() for process in refused)
    finally:
        for process in racing:
            process.kill()
            process.communicate()


def test_a_killed_process_holds_nothing_and_its_time_counts(tmp_path, holder):
    said = json.loads((tmp_path / ".lock").read_text())
    holder.kill()
    holder.wait()
    (tmp_path / ".lock").write_text(json.dumps({**said, "since": said["since"] - 100, "seconds": 30}))
    lock = Lock(tmp_path)
    assert 130 <= lock.seconds_before < 135
    lock.release(is_finished=True)
    assert not (tmp_path / ".lock").exists()


def test_two_locks_in_one_process_are_two_as_well(tmp_path):
    first = Lock(tmp_path)
    with pytest.raises(RunLocked, match=f"process {os.getpid()} "):
        Lock(tmp_path)
    del first  # nothing refers to it any more
    Lock(tmp_path).release(is_finished=True)


def test_what_did_not_come_to_a_report_leaves_its_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(lock_file.time, "monotonic", lambda: now[0])
    for before in (0, 5, 10):
        lock = Lock(tmp_path)
        assert lock.seconds_before == before
        now[0] += 5
        lock.release(is_finished=False)
    require_unlocked(tmp_path)


@pytest.mark.parametrize("left", ["", "[]", "{", '{"since": "x"}', '{"since": 1e400}', '{"seconds": [1]}'])
def test_a_file_that_says_nonsense_is_no_obstacle(tmp_path, left):
    (tmp_path / ".lock").write_text(left)
    assert Lock(tmp_path).seconds_before == 0


def test_a_disk_that_cannot_lock_is_told_and_used(tmp_path, monkeypatch, remarks):
    import errno
    import fcntl

    def cannot(file, how):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", cannot)
    Lock(tmp_path)
    assert remarks == [f"{tmp_path} is on a disk that cannot lock files: two runs at once are not noticed here"]
    require_unlocked(tmp_path)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("the user's own")
    (tmp_path / ".lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        Lock(tmp_path)
    assert (tmp_path / "other").read_text() == "the user's own"
