"""Vela's estimates of real files, and its words for what the CPU is left with."""

import importlib.util

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidValue
from tfcompress.core.types import Check, Refusal
from tfcompress.delegates.boards import vela
from tfcompress.delegates.boards.vela import Vela, estimates_from

installed = pytest.mark.skipif(importlib.util.find_spec("ethosu") is None, reason="ethos-u-vela is not installed")


@installed
def test_an_int8_file_is_the_npus_and_its_figures_are_marked_as_estimates(cnn_int8):
    found = Vela().run(cnn_int8.artifact)
    assert (found.check, found.status, found.refusals) == ("vela-ethos-u55-128", "pass", ())
    assert found.num_delegated_ops == found.num_ops > 0
    assert found.device.startswith("estimated: ") and "bytes of SRAM" in found.device
    estimates = Vela().estimates(cnn_int8.artifact)
    assert 500 < estimates.cycles < 100_000
    assert 8 * 8 * 3 <= estimates.sram_bytes < 10_000  # the input, at least
    assert 3 * 3 * 3 * 4 + 6 * 6 * 4 * 5 <= estimates.flash_bytes < 10_000  # the kernels, at least


@installed
def test_a_float_file_is_left_to_the_cpu_by_name(cnn):
    found = Vela().run(cnn.artifact)
    assert found.status == "fail" and found.num_delegated_ops == 0
    assert {refusal.op for refusal in found.refusals} >= {"RESHAPE", "FULLY_CONNECTED"}
    assert all("unsupported DataType Float32" in refusal.reason for refusal in found.refusals)


@installed
def test_a_file_that_is_none_fails_with_its_reason(truncated):
    found = Vela().run(truncated)
    assert found.status == "fail" and found.reason.startswith("Vela ")


def test_without_the_package_it_is_not_run(cnn_int8, monkeypatch):
    monkeypatch.setattr(vela.importlib.util, "find_spec", lambda name: None)
    found = Vela().run(cnn_int8.artifact)
    assert (found.status, found.reason) == ("not run", "ethos-u-vela is not installed")
    assert found.fix == "Run: pip install 'tfcompress[npu]'"


def test_what_it_says_is_read_with_the_layer(lacking_two):
    log = (
        "Warning (supported operators) operator: POW, ofm: '{}'\nReason: Unsupported opType\n"
        "CPU operators = 3 (37.5%)\nNPU operators = 5 (62.5%)\n"
    )
    tensor = next(each.tensor for each in vela.operations_of(lacking_two.artifact.path) if each.op == "POW")
    figures = {"cycles_total": "1500", "inference_time": "0.002", "sram_memory_used": "1.5"}
    found = estimates_from(figures, log.format(tensor), lacking_two.artifact)
    assert found.cpu_operations == (Refusal("POW", "Unsupported opType (power)"),)
    assert (found.cycles, found.milliseconds, found.sram_bytes, found.flash_bytes) == (1500, 2.0, 1536, 0)
    assert found.num_operations == (5, 3)


def test_contract_and_settings():
    assert isinstance(Vela(), Check) and tfc.Vela is Vela
    with pytest.raises(InvalidValue, match="Vela.accelerator must be one of ethos-u55-32"):
        Vela("coral")
