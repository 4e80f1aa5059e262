"""The GPU check: on a driver where there is one, and what it says where there is none."""

import pytest

from tfcompress.core.types import Check, Refusal
from tfcompress.delegates import driver, litert_log
from tfcompress.delegates.gpu import GpuDelegate, first_wrong


@pytest.fixture(scope="session")
def an_accelerator():
    obstacle = driver.obstacle()
    if obstacle:
        pytest.skip(f"GPU check not run: {obstacle[0]}")


@pytest.fixture(scope="session")
def a_driver(an_accelerator):
    if not driver.find_drivers():
        pytest.skip(f"GPU check not run: there is no Vulkan driver. {driver.INSTALL_COMMAND}")


@pytest.fixture
def no_system_driver(monkeypatch):
    monkeypatch.setattr(driver, "system_driver", lambda: None)
    monkeypatch.setattr(driver, "obstacle", lambda: None)


@pytest.mark.parametrize(("name", "tolerance"), [("cnn", 1e-5), ("cnn_int8", 0.1), ("reshaping", 1e-5)])
def test_the_gpu_answers_as_keras_does(a_driver, name, tolerance, request):
    exported = request.getfixturevalue(name)
    found = GpuDelegate().run(exported.artifact, exported.data, exported.keras)
    assert (found.status, found.reason) == ("pass", "")
    assert found.device
    assert found.agreement["keras"]["out"].largest_difference < tolerance
    assert found.num_delegated_ops == found.num_ops > 0
    assert found.num_examples == len(exported.data.test)
    assert (found.latency is None) == ("software" in found.device)  # a program's time says nothing about a GPU


def test_the_first_operation_that_departs_from_the_cpu_is_named_with_its_layer(a_driver, grouped):
    """LiteRT 2.3.0's GPU delegate computes grouped convolutions wrongly, and what is around them rightly."""
    found = GpuDelegate().run(grouped.artifact, grouped.data, grouped.keras)
    assert found.status == "fail" and "SQNR against keras, below 40 dB" in found.reason
    assert (
        "; the first operation that departs from the CPU's is CONV_2D of layer 'grouped' (operation 1):" in found.reason
    )
    assert found.reason.endswith(" dB")  # "after 130.1 dB"


def test_of_a_file_that_the_gpu_computes_rightly_no_operation_is_named(a_driver, cnn):
    assert first_wrong(cnn.artifact, cnn.data, 60) is None


def test_a_refused_operation_is_named_with_the_delegates_reason(a_driver, gathering):
    found = GpuDelegate().run(gathering.artifact, gathering.data, {})
    assert found.status == "fail"
    assert [refusal.op for refusal in found.refusals] == ["GATHER"]
    assert "1D indices" in found.refusals[0].reason
    assert found.reason == "the delegate takes 2 of 5 operations; it refuses GATHER: Only support 1D indices"
    assert 0 < found.num_delegated_ops < found.num_ops  # what depends on GATHER stays on the CPU with it


def test_a_file_the_delegate_cannot_load_fails_with_its_reason(a_driver, recurrent):
    found = GpuDelegate().run(recurrent.artifact, recurrent.data, {})
    assert found.status == "fail"
    assert "Variable tensors not yet supported" in found.reason
    assert found.refusals == (Refusal("Variable tensors", "not yet supported"),)  # no wrong outputs: the CPU runs it


def test_a_truncated_file_fails_and_does_not_crash(a_driver, truncated, cnn):
    found = GpuDelegate().run(truncated, cnn.data, {})
    assert found.status == "fail"
    assert "not a valid Flatbuffer" in found.reason
    assert not found.refusals


def test_an_empty_driver_folder_is_not_run_with_the_command_to_install(no_system_driver, monkeypatch, tmp_path, cnn):
    monkeypatch.setenv("TFCOMPRESS_SOFTWARE_GPU", str(tmp_path))
    found = GpuDelegate().run(cnn.artifact, cnn.data, {})
    assert (found.status, found.fix) == ("not run", driver.INSTALL_COMMAND)
    assert "there is no Vulkan driver" in found.reason
    assert not found.metrics


def test_a_driver_without_an_adapter_is_not_run(an_accelerator, monkeypatch, tmp_path, cnn):
    broken = driver.Driver("the broken driver", {"VK_ICD_FILENAMES": str(tmp_path / "none.json")})
    monkeypatch.setattr(driver, "find_drivers", lambda: [broken])
    found = GpuDelegate().run(cnn.artifact, cnn.data, {})
    assert (found.status, found.fix) == ("not run", driver.INSTALL_COMMAND)
    assert found.reason == "the broken driver offered no adapter that LiteRT takes"


def test_other_machines_are_not_run(monkeypatch, cnn):
    monkeypatch.setattr(driver.platform, "machine", lambda: "aarch64")
    found = GpuDelegate().run(cnn.artifact, cnn.data, {})
    assert found.status == "not run"
    assert "Linux x86_64 only" in found.reason


def test_a_litert_without_the_accelerator_is_not_run(monkeypatch, cnn):
    monkeypatch.setattr(driver, "ACCELERATOR_LIBRARY", "libNotThere.so")
    monkeypatch.setattr(driver.sys, "platform", "linux")
    monkeypatch.setattr(driver.platform, "machine", lambda: "x86_64")
    found = GpuDelegate().run(cnn.artifact, cnn.data, {})
    assert found.status == "not run"
    assert "holds no libNotThere.so" in found.reason


def test_the_software_folder_follows_the_environment():
    assert driver.software_folder({"TFCOMPRESS_SOFTWARE_GPU": "/a"}).as_posix() == "/a"
    assert driver.software_folder({"XDG_CACHE_HOME": "/c", "HOME": "/h"}).as_posix() == "/c/tfcompress/software_gpu"


def test_half_a_driver_is_no_driver(tmp_path):
    (tmp_path / "libvulkan.so.1").touch()
    assert driver.software_driver(tmp_path) is None


def test_all_refusals_are_read_once_each_and_in_order():
    # As ai_edge_litert 2.3.0 writes it, with a second line added.
    log = (
        "ERROR: Following operations are not supported by GPU delegate:\n"
        "GATHER: Only support 1D indices\nWHILE: Operation is not supported.\n"
        "2 operations will run on the GPU, and the remaining 3 operations will run on the CPU.\n"
    )
    assert litert_log.refusals(log) == (
        Refusal("GATHER", "Only support 1D indices"),
        Refusal("WHILE", "Operation is not supported."),
    )
    assert litert_log.operations_taken(log) == (2, 5)


def test_hardware_is_not_called_software():
    log = "Selected adapter: Some GPU, arch=x, vendor=y, backend=Vulkan, adapterType=Discrete GPU"
    assert litert_log.adapter(log) == "Some GPU, Vulkan"
    assert not litert_log.is_software(log)


def test_contract():
    assert isinstance(GpuDelegate(), Check)
