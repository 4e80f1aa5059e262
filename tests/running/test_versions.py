import json
import os
import platform

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend import threads
from tfcompress.backend.tensorflow import tf
from tfcompress.cli.main import main
from tfcompress.running import versions as machine


def test_versions_are_those_of_the_packages_that_run():
    found = machine.versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert found["tensorflow"] == tf.version.VERSION
    assert found["tfcompress"] == tfc.__version__
    assert set(found) == {"python", "tfcompress", *machine.PACKAGES}


def test_a_package_that_is_missing_is_said_to_be(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package"))
    assert machine.versions()["no-such-package"] == "not installed"


def test_the_machine_is_told_in_json():
    found = machine.machine()
    assert json.loads(json.dumps(found)) == found
    assert found["cpu"]
    assert platform.system() in found["system"] or platform.system() == "Darwin"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_only_cores_that_this_process_may_use_count():
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})
        assert machine.machine()["num_cores"] == 1
    finally:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize("command", ["recipe digits --plan", "search digits --plan", "compress nowhere.keras"])
def test_deterministic_is_one_thread_in_each_operation(command, monkeypatch, capsys):
    for name in (*threads.OF_SUMS, threads._ASKED):
        monkeypatch.setenv(name, "2")  # to be put back
    assert "threads_in_operation" not in machine.machine()
    main([*command.split(), "--deterministic"])
    assert machine.machine()["threads_in_operation"] == 1
