"""The table of recurrent layers: cells of it, small by default, and all of it as it is written, slow."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEAST = {"float32": 100, "float16": 60, "dynamic range": 35, "int8": 20, "int16x8": 35}


@pytest.fixture
def recurrent(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("recurrent")


@pytest.fixture
def small(recurrent, monkeypatch):
    for name, value in {"STEPS": 5, "CHANNELS": 4, "UNITS": 8, "COMPARED": 8, "LATER": 12}.items():
        monkeypatch.setattr(recurrent, name, value)
    return recurrent


@pytest.mark.parametrize(("kind", "mode"), [("stateful LSTM", "float32"), ("masked GRU", "int8")])
def test_the_hundredth_call_is_as_good_as_the_first(small, kind, mode):
    found = small.cell(kind, mode, small.model_of(kind))
    assert min(found["first"], found["later"]) > LEAST[mode] and "reset" not in found


def test_the_fused_form_is_held_to_its_own_rule(small):
    found = small.cell("LSTM", "float32", small.model_of("LSTM"), "fused")
    assert found["reset"] > 100 > 60 > found["later"]


def test_the_page_says_what_there_is_not(small):
    page = small.table(["GRU"])
    assert "| GRU | " in page and page.count("| GRU |") == 2  # it has no fused form


@pytest.mark.slow
@pytest.mark.parametrize("mode", LEAST)
@pytest.mark.parametrize(
    "kind",
    ["GRU", "LSTM", "SimpleRNN", "Bidirectional LSTM", "stacked LSTM cells", "stateful LSTM", "masked LSTM"],
)
def test_every_cell(recurrent, kind, mode):
    found = recurrent.cell(kind, mode, recurrent.model_of(kind))
    assert min(found["first"], found["later"]) > LEAST[mode]
