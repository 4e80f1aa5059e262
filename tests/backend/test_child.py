"""Limits of a child, and its end with its parent."""

import os
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
def test_every_child_has_nine_tenths_of_the_machines_memory(tmp_path):
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 9 // 10
    code = "import resource, time; time.sleep(0.2)\nprint(*resource.getrlimit(resource.RLIMIT_DATA))"
    soft, hard = run_limited([sys.executable, "-c", code], 60, tmp_path).log.split()
    assert 0 < int(soft) <= most
    below = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, {hard}))\n"  # as with ulimit -d
    ours = "from tfcompress.backend.child import limit_data\nlimit_data(0)\n"
    for before, expected in (("", soft), (below, str(1 << 30))):
        done = subprocess.run([sys.executable, "-c", before + ours + code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [expected, hard]


@ON_LINUX
def test_a_child_has_a_limit_of_cpu_time(tmp_path):
    command = [sys.executable, "-c", "import resource, time; time.sleep(0.2)\n"
               "print(resource.getrlimit(resource.RLIMIT_CPU)[0])"]  # fmt: skip
    assert 60 < int(run_limited(command, 60, tmp_path).log) < 1e5


SELF = "from tfcompress.backend.child import die_with_parent; die_with_parent();"
READY = "import time; print('ready', flush=True); time.sleep(600)"


@ON_LINUX
@pytest.mark.parametrize(
    "more", [("-c", SELF + READY), ("-m", "tfcompress.backend.child", sys.executable, "-c", READY)]
)
def test_a_child_dies_with_its_parent(more):
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, *{more!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\nchild.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        status = Path(f"/proc/{int(parent.stdout.readline())}/status")
        assert status.exists()
        parent.kill()
        deadline = time.monotonic() + 10
        while not has_ended(status):
            assert time.monotonic() < deadline
            time.sleep(0.02)


BUSY = "ctypes.PyDLL(None).sleep(600)"  # in native code, with Python's lock


@ON_LINUX
def test_a_child_in_native_code_ends_with_its_stdin_though_its_thread_ended_before():
    ours = "import ctypes; from tfcompress.backend.child import end_with_stdin; end_with_stdin()\n"
    child = f"{ours}print(1, flush=True); {BUSY}"
    code = (
        "import subprocess, sys, threading, time\n"
        "def start():\n"
        f"    child = subprocess.Popen([sys.executable, '-c', {child!r}], stdin=-1, stdout=-1)\n"
        "    child.stdout.readline()\n    print(child.pid, flush=True)\n    kept.append(child)\n"
        "kept = []\nthread = threading.Thread(target=start)\nthread.start()\nthread.join()\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        status = Path(f"/proc/{int(parent.stdout.readline())}/status")
        time.sleep(0.7)  # the thread that started it has ended; it looks each half second
        assert not has_ended(status)
        parent.kill()
        deadline = time.monotonic() + 10
        while not has_ended(status):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def has_ended(status):
    return not status.exists() or "Z (zombie)" in status.read_text()


@ON_LINUX
def test_a_limit_of_cpu_time_is_that_of_each_job_and_never_above_what_was_given():
    code = (
        "import os, resource, time\nfrom tfcompress.backend.child import cpu_time_limit, limit_cpu_time\n"
        "given = cpu_time_limit()\nlimit_cpu_time(60, given)\nfirst = cpu_time_limit()\n"
        "while time.process_time() < 1.5: pass\n"
        "limit_cpu_time(60, given)\nprint(first / os.cpu_count(), cpu_time_limit() - first)\n"
        "limit_cpu_time(60, 40)\nprint(cpu_time_limit())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, more, given = map(float, done.stdout.split())
    assert 90 <= first < 92 and more in (1, 2) and given == 40
