import dataclasses

import numpy as np
import pytest

from tfcompress.core.types import CHANNELS, CLUSTERS, INT8_RANGES, LEVELS, SPARSITY, Promise
from tfcompress.measuring.measure import Measurement
from tfcompress.reporting.bytes_path import MOST_BYTES, bytes_path, lineage, zipped_weights
from tfcompress.running.records import FileRecord, StageRecord


def stage(name, start, *kinds):
    measurement = Measurement(1, 1, (), 0.0, {}, False)
    record = StageRecord(name, "k", "T()", {}, start, 1, 1.0, {"accuracy": 1.0}, 1, measurement, {}, (), (), {})
    return dataclasses.replace(record, promises=tuple(Promise(kind) for kind in kinds))


def file(stage, mode, raw, zipped):
    return FileRecord(stage, mode, f"tflite/{stage}-{mode}.tflite", "k", "sha", raw, zipped, 0.0, (), {})


STAGES = [
    stage("teacher", "fast_resnet"),
    stage("baseline", "simple_cnn"),
    stage("halved", "baseline", CHANNELS),
    stage("sparse", "halved", CHANNELS, SPARSITY, SPARSITY),
    stage("clustered", "sparse", CHANNELS, SPARSITY, SPARSITY, CLUSTERS),
    stage("quantized", "clustered", CHANNELS, SPARSITY, SPARSITY, CLUSTERS, INT8_RANGES),
]
FILES = [
    file("baseline", "float32", 1000, 900),
    file("halved", "float32", 600, 500),
    file("quantized", "int8", 200, 90),
]
ZIPPED = {"teacher": 5000, "baseline": 880, "halved": 440, "sparse": 300, "clustered": 210, "quantized": 260}


def test_each_cause_has_a_step_and_they_add_up():
    steps = bytes_path(STAGES, FILES, ZIPPED)
    assert [(step["step"], step["change"], step["bytes"]) for step in steps] == [
        ("baseline float32, stored", 1000, 1000),
        ("zip", -100, 900),
        ("channels (halved)", -440, 460),
        ("zeros (sparse)", -140, 320),
        ("clusters (clustered)", -90, 230),
        ("int8", -140, 90),
    ]
    assert sum(step["change"] for step in steps) == 90


def test_stages_that_are_too_large_to_zip_have_no_step():
    steps = bytes_path(STAGES, FILES, dict.fromkeys(ZIPPED))
    assert [step["step"] for step in steps] == ["baseline float32, stored", "zip", "int8"]
    assert steps[-1]["change"] == -810


@pytest.mark.parametrize(("kinds", "step"), [((LEVELS,), ["levels (rounded)"]), ((LEVELS, INT8_RANGES), [])])
def test_levels_count_where_the_models_own_weights_have_them(kinds, step):
    stages = [stage("baseline", "simple_cnn"), stage("rounded", "baseline", *kinds)]
    steps = bytes_path(stages, [FILES[0], file("rounded", "int8", 200, 90)], {"baseline": 880, "rounded": 300})
    assert [each["step"] for each in steps[2:-1]] == step


def test_one_file_alone_has_no_path():
    assert bytes_path(STAGES, FILES[:1], ZIPPED) == []


def test_a_stage_that_does_not_come_from_the_first_has_no_lineage():
    assert [each.name for each in lineage(STAGES, "sparse", "baseline")] == ["baseline", "halved", "sparse"]
    assert lineage(STAGES, "teacher", "baseline") == []


def test_zeros_make_zipped_weights_smaller():
    weights = np.random.default_rng(0).normal(size=10_000).astype("float32")
    sparse = np.where(abs(weights) > 1, weights, 0)
    assert zipped_weights([sparse]) < 0.6 * zipped_weights([weights])
    assert zipped_weights([np.broadcast_to(np.float32(0), MOST_BYTES // 4 + 1)]) is None
