import dataclasses
import json

import numpy as np
import pytest

from tfcompress.core.tasks.task import ACCURACY
from tfcompress.core.types import INT8_RANGES, SPARSITY, Agreement, Finding, Latency, Promise, Refusal
from tfcompress.measuring.measure import Measurement
from tfcompress.measuring.promises import Verdict
from tfcompress.running.records import FileRecord, StageRecord, findings_from_json, stage_from_json, to_json
from tfcompress.running.report import Report

STAGE = StageRecord(
    name="pruned",
    key="abc",
    technique="PruneLowMagnitude(final_sparsity=0.5)",
    fit={"type": "KerasFit", "epochs": 2},
    start="baseline",
    steps=44,
    seconds=1.5,
    metrics={"accuracy": 0.9},
    num_examples=360,
    measurement=Measurement(10, 20, ("lstm",), 0.5, {"a/kernel": 0.5}, False),
    kernel_sizes={"a/kernel": 8},
    promises=(Promise(SPARSITY, 0.5, ("a/kernel",)), Promise(INT8_RANGES)),
    verdicts=(Verdict(SPARSITY, 0.5, 0.5, True),),
    history={"loss": [2.0, 1.0]},
    metric_kinds=(ACCURACY,),
    outputs=("logits",),
)
FINDING = Finding(
    check="gpu",
    status="fail",
    reason="refused",
    fix="change it",
    device="a GPU",
    num_examples=360,
    metrics={"accuracy": 0.5},
    agreement={"keras": {"logits": Agreement(30.0, 0.99, 0.125, 0.98)}},
    latency=Latency(0.1, 0.2, 50, 1),
    peak_memory_bytes=1024,
    num_ops=7,
    num_delegated_ops=6,
    refusals=(Refusal("GATHER", "not supported"),),
)
FILE = FileRecord("pruned", "int8", "tflite/a.tflite", "key", "sha", 100, 50, 0.5, (), {"x": FINDING})
REPORT = Report("digits", "", "", {}, {}, {}, "", 1.0, (STAGE,), (FILE,))


def through_json(value):
    return json.loads(json.dumps(to_json(value)))


def test_a_stage_comes_back_from_json():
    assert stage_from_json(through_json(STAGE)) == STAGE


@pytest.mark.parametrize("finding", [FINDING, Finding("gpu", "not run", "no driver", "install one")])
def test_findings_come_back_from_json(finding):
    record = dataclasses.replace(FILE, findings={"x": finding})
    assert findings_from_json(through_json(record)) == {"x": finding}


def test_outputs_are_not_stored():
    assert "outputs" not in to_json(dataclasses.replace(FINDING, outputs=np.zeros((2, 3))))


@pytest.mark.parametrize("damage", [None, [], "x", 3, {}, {"name": "pruned"}, {**to_json(STAGE), "measurement": None}])
def test_what_is_no_stage_is_none(damage):
    assert stage_from_json(damage) is None


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(StageRecord)])
def test_a_stage_of_another_version_is_none(field):
    value = through_json(STAGE)
    del value[field]
    assert stage_from_json(value) is None
    assert stage_from_json({**through_json(STAGE), f"{field}_of_later": 1}) is None


@pytest.mark.parametrize("damage", [None, [], {}, {"findings": None}, {"findings": {"x": {"check": "gpu"}}}])
def test_what_holds_no_findings_is_empty(damage):
    assert findings_from_json(damage) == {}


def report(*, stage=STAGE, finding=FINDING, verdicts=()):
    file = dataclasses.replace(FILE, findings={"x": finding}, verdicts=verdicts)
    return dataclasses.replace(REPORT, stages=(stage,), files=(file,))


def test_an_operation_that_the_gpu_refuses_is_no_failure():
    assert report().failures == ()
    assert report().verdict == "pass"


def test_wrong_answers_are_a_failure_with_file_check_and_reason():
    wrong = dataclasses.replace(FINDING, refusals=(), reason="other answers")
    assert report(finding=wrong).failures == ("tflite/a.tflite: gpu: other answers",)
    assert report(finding=wrong).verdict == "fail"


def test_a_check_that_was_not_run_is_no_failure():
    assert report(finding=Finding("gpu", "not run", "no driver")).failures == ()


def test_a_broken_promise_is_a_failure_of_a_stage_or_a_file():
    broken = (Verdict(SPARSITY, 0.5, 0.25, False),)
    assert report(stage=dataclasses.replace(STAGE, verdicts=broken)).failures == (
        "pruned: promised sparsity >= 0.5, measured 0.25",
    )
    assert report(verdicts=broken).failures == ("tflite/a.tflite: promised sparsity >= 0.5, measured 0.25",)


def test_a_file_is_named_by_its_stage_and_mode():
    assert FILE.variant == "pruned int8"
