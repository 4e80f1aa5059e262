"""Models with a planted fault: the first sentence names it. Of healthy ones that look like them nothing is said."""

import importlib
import sys
from pathlib import Path

import pytest

import tfcompress as tfc

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def planted():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("advisor_models")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


NAMES = [
    *("two-sided outlier channel", "unequal depthwise ranges", "saturated calibration", "float island", "swish"),
    *("unbounded residual", "8x8 pooling", "huge embedding", "wrong input scale", "labels in another order"),
]


QUICK = ("two-sided outlier channel", "8x8 pooling", "huge embedding", "labels in another order")


def slow_but(quick, names):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in names]


def advised(case, tmp_path):
    path = tmp_path / "model.tflite"
    case.exporter.convert(case.model, case.data, path)
    return tfc.advise(case.model, case.data, path, mode=case.exporter.mode)


@pytest.mark.parametrize("name", slow_but(QUICK, NAMES))
def test_the_first_sentence_names_the_fault(planted, tmp_path, name):
    case = planted.case(name)
    first = advised(case, tmp_path)[0]
    assert first.cause == case.cause
    assert case.named in first.sentence
    assert first.follow


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_once_it_is_followed_the_fault_is_told_no_more(planted, tmp_path, name):
    case = planted.followed(planted.case(name))
    assert advised(case, tmp_path) == ()


HEALTHY = [
    *("plain", "a channel four times as large", "unequal ranges, a scale each", "dim and bright, all seen"),
    *("swish beside many MACs", "a residual of its own size", "an average with its own scale", "a small table"),
    "the right scale and order",
]


@pytest.mark.parametrize("name", slow_but(("plain", "the right scale and order"), HEALTHY))
def test_of_a_healthy_model_that_looks_like_it_nothing_is_said(planted, tmp_path, name):
    assert advised(planted.healthy(name), tmp_path) == ()


def test_the_names_are_those_of_all_cases(planted):
    assert list(planted.CASES) == NAMES and list(planted.HEALTHY) == HEALTHY


@pytest.mark.slow
def test_inspect_ends_with_it(planted, tmp_path, capsys):
    import json

    import numpy as np

    from tfcompress.cli.inspect import main

    case = planted.case("8x8 pooling")
    case.exporter.convert(case.model, case.data, tmp_path / "model.tflite")
    tfc.save_model(case.model, tmp_path / "model.keras")
    np.savez(tmp_path / "some.npz", inputs=case.data.test.batch(range(48))[0])
    files = [str(tmp_path / name) for name in ("model.keras", "model.tflite", "some.npz")]
    arguments = [files[0], "--against", files[1], "--data", files[2]]
    assert main(arguments) == 0
    assert "Advice: The average pooling 'pool'" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["advice"][0]["cause"] == "pooling"


def test_a_file_that_there_is_not_is_told(trained, digits):
    with pytest.raises(tfc.UnreadableModel, match="advise.file must be a .tflite. Received: none.tflite"):
        tfc.advise(trained, digits, "none.tflite")
