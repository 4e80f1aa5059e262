"""The child process: what it sees, and how its deaths are told."""

import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tfcompress.backend import child
from tfcompress.core.examples.source import Split
from tfcompress.core.examples.spool import Spool
from tfcompress.delegates import batching, memory, runtimes, worker
from tfcompress.measuring.tensors import Encoder, TensorType, dequantize, quantize


def run_python(code, folder, time_limit_s=60.0):
    return child.run_limited([sys.executable, "-c", code], time_limit_s, folder)


def plain_loop(path, inputs):
    """The tutorials' loop: one example after the other in an interpreter without delegates."""
    runtime = runtimes.CpuRuntime(path, "builtin")
    (given,), (made,) = runtime.inputs, runtime.outputs
    return np.concatenate([dequantize(runtime.run([quantize(x[None], given)])[0], made) for x in inputs])


# --- deaths


def test_a_crash_is_told_with_its_signal_phase_and_last_words(tmp_path):
    code = (
        "import os, sys\n"
        "print('tfcompress-phase: loading the file', file=sys.stderr)\n"
        "print('ERROR: [kernel.cc:12] tensor 7 has no data', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), 11)"
    )
    assert run_python(code, tmp_path).death == (
        'crashed with SIGSEGV (signal 11) while loading the file; its last words: "tensor 7 has no data"'
    )


def test_sigkill_hints_at_memory(tmp_path):
    death = run_python("import os; os.kill(os.getpid(), 9)", tmp_path).death
    assert death == "was killed (out of memory?) by SIGKILL (signal 9)"


def test_a_python_error_is_told_by_its_last_line(tmp_path):
    death = run_python("raise LookupError('no such kernel')", tmp_path).death
    assert death == 'ended with exit code 1; its last words: "LookupError: no such kernel"'


def test_an_end_without_error_is_no_death(tmp_path):
    end = run_python("print('fine')", tmp_path)
    assert (end.death, end.log) == ("", "fine\n")


