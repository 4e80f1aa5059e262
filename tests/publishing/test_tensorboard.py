"""TensorBoard's logs, read back by TensorFlow."""

import dataclasses

import pytest

from tfcompress.backend.tensorflow import tf
from tfcompress.core.errors import OutputNotWritable
from tfcompress.core.tasks.task import ACCURACY
from tfcompress.core.types import Finding, Latency
from tfcompress.measuring.measure import Measurement
from tfcompress.publishing.tensorboard import log_report, log_trials
from tfcompress.running.records import FileRecord, StageRecord
from tfcompress.running.report import Report

STAGE = StageRecord(
    *("baseline", "", "", {}, "", 1, 1.0, {"accuracy": 0.75}, 360, Measurement(100, 2000, (), 0.25, {}, False)),
    *({}, (), (), {"loss": [2.0, 0.5]}),
    metric_kinds=(ACCURACY,),
)
FOUND = Finding("cpu-xnnpack", "pass", metrics={"accuracy": 0.5}, latency=Latency(0.125, 0.5, 1000, 1))
FILE = FileRecord("baseline", "int8", "a.tflite", "", "", 60, 50, 0.0, (), {"0": FOUND})


def points(folder):
    """By tag, (step, value)."""
    found = {}
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found.setdefault(value.tag, []).append((event.step, float(tf.make_ndarray(value.tensor))))
    return found


def test_curves_of_stages_and_figures_of_files_are_logged(tmp_path):
    report = Report("x", "", "", {}, {}, {}, "", 1.0, (STAGE,), (FILE,))
    log_report(report, tmp_path / "logs")
    stage, file = points(tmp_path / "logs" / "1-baseline"), points(tmp_path / "logs" / "baseline-int8")
    assert stage["training/loss"] == [(0, 2.0), (1, 0.5)]
    assert stage["stage/accuracy"] == [(0, 0.75)] and stage["stage/MACs"] == [(0, 2000.0)]
    assert file == {
        **{"file/raw bytes": [(0, 60.0)], "file/zipped bytes": [(0, 50.0)]},
        **{"file/accuracy": [(0, 0.5)], "file/median ms": [(0, 0.125)]},
    }


def test_a_file_that_did_not_run_has_its_bytes_alone(tmp_path):
    bare = dataclasses.replace(FILE, findings={})
    log_report(Report("x", "", "", {}, {}, {}, "", 1.0, (STAGE,), (bare,)), tmp_path)
    assert set(points(tmp_path / "baseline-int8")) == {"file/raw bytes", "file/zipped bytes"}


def test_trials_are_logged_by_their_numbers(tmp_path):
    log_trials({0: {"ms": 2.0, "drop": 0.5}, 3: {"ms": 1.0}}, tmp_path)
    assert points(tmp_path / "search") == {"trial/ms": [(0, 2.0), (3, 1.0)], "trial/drop": [(0, 0.5)]}


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_place_that_is_a_file_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputNotWritable, match="cannot be written.*--tensorboard"):
        log_trials({0: {"ms": 2.0}}, tmp_path / name)
