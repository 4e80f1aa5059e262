"""Answers kept on disk: computed once, right for each view, lost to no kill, and never another teacher's."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue, OutputNotWritable
from tfcompress.core.keras import keras
from tfcompress.distillation import teacher_cache
from tfcompress.distillation.distiller import ask
from tfcompress.distillation.teacher_cache import TeacherCache

DATA = tfc.Digits(num_examples=96)


def network(seed, width=4):
    keras.utils.set_random_seed(seed)
    return tfc.simple_cnn((8, 8, 1), width=width, hidden_units=8)


def fit(**settings):
    return tfc.KerasFit(DATA, **{"epochs": 2, "batch_size": 32, "learning_rate": 0.05, **settings})


def counted(calls):
    def compute(view, indices):
        calls.append((view, len(indices)))
        return np.full((len(indices), 3), 10.0 * view) + indices[:, None]

    return compute


def test_answers_are_computed_once_and_found_again(tmp_path):
    calls = []
    cache = TeacherCache(tmp_path, "teacher", (2, 2500, 3))
    first = cache.answers(counted(calls))
    assert calls == [(0, 1000), (0, 1000), (0, 500), (1, 1000), (1, 1000), (1, 500)]
    again = TeacherCache(tmp_path, "teacher", (2, 2500, 3)).answers(counted(calls))
    assert len(calls) == 6
    np.testing.assert_array_equal(first, again)
    assert (first[1, 7] == 17).all() and first.dtype == np.float16


def test_a_block_without_its_mark_is_computed_again(tmp_path):
    cache = TeacherCache(tmp_path, "teacher", (1, 2500, 3))
    cache.answers(counted([]))
    logits, marks = (np.load(cache.folder / name, mmap_mode="r+") for name in ("logits.npy", "marks.npy"))
    logits[0, 1000:1500] = -1  # what a kill in the middle of a block leaves behind
    marks[0, 1] = 0
    del logits, marks
    calls = []
    assert cache.answers(counted(calls))[0, 1200, 0] == 1200
    assert calls == [(0, 1000)]


@pytest.mark.parametrize("name", ["logits.npy", "marks.npy"])
def test_a_damaged_file_is_made_anew(tmp_path, name):
    cache = TeacherCache(tmp_path, "teacher", (1, 20, 3))
    cache.answers(counted([]))
    whole = (cache.folder / name).read_bytes()
    (cache.folder / name).write_bytes(whole[: len(whole) // 2])
    assert cache.answers(counted([]))[0, 7, 0] == 7


def test_large_logits_stay_finite_and_small_ones_as_exact_as_float16(tmp_path):
    values = np.array([[1e9, -1e9, 0.1]])
    kept = TeacherCache(tmp_path, "t", (1, 1, 3)).answers(lambda view, indices: values)[0, 0]
    assert np.isfinite(kept).all() and kept[2] == np.float16(0.1)


def test_it_costs_no_more_than_24_bytes_an_example_and_view(tmp_path):
    cache = TeacherCache(tmp_path, "t", (3, 5000, 10))
    cache.answers(lambda view, indices: np.zeros((len(indices), 10)))
    size = sum(path.stat().st_size for path in cache.folder.iterdir())
    assert size / (3 * 5000) <= 24


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputNotWritable):
        TeacherCache(tmp_path / "file", "t", (1, 1, 1)).answers(counted([]))


def test_kill_in_the_middle_and_go_on(tmp_path):
    script = (
        "import sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from tfcompress.distillation.teacher_cache import TeacherCache\n"
        "def slow(view, indices):\n"
        "    time.sleep(0.2)\n"
        "    return np.full((len(indices), 2), indices[0] / 1000)\n"
        "TeacherCache(Path(sys.argv[1]), 'teacher', (1, 9000, 2)).answers(slow)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    cache = TeacherCache(tmp_path, "teacher", (1, 9000, 2))
    marks = cache.folder / "marks.npy"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (marks.exists() and marks.stat().st_size and np.load(marks).sum() >= 2):
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    calls = []

    def quick(view, indices):
        calls.append(indices[0])
        return np.full((len(indices), 2), indices[0] / 1000)

    np.testing.assert_array_equal(cache.answers(quick)[0, ::1000, 0], range(9))
    assert 1 <= len(calls) <= 7


def test_training_with_kept_answers_is_training_without_but_for_their_rounding(tmp_path):
    teacher, weights = network(0), network(1).get_weights()
    results = []
    for cache in (False, tmp_path):
        student = network(1)
        student.set_weights(weights)
        tfc.distilled(fit(augment=(tfc.ShiftedCrop(1),), views=2), teacher, cache=cache)(student)
        results.append(student.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)
    assert any((one != before).any() for one, before in zip(results[0], weights, strict=True))


def test_each_view_has_its_own_answers(tmp_path):
    teacher = network(0)
    way = fit(augment=(tfc.ShiftedCrop(2),), views=2)
    kept = tfc.distilled(way, teacher, cache=tmp_path)._kept_answers()
    assert kept.shape == (2, 96, 10)
    for view in range(2):
        expected = ask([teacher], way.view(view, np.arange(96))).numpy()
        np.testing.assert_allclose(kept[view], expected, rtol=1e-3, atol=1e-3)
    assert (kept[0] != kept[1]).any()


@pytest.mark.parametrize(
    "other",
    [
        lambda way, teacher: (way, network(5)),
        lambda way, teacher: (fit(augment=(tfc.Flip(),), seed=1), teacher),
        lambda way, teacher: (fit(augment=(tfc.ShiftedCrop(1),)), teacher),
        lambda way, teacher: (tfc.KerasFit(tfc.Digits(num_examples=97), epochs=2, augment=(tfc.Flip(),)), teacher),
    ],
    ids=["teacher", "seed", "augmentation", "data"],
)
def test_what_is_stale_is_never_used(tmp_path, other, monkeypatch):
    way, teacher = fit(augment=(tfc.Flip(),)), network(0)
    tfc.distilled(way, teacher, cache=tmp_path)._kept_answers()
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(teacher_cache, "BLOCK", 1000)
    tfc.distilled(*other(way, teacher), cache=tmp_path)._kept_answers()
    assert len({path.name for path in tmp_path.iterdir()} - before) == 1


def test_another_fit_over_the_same_views_shares_them(tmp_path):
    teacher = network(0)
    for way in (fit(augment=(tfc.Flip(),)), fit(augment=(tfc.Flip(),), learning_rate=0.5, batch_size=16)):
        tfc.distilled(way, teacher, cache=tmp_path)._kept_answers()
    assert len(list(tmp_path.iterdir())) == 1


def test_pruning_and_quantizing_under_kept_answers(tmp_path):
    way = tfc.distilled(fit(epochs=4), network(0), cache=tmp_path)
    pruned = tfc.PruneLowMagnitude(0.5, tfc.ConstantSparsity()).apply(network(1), way)
    aware = tfc.QuantizeAware().apply(pruned, way)
    assert len(list(tmp_path.iterdir())) == 1
    assert (aware.get_layer("quant_conv1").weights[0].numpy() == 0).mean() >= 0.45


def test_a_loss_of_layers_or_a_fit_without_views_is_refused(tmp_path):
    with pytest.raises(InvalidValue, match="a loss that compares layers"):
        tfc.distilled(fit(), network(0), tfc.Hint("conv1"), cache=tmp_path)(network(1))

    class Own:
        steps = 1

        def __call__(self, model, callbacks=()):
            raise AssertionError("not reached")

    with pytest.raises(InvalidValue, match="whose views of an example can be made again. Received: Own"):
        tfc.distilled(Own(), network(0), cache=tmp_path)(network(1))
