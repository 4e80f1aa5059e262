"""The table of microcontrollers and targets: a cell of each half, small."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    found = importlib.import_module("microcontroller")
    monkeypatch.setattr(found, "NUM_TEST", 64)
    return found


def test_an_autoencoder_gives_the_same_on_a_board(table, tmp_path):
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    num, same, _, status, arena, *_ = table.run_row(table.autoencoder, tmp_path, tmp_path)
    assert (num, status) == ("64", "pass") and float(same.partition("%")[0]) >= 99.5
    assert 100 < int(arena.replace(",", "")) < 10_000


def test_a_file_that_computes_in_float_is_refused_by_name(table, tmp_path):
    cpu, _, npu, mcu = table.taken_row(table.two_outputs(), tmp_path)
    assert cpu.startswith("accepted; cpu-xnnpack runs it")
    assert npu.startswith("refused: COS (angle): it computes in float") and mcu == npu


def test_what_is_not_there_is_said(table, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "RUN", {"ResNet-8": table.resnet8})
    monkeypatch.setattr(table, "TAKEN", {})
    assert "ResNet-8 was left out: " in table.page(tmp_path)
