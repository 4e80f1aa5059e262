"""What the figures of a run say: with the figures beside them of which nothing is said."""

import contextlib
import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.advising.evidence import Evidence, FileOp
from tfcompress.advising.of_runs.next_budget import changed, half_zero, next_budget
from tfcompress.advising.of_runs.not_faster import not_faster
from tfcompress.advising.of_runs.run_advice import with_advice
from tfcompress.advising.of_runs.zeros import zeros
from tfcompress.core.tasks.task import ACCURACY
from tfcompress.core.types import Finding, Latency, Recipe
from tfcompress.measuring import tflite
from tfcompress.measuring.measure import Measurement
from tfcompress.running.records import FileRecord, StageRecord
from tfcompress.running.report import Report

STAGE = StageRecord(
    *("baseline", "", "", {}, "", 1, 1.0, {"accuracy": 0.75}, 360, Measurement(100, 2000, (), 0.25, {}, False)),
    *({}, (), (), {}),
    metric_kinds=(ACCURACY,),
)
VNNI, PLAIN = {"avx2", "avx512_vnni"}, {"avx2"}


def file(mode, ms, **changes):
    finding = Finding("cpu-xnnpack", "pass", metrics={"accuracy": 0.5}, latency=Latency(ms, ms, 1000, 1))
    size = {"float32": 400, "int8": 100}.get(mode, 110)
    record = FileRecord("baseline", mode, "a.tflite", "", "", size, size // 2, 0.0, (), {"0": finding})
    return dataclasses.replace(record, **changes)


def report(*files):
    return Report("x", "", "", {}, {}, {}, "", 1.0, (STAGE,), files)


def works(macs, numbers=1000, on_xnnpack=True):
    return Evidence("int8", operations=(FileOp(0, "CONV_2D", "int8", "c", numbers, macs, on_xnnpack=on_xnnpack),))


@pytest.mark.parametrize(
    ("times", "macs", "flags", "said"),
    [
        ((1.0, 1.1), 3_000, VNNI, "bound by memory"),
        ((1.0, 1.1), 90_000, PLAIN, "no instructions for dot products"),
        ((1.0, 1.1), 90_000, VNNI, None),  # nobody knows why
        ((1.0, 0.5), 3_000, PLAIN, None),  # it is faster
        ((0.004, 0.005), 3_000, PLAIN, None),  # too short to say
    ],
)
def test_why_an_int8_file_is_no_faster(times, macs, flags, said):
    found = not_faster(report(file("float32", times[0]), file("int8", times[1])), works(macs), flags)
    assert said in found.sentence if said else found is None


def test_int16_kernels_are_no_fast_ones_and_what_xnnpack_leaves_is_said_elsewhere():
    slow = report(file("float32", 1.0), file("int16x8", 9.0))
    assert "int16x8 has no optimized kernels" in not_faster(slow, works(90_000), VNNI).sentence
    left = report(file("float32", 1.0), file("int8", 9.0))
    assert not_faster(left, works(3_000, on_xnnpack=False), PLAIN) is None


def test_zeros_that_do_not_zip_bring_nothing():
    idle = report(file("float32", 1.0), file("int8", 0.5, sparsity=0.6, raw_bytes=55))
    assert "60 % of the kernels' entries" in zeros(idle).sentence and "PruneChannels" in zeros(idle).follow
    assert zeros(report(file("int8", 0.5, sparsity=0.6))) is None  # half as large when zipped
    assert zeros(report(file("int8", 0.5, raw_bytes=55))) is None  # no zeros


@pytest.fixture(scope="module")
def content(trained, digits, tmp_path_factory):
    return tfc.Int8().convert(trained, digits, tmp_path_factory.mktemp("int8") / "m.tflite").path.read_bytes()


def test_the_next_technique_is_done_to_the_files_own_kernels(content, tmp_path):
    path = tmp_path / "half.tflite"
    path.write_bytes(changed(content, half_zero))
    assert 0.45 <= tflite.read(path).sparsity <= 0.65
    offered = next_budget(content, "baseline int8", 0.0)
    assert offered.follow.startswith("PruneLowMagnitude(0.5)")
    before, after = tflite.zipped_bytes(content), tflite.zipped_bytes(path.read_bytes())
    assert f"{before - after:,} zipped bytes less" in offered.worth


def test_a_file_with_zeros_is_offered_clusters_and_one_with_nothing_to_gain_nothing(content):
    assert next_budget(changed(content, half_zero), "pruned int8", 0.5).follow == "Cluster(16)"
    assert next_budget(changed(content, lambda values, zero: np.zeros_like(values)), "empty int8", 1.0) is None


def test_a_run_whose_model_cannot_be_read_is_no_worse_for_it(tmp_path):
    said = []

    class Told:
        say = said.append

        def task(self, label, total):
            return contextlib.nullcontext()

    bare = report()
    assert with_advice(bare, Recipe(tfc.Digits(), (), {}, ()), tmp_path, Told()) is bare
    (line,) = said
    assert line.startswith("No advice: ")
