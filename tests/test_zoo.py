"""The zoo's table: each row's command is one, and what did not run is in it as such."""

import importlib
import json
from pathlib import Path

import pytest

import tfcompress as tfc
from tfcompress.cli import recipe_file

ROOT = Path(__file__).parent.parent


@pytest.fixture
def zoo(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("zoo")


def test_each_rows_command_is_one(zoo):
    for row in zoo.ROWS:
        _, recipe, *settings = zoo.command_of(row, Path("/data"))
        file = recipe_file.load(str(ROOT / recipe) if recipe.endswith(".py") else recipe)
        assert settings[::2] == ["--set"] * (len(settings) // 2)
        given = dict(each.split("=", 1) for each in settings[1::2])
        assert not any(name in place for place in given.values() for name in ("DATA", "MODELS"))
        file.settings(given)


def test_a_row_without_its_data_is_not_run_and_says_why(zoo, tmp_path):
    options = type("Options", (), {"data_dir": tmp_path / "nowhere", "out": tmp_path, "smoke": True})
    assert zoo.run("vww", options)
    (line,) = zoo.lines_of("vww", tmp_path)
    assert line[4].startswith("not run: ") and "mobilenet_vww.h5 is not there" in line[4]
    assert len(line) == len(zoo.HEADS)


def test_no_metric_is_told_of_inputs_that_are_not_its_own(zoo, tmp_path):
    folder = tmp_path / "vww"
    folder.mkdir()
    kinds = [{"name": "accuracy", "unit": "%", "higher_is_better": True}]
    stage = {"name": "original", "start": "partial()", "num_examples": 64, "metrics": {"accuracy": 1.0}}
    stage |= {"metric_kinds": kinds, "outputs": ["out"], "measurement": {"num_parameters": 9}}
    file = {"stage": "original", "mode": "int8", "raw_bytes": 1000, "zipped_bytes": 900}
    finding = {"check": "gpu", "status": "fail", "metrics": {"accuracy": 1.0}, "latency": None}
    finding["refusals"] = [{"op": "X"}]
    report = {"data": "own data", "stages": [stage], "files": [{**file, "findings": {"1": finding}}]}
    (folder / "report.json").write_text(json.dumps(report))
    (line,) = zoo.lines_of("vww", tmp_path)
    assert "100.00%" not in " ".join(line) and line[1] == "images of CIFAR-10, enlarged" and line[-1] == "X"
    (of_data,) = (folder.rename(tmp_path / "resnet8"), zoo.lines_of("resnet8", tmp_path))[1]
    assert "100.00%" in of_data


def test_a_model_that_there_is_not_is_told():
    file = recipe_file.load(str(ROOT / "benchmarks" / "zoo_models.py"))
    with pytest.raises(tfc.InvalidValue, match="model must be one of resnet8_cifar10, .* Received: 'lenet'"):
        file.settings({"model": "lenet"})
