"""The CPU checks on real files."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue
from tfcompress.core.types import Check, Refusal
from tfcompress.delegates import judge, runtimes, worker
from tfcompress.delegates.cpu import CpuBuiltin, CpuCompiledModel, CpuReference, CpuXnnpack

INTERPRETED = [CpuXnnpack, CpuBuiltin, CpuReference]
CHECKS = [*INTERPRETED, CpuCompiledModel]


@pytest.mark.parametrize("kind", CHECKS)
def test_a_good_file_passes_with_all_its_figures(kind, cnn):
    found = kind().run(cnn.artifact, cnn.data, cnn.keras)
    assert (found.status, found.reason) == ("pass", "")
    assert found.check == kind().name
    assert found.num_examples == len(cnn.data.test)
    assert found.metrics == {"accuracy": np.mean(cnn.keras_outputs.argmax(-1) == cnn.data.test.targets)}
    seen = found.agreement["keras"]["out"]
    assert seen.top_1_agreement == 1
    assert seen.largest_difference < 1e-5
    assert seen.sqnr_db > 100
    assert 0 < found.latency.median_ms <= found.latency.p90_ms
    assert (found.latency.num_threads, found.num_ops) == (1, 3)
    assert 0 < found.peak_memory_bytes < 100e6
    assert found.outputs["out"].shape == (len(cnn.data.test), 5)


def test_checks_read_one_copy_of_the_inputs(cnn, monkeypatch):
    read = []

    def observed(job, spool, *others):
        read.append(spool)
        return worker.Seen("it was not started")

    monkeypatch.setattr(worker, "observe", observed)
    for kind in CHECKS:
        kind().run(cnn.artifact, cnn.data, cnn.keras)
    assert len(read) == len(CHECKS) and all(each is read[0] for each in read)


def test_names_and_contract():
    assert [kind().name for kind in CHECKS] == ["cpu-xnnpack", "cpu-builtin", "cpu-reference", "cpu-compiled"]
    assert all(isinstance(kind(), Check) for kind in CHECKS)
    assert dataclasses.asdict(CpuXnnpack()) == {"num_threads": 1, "time_limit_s": 600.0}


def test_accuracy_of_int8_equals_a_plain_loop(cnn_int8):
    data = cnn_int8.data
    runtime = runtimes.CpuRuntime(cnn_int8.artifact.path, "builtin")
    right = 0
    for image, label in zip(data.test.inputs, data.test.targets, strict=True):
        tensor = (image.astype("int16") - 128).astype("int8")[None]  # scale 1/255, zero point -128
        right += int(runtime.run([tensor])[0].argmax() == label)
    found = CpuBuiltin().run(cnn_int8.artifact, data, {})
    assert found.metrics["accuracy"] == right / len(data.test)
    assert (found.status, found.reason) == ("not run", "there is no other run to compare its outputs with")


def test_xnnpack_tells_how_many_operations_it_took(gathering):
    found = CpuXnnpack().run(gathering.artifact, gathering.data, {})
    builtin = CpuBuiltin().run(gathering.artifact, gathering.data, {})
    assert 0 < found.num_delegated_ops < found.num_ops  # GATHER stays
    assert (builtin.num_delegated_ops, builtin.num_ops) == (0, found.num_ops)


@pytest.mark.parametrize("kind", CHECKS)
def test_a_truncated_file_fails_with_a_clear_reason(kind, truncated, cnn):
    found = kind().run(truncated, cnn.data, {})
    assert found.status == "fail"
    assert "not a valid Flatbuffer" in found.reason
    assert not found.metrics


@pytest.mark.parametrize("kind", CHECKS)
def test_a_loop_is_the_model_in_every_call(kind, looping):
    found = kind().run(looping.artifact, looping.data, looping.keras)
    assert (found.status, found.reason) == ("pass", "")
    assert found.agreement["keras"]["out"].sqnr_db > 100


@pytest.mark.parametrize("kind", INTERPRETED)
def test_a_file_that_keeps_state_passes_for_none(kind, recurrent):
    """Its outputs are compared with the file's own, which would agree: only a second call tells."""
    impostor = dataclasses.replace(recurrent.artifact, needs_reset=False)
    own = recurrent.observe(kind.kernels, resets=False).outputs[0]
    found = kind().run(impostor, recurrent.data, {"itself": {"out": own}})
    assert found.status == "fail"
    assert found.reason.startswith("it keeps state from call to call: examples that were run again, in another order,")


