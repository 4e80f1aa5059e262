"""Limits of a child, and its end with its parent."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfcompress.backend.child import run_limited

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="limits of another process, and its parent's death: Linux"
)


@ON_LINUX
def test_a_child_that_wants_more_memory_than_it_may_have_fails(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(0.2); bytearray(1 << 30)"]
    assert "MemoryError" in run_limited(command, 60, tmp_path, memory_limit_bytes=512 << 20).death
    assert run_limited(command, 60, tmp_path).death == ""


@ON_LINUX
def test_a_child_has_a_limit_of_cpu_time(tmp_path):
    command = [sys.executable, "-c", "import resource, time; time.sleep(0.2)\n"
               "print(resource.getrlimit(resource.RLIMIT_CPU)[0])"]  # fmt: skip
    assert 60 < int(run_limited(command, 60, tmp_path).log) < 1e5


@ON_LINUX
def test_a_child_dies_with_its_parent():
    child = (
        "import time; from tfcompress.backend.child import die_with_parent;"
        "die_with_parent(); print('ready', flush=True); time.sleep(600)"
    )
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nchild.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        status = Path(f"/proc/{int(parent.stdout.readline())}/status")
        assert status.exists()
        parent.kill()
        deadline = time.monotonic() + 10
        while status.exists() and "Z (zombie)" not in status.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
