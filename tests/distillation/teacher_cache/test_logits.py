"""Answers on disk: lost to no kill, shared by processes, and damage is seen."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tfcompress.core.errors import OutputFull, OutputNotWritable
from tfcompress.distillation.teacher_cache import logits as module
from tfcompress.distillation.teacher_cache.logits import TeacherLogitCache
from tfcompress.distillation.teacher_cache.rows import LogitRows

ROWS = LogitRows(10, 0, "float16")


def kept(folder, num_examples=1000):
    return TeacherLogitCache(folder, num_examples, ROWS, {"teachers": ["one"]})


def logits(indices, view=0):
    """Multiples of 1/4 below 1000, which float16 keeps as they are."""
    return (np.asarray(indices)[:, None] % 500 + np.arange(10) / 4 + view).astype("float32")


def views(indices, view=0):
    return np.full(len(indices), view)


def test_what_is_written_is_read_by_another(tmp_path):
    indices = np.array([3, 999, 0])
    written = kept(tmp_path).write(views(indices), indices, logits(indices))
    np.testing.assert_array_equal(written, logits(indices))
    answers, known = kept(tmp_path).read(views(range(5)), np.arange(5))
    assert known.tolist() == [True, False, False, True, False]
    np.testing.assert_array_equal(answers[[0, 3]], logits([0, 3]))


def test_views_are_apart(tmp_path):
    one = kept(tmp_path)
    one.write(np.array([0, 1]), np.array([7, 7]), np.concatenate([logits([7]), logits([7], 1)]))
    answers, known = one.read(np.array([1, 0, 2]), np.array([7, 7, 7]))
    assert known.tolist() == [True, True, False]
    np.testing.assert_array_equal(answers[:2], [logits([7], 1)[0], logits([7])[0]])


def test_what_is_there_is_not_overwritten_and_is_what_is_given(tmp_path):
    one = kept(tmp_path)
    one.write(views([4]), np.array([4]), logits([4]))
    given = one.write(views([4, 5]), np.array([4, 5]), logits([100, 200]))
    expected = np.concatenate([logits([4]), logits([200])])
    np.testing.assert_array_equal(given, expected)
    np.testing.assert_array_equal(one.read(views([4, 5]), np.array([4, 5]))[0], expected)


def test_complete_answers_are_held_and_the_same(tmp_path):
    first, indices = kept(tmp_path, num_examples=50), np.arange(50)
    for view in range(2):
        first.write(views(indices, view), indices, logits(indices, view))
    again, some = kept(tmp_path, num_examples=50), np.array([7, 3, 49])
    assert again.hold(2)
    found = again.recall(np.array([1, 0, 1]), some)
    np.testing.assert_array_equal(found["logits"], first.read(np.array([1, 0, 1]), some)[0])
    assert found["known"].numpy().all()


@pytest.mark.parametrize("missing", ["a row", "a view", "room"])
def test_answers_with_something_missing_are_not_held(tmp_path, monkeypatch, missing):
    answers, indices = kept(tmp_path, num_examples=50), np.arange(49 if missing == "a row" else 50)
    answers.write(views(indices), indices, logits(indices))
    if missing == "room":
        monkeypatch.setattr(module, "MOST_HELD", 50 * 10 * 4 - 1)
    assert not answers.hold(2 if missing == "a view" else 1)
    asked = np.array([0, 49])
    known = answers.recall(views(asked), asked)["known"].numpy().tolist()
    assert known == [True, missing != "a row"]


def test_it_costs_no_more_than_24_bytes_an_example_and_view(tmp_path):
    one = kept(tmp_path, 5000)
    for view in range(3):
        one.write(views(range(5000), view), np.arange(5000), logits(range(5000)))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) / (3 * 5000) <= 24


def test_says_what_its_folders_name_stands_for(tmp_path):
    kept(tmp_path / "deep" / "folder")
    assert json.loads((tmp_path / "deep" / "folder" / "about.json").read_text()) == {"teachers": ["one"]}


@pytest.mark.parametrize("damage", ["cut", "bits", "gone"])
def test_damage_is_seen(tmp_path, damage):
    one, everything = kept(tmp_path), np.arange(1000)
    one.write(views(everything), everything, logits(everything))
    path = tmp_path / "view-00000.rows"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: 22 * 500 + 7])  # the 501st is torn
    elif damage == "bits":
        content[22 * 500 + 3] ^= 8
        path.write_bytes(content)
    else:
        path.unlink()
    lost = {"cut": everything >= 500, "bits": everything == 500, "gone": everything >= 0}[damage]
    again = kept(tmp_path)
    answers, known = again.read(views(everything), everything)
    np.testing.assert_array_equal(known, ~lost)
    np.testing.assert_array_equal(answers[known], logits(everything)[known])
    again.write(views(everything), everything, logits(everything))
    assert again.read(views(everything), everything)[1].all()


WRITER = """
import sys, numpy as np
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_logits import kept, logits, views
one = kept(Path(sys.argv[1]), 20_000)
rng = np.random.default_rng(int(sys.argv[2]))
print("ready", flush=True)
while True:
    indices = rng.integers(0, 20_000, 64)
    one.write(views(indices), indices, logits(indices))
