"""The check for microcontrollers on real files: good ones, impostors, and what its interpreter does not take."""

import dataclasses
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue
from tfcompress.core.types import Check
from tfcompress.delegates import cpu, worker
from tfcompress.delegates.boards import microcontroller
from tfcompress.delegates.boards.microcontroller import Microcontroller

installed = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="tflite-micro is not installed")


def cpu_outputs(exported):
    return {"cpu": {"out": cpu.CpuReference().run(exported.artifact, exported.data, {}).outputs["out"]}}


@installed
def test_an_int8_file_gives_the_integers_of_the_cpu_and_its_arena_is_told(cnn_int8):
    found = Microcontroller().run(cnn_int8.artifact, cnn_int8.data, cpu_outputs(cnn_int8))
    assert (found.check, found.status, found.reason) == ("microcontroller", "pass", "")
    assert found.agreement["cpu"]["out"].largest_difference == 0
    assert found.num_examples == len(cnn_int8.data.test)
    assert 1_000 < found.arena_bytes < 10_000 and found.arena_bytes == found.peak_memory_bytes
    assert f"arena {found.arena_bytes:,} bytes" in found.device
    assert found.latency is None  # a board's is another


@installed
@pytest.mark.parametrize("name", ["cnn_int8", "recurrent"])
def test_less_than_the_arena_that_is_told_is_too_little(name, request):
    """In a process of its own: in too little memory the LSTM crashes, and the convolution gives an error."""
    path = request.getfixturevalue(name).artifact.path
    code = """import sys; from tfcompress.delegates.boards.micro_runtime import *
path = Path(sys.argv[1]); runtime = MicroRuntime(path); size = least_arena(path); print(size, flush=True)
x = [np.zeros(kind.shape, kind.dtype) for kind in runtime.inputs]
runtime.in_arena(size).run(x); print('enough', flush=True); runtime.in_arena(size - 16).run(x)"""
    end = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert end.returncode != 0 and end.stdout.split()[1:] == ["enough"]
    assert int(end.stdout.split()[0]) % 16 == 0


@installed
def test_a_fused_lstm_runs_when_it_is_reset(recurrent):
    found = Microcontroller().run(recurrent.artifact, recurrent.data, recurrent.keras)
    assert (found.status, found.reason) == ("pass", "")
    assert "variables reset before each call" in found.device


@installed
def test_a_fused_lstm_that_nobody_resets_keeps_state(recurrent):
    undeclared = dataclasses.replace(recurrent.artifact, needs_reset=False)
    found = Microcontroller().run(undeclared, recurrent.data, {"itself": recurrent.keras["keras"]})
    assert found.status == "fail" and "it keeps state from call to call" in found.reason


@installed
def test_a_call_that_does_not_end_is_named_with_the_loop(looping, monkeypatch):
    artifact = dataclasses.replace(looping.artifact, layers=("lstm_1",))
    dead = worker.Seen(failure="the child process crashed with SIGALRM (signal 14) while running it at batch 1")
    monkeypatch.setattr(worker, "observe", lambda *arguments: dead)
    found = Microcontroller(one_call_s=7).run(artifact, looping.data, looping.keras)
    assert found.status == "fail"
    assert found.reason.startswith("one call did not end within 7 s; it has loops: WHILE (")


@installed
def test_all_missing_operations_are_named_with_their_layers(lacking_two):
    found = Microcontroller().run(lacking_two.artifact, lacking_two.data, lacking_two.keras)
    assert found.status == "fail"
    assert found.reason == "it has no operation for ONE_HOT (hot), POW (power)"


@installed
@pytest.mark.parametrize("impostor", ["weights of zero", "another model", "swapped outputs"])
def test_an_impostor_fails(cnn, impostors, impostor):
    found = Microcontroller().run(impostors[impostor], cnn.data, cpu_outputs(cnn))
    assert found.status == "fail" and "against cpu, below" in found.reason


@installed
def test_a_truncated_file_fails_with_a_clear_reason(truncated, cnn):
    found = Microcontroller().run(truncated, cnn.data, {})
    assert found.status == "fail" and "not a valid Flatbuffer" in found.reason


def test_without_the_package_it_is_not_run_and_says_how_to_install_it(cnn_int8, monkeypatch):
    monkeypatch.setattr(microcontroller.importlib.util, "find_spec", lambda name: None)
    found = Microcontroller().run(cnn_int8.artifact, cnn_int8.data, {})
    assert (found.status, found.reason) == ("not run", "tflite-micro is not installed")
    assert found.fix == "Run: pip install 'tfcompress[mcu]'"


def test_contract_and_settings():
    assert isinstance(Microcontroller(), Check) and tfc.Microcontroller is Microcontroller
    with pytest.raises(InvalidValue, match="Microcontroller.one_call_s must be whole seconds"):
        Microcontroller(one_call_s=0)
    with pytest.raises(InvalidValue, match="Microcontroller.time_limit_s must be above 0"):
        Microcontroller(time_limit_s=0)


def test_the_arena_is_that_of_the_last_run():
    from tfcompress.delegates.boards.micro_runtime import recorded_arena

    assert recorded_arena("Arena allocation total 12 bytes\nArena allocation total 40 bytes") == 40
    assert recorded_arena("nothing") is None
    assert np.isscalar(recorded_arena("Arena allocation total 12 bytes"))