@pytest.mark.parametrize("kind", INTERPRETED)
def test_a_file_that_needs_a_reset_is_reset_and_the_finding_says_so(kind, recurrent):
    found = kind().run(recurrent.artifact, recurrent.data, recurrent.keras)
    assert (found.status, found.device) == ("pass", f"CPU, {kind.kernels} kernels, variables reset before each call")


def test_what_compiled_model_refuses_is_a_finding_with_the_reason(recurrent):
    found = CpuCompiledModel().run(recurrent.artifact, recurrent.data, recurrent.keras)
    assert found.status == "fail" and "Variable tensors not yet supported" in found.reason
    assert found.refusals == (Refusal("Variable tensors", "not yet supported"),)


def test_a_missing_file_fails_with_its_name(cnn, tmp_path):
    missing = dataclasses.replace(cnn.artifact, path=tmp_path / "gone.tflite")
    found = CpuBuiltin().run(missing, cnn.data, {})
    assert found.status == "fail"
    assert "gone.tflite" in found.reason


def test_too_slow_fails_and_says_so(cnn):
    found = CpuReference(time_limit_s=0.01).run(cnn.artifact, cnn.data, {})
    assert found.status == "fail"
    assert "did not finish within 0.01 s" in found.reason


def test_other_outputs_fail(cnn):
    found = CpuBuiltin().run(cnn.artifact, cnn.data, {"keras": {"out": -cnn.keras_outputs}})
    assert found.status == "fail"
    assert "0.0% top-1 agreement with keras, below 90.0%; -6.9 dB SQNR against keras, below 40 dB" in found.reason
    assert found.metrics  # the figures are there all the same


def test_a_regressor_of_other_weights_fails_though_its_outputs_look_alike(cnn):
    """Against outputs around one mean: without taking it off, the two agree at 33 dB and more."""
    outputs = 50 + cnn.keras_outputs
    seen = judge.Seen(output_names=("out",), outputs=(50 + np.roll(cnn.keras_outputs, 1, axis=0),))
    task = tfc.Regression().bind(cnn.artifact.outputs)
    task = dataclasses.replace(task, metrics=())
    found = judge.finding("cpu", seen, cnn.artifact, cnn.data, task, {"keras": {"out": outputs}}, "CPU")
    assert found.status == "fail" and "dB SQNR against keras, below 40 dB" in found.reason


def test_outputs_that_never_change_are_not_judged(cnn):
    same = np.ones_like(cnn.keras_outputs)
    seen = judge.Seen(output_names=("out",), outputs=(same + 1e-7,))
    task = tfc.Classification().bind(cnn.artifact.outputs)
    found = judge.finding("cpu", seen, cnn.artifact, cnn.data, task, {"keras": {"out": same}}, "CPU")
    assert (found.status, found.reason) == (
        "not run",
        "the outputs of out are the same for every example: nothing tells models apart",
    )


def test_numbers_that_are_none_fail(cnn):
    outputs = cnn.keras_outputs.copy()
    outputs[3, 0] = np.nan
    seen = judge.Seen(output_names=("out",), outputs=(outputs,))
    task = tfc.Classification().bind(cnn.artifact.outputs)
    found = judge.finding("cpu-builtin", seen, cnn.artifact, cnn.data, task, {}, "CPU")
    assert (found.status, found.reason) == (
        "fail",
        f"1 of {len(outputs)} examples have an output that is not a finite number",
    )


def test_without_a_task_nothing_is_judged(cnn):
    with pytest.raises(InvalidValue, match=r"CpuBuiltin.run must know what the file's outputs mean. Received: no task"):
        CpuBuiltin().run(cnn.artifact, tfc.dataset(cnn.data.test, cnn.data.test), cnn.keras)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_threads": 0}, "CpuXnnpack.num_threads must be 1 or more. Received: 0."),
        ({"time_limit_s": 0}, "CpuXnnpack.time_limit_s must be above 0 seconds. Received: 0."),
    ],
)
def test_a_bad_setting_is_named(settings, message):
    with pytest.raises(InvalidValue, match=message):
        CpuXnnpack(**settings)