"""


def writer(folder, seed):
    script = WRITER.format(tests=os.path.dirname(__file__))
    child = subprocess.Popen([sys.executable, "-c", script, str(folder), str(seed)], stdout=subprocess.PIPE)
    assert child.stdout.readline().strip() == b"ready"
    return child


def test_kills_in_the_middle_of_several_writers_leave_nothing_wrong(tmp_path):
    everything = np.arange(20_000)
    children = [writer(tmp_path, seed) for seed in range(2)]
    numbers = []
    for child in children:
        time.sleep(0.3)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        answers, known = kept(tmp_path, 20_000).read(views(everything), everything)
        np.testing.assert_array_equal(answers[known], logits(everything)[known])
        numbers.append(known.sum())
    assert 0 < numbers[0] <= numbers[1]


def test_a_teacher_that_answers_otherwise_is_noticed(tmp_path):
    one, some = kept(tmp_path), np.arange(100, 200)
    one.write(views(some, 3), some, logits(some))
    asked = []

    def same(view, indices):
        asked.append((view, len(indices)))
        return logits(indices)

    one.require_agreement(same, 5)
    assert asked == [(3, 8)]
    assert one.read(views(some, 3), some)[1].all()
    with pytest.warns(RuntimeWarning, match="they differ by 30"):
        one.require_agreement(lambda view, indices: logits(indices) + 30, 5)
    assert not one.read(views(some, 3), some)[1].any()
    one.write(views(some, 3), some, logits(some))
    with pytest.warns(RuntimeWarning, match="they differ by nan"):
        one.require_agreement(lambda view, indices: logits(indices) * np.nan, 5)


def test_rounding_is_no_difference(tmp_path):
    one, some = kept(tmp_path), np.arange(100)
    exact = np.random.default_rng(0).normal(size=(100, 10)) * 20
    one.write(views(some), some, exact)
    one.require_agreement(lambda view, indices: exact[indices] + 1e-4, 1)
    assert one.read(views(some), some)[1].all()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputNotWritable, match="cannot be kept in .*file.*Name another folder"):
        kept(tmp_path / "file")


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    def full(number, begin, size):
        raise OSError(28, "No space left on device")

    one = kept(tmp_path)
    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(OutputFull, match="No space left on device"):
        one.read(views([0]), np.array([0]))


def test_systems_that_cannot_reserve_space(tmp_path, monkeypatch):
    monkeypatch.delattr(module.os, "posix_fallocate")
    one = kept(tmp_path)
    one.write(views([4]), np.array([4]), logits([4]))
    assert one.read(views([4]), np.array([4]))[1].all()
    assert (tmp_path / "view-00000.rows").stat().st_size == 22_000