def test_a_timeout_kills_the_child_and_what_it_started(tmp_path):
    code = (
        "import pathlib, subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "pathlib.Path('pid').write_text(str(grandchild.pid))\n"
        "time.sleep(60)"
    )
    begin = time.monotonic()
    assert run_python(code, tmp_path, time_limit_s=1.5).death == "did not finish within 1.5 s"
    assert time.monotonic() - begin < 10
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_an_interrupted_parent_kills_the_child(tmp_path):
    code = (
        "import pathlib, sys\n"
        "from tfcompress.backend import child\n"
        "command = [sys.executable, '-c', 'import os, pathlib, time;"
        ' pathlib.Path("pid").write_text(str(os.getpid())); time.sleep(60)\']\n'
        f"child.run_limited(command, 60, pathlib.Path({str(tmp_path)!r}))"
    )
    root = str(Path(worker.__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.DEVNULL
    )
    pid_file = tmp_path / "pid"
    _wait(lambda: pid_file.exists() and pid_file.read_text())
    parent.send_signal(signal.SIGINT)
    parent.wait(10)
    _wait(lambda: _is_gone(int(pid_file.read_text())))


def _is_gone(pid):
    def gone():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return True
        return "State:\tZ" in status  # dead, and only waiting for someone to collect its exit code

    return _wait(gone)


def _wait(condition, limit_s=10.0):
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


# --- what the child sees


def test_the_child_does_not_import_tensorflow():
    code = "import sys, tfcompress.delegates.worker, tfcompress.delegates.batching; print('tensorflow' in sys.modules)"
    root = str(Path(worker.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin", "reference"])
@pytest.mark.parametrize("name", ["cnn", "cnn_int8", "reshaping"])
def test_batched_outputs_equal_one_by_one(name, kernels, request, tmp_path):
    exported = request.getfixturevalue(name)
    seen = exported.observe(kernels)
    assert seen.failure == ""
    assert seen.batch_size > 1
    runtime = runtimes.CpuRuntime(exported.artifact.path, kernels)
    examples = batching.Examples([exported.data.test.inputs], [Encoder(exported.data.scale, 0.0, runtime.inputs[0])])
    alone = batching.Outputs(tmp_path, runtime.outputs, len(examples))
    batching.run_all(lambda: runtime, 1, examples, alone, 1)
    tolerance = 0 if name == "cnn_int8" else 1e-6
    np.testing.assert_allclose(seen.outputs[0], alone.arrays[0], rtol=0, atol=tolerance)


def test_a_file_that_cannot_be_batched_runs_one_by_one_and_forgets_each_example(recurrent):
    seen = recurrent.observe("builtin")
    assert (seen.failure, seen.batch_size) == ("", 1)
    np.testing.assert_allclose(seen.outputs[0], recurrent.keras_outputs, atol=1e-5)


def test_outputs_equal_those_of_a_plain_loop(cnn_int8):
    data = cnn_int8.data
    seen = cnn_int8.observe("builtin")
    expected = plain_loop(cnn_int8.artifact.path, data.model_inputs(data.test.inputs))
    np.testing.assert_array_equal(seen.outputs[0], expected)


def test_a_shape_that_does_not_fit_is_told(cnn):
    other = Spool(Split(np.zeros((2, 9, 9, 3), "uint8")))
    seen = worker.observe(worker.Job(str(cnn.artifact.path), "builtin"), other, (), 60)
    assert seen.failure == "the file takes shape (1, 8, 8, 3), and one example of the data is (1, 9, 9, 3)"


def test_only_reshape_constants_change_in_the_batched_copy(reshaping):
    content = reshaping.artifact.path.read_bytes()
    changed = batching.with_batch(content, 64)
    different = [(old, new) for old, new in zip(content, changed, strict=True) if old != new]
    assert different == [(1, 64), (1, 64)]  # the two Reshape layers, and nothing else


def test_peak_memory_counts_what_is_touched_and_not_what_was_before():
    ballast = fresh_pages(2**25)  # 32 MiB, there before
    before = memory.start_of_peak()
    block = fresh_pages(2**24)  # 16 MiB
    risen = memory.peak_bytes() - before
    assert 2**24 <= risen + 2**20 < 2**25
    assert block[-1] == ballast[-1]


def fresh_pages(num_bytes):
    """Touched memory that was not resident before; the allocator may give pages again that tests before have freed."""
    pages = np.frombuffer(mmap.mmap(-1, num_bytes), "uint8")
    pages.fill(1)
    return pages


# --- quantize and dequantize, by hand

INT8 = TensorType(np.dtype("int8"), (1, 4), scale=1 / 255, zero_point=-128)
UINT8 = TensorType(np.dtype("uint8"), (1, 4), scale=0.25, zero_point=10)


def test_bytes_as_images_become_int8_by_subtracting_128():
    stored = np.array([[0, 1, 128, 255]], "uint8")
    np.testing.assert_array_equal(Encoder(1 / 255, 0.0, INT8)(stored), [[-128, -127, 0, 127]])


def test_quantize_rounds_and_clips():
    # 0.25 q + ...: -1 -> -4 + 10; 0.3 -> 1.2 -> 1 + 10; 0.4 -> 1.6 -> 2 + 10; 100 -> 400 + 10, above 255.
    np.testing.assert_array_equal(quantize(np.float32([-1, 0.3, 0.4, 100]), UINT8), [6, 11, 12, 255])


def test_dequantize_by_hand():
    # 0.25 (q - 10)
    np.testing.assert_array_equal(dequantize(np.uint8([6, 10, 11, 255]), UINT8), [-1, 0, 0.25, 61.25])


def test_stored_bytes_and_stored_numbers_are_encoded_alike():
    stored = np.arange(256, dtype="uint8").reshape(64, 4)
    for tensor in (INT8, UINT8, TensorType(np.dtype("float32"), (1, 4))):
        encode = Encoder(1 / 255, 0.0, tensor)
        np.testing.assert_array_equal(encode(stored), encode(stored.astype("float32")))


def test_token_numbers_pass_unchanged():
    tokens = np.array([[0, 2**24 + 1, -5]], "int32")  # 2^24 + 1 is no float32
    np.testing.assert_array_equal(Encoder(1.0, 0.0, TensorType(np.dtype("int32"), (1, 3)))(tokens), tokens)
