"""The benchmark of nine tasks: how much code a row takes of a user, what its table says, and two rows as they run."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "tasks_rows"
DATA = ROOT.parent / "shared" / "data"
MOST_LINES = 15


@pytest.fixture
def module(monkeypatch):
    """Imports a module of benchmarks/."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


def rows():
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    return next(ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))


def user_code(row):
    """The lines between a row's two marks that are not empty."""
    text = (FOLDER / f"{row}.py").read_text(encoding="utf-8")
    assert text.count("# user code\n") == text.count("# end of user code\n") == 1
    code = text.partition("# user code\n")[2].partition("# end of user code\n")[0]
    return [line for line in code.splitlines() if line.strip()]


@pytest.mark.parametrize("row", rows())
def test_a_row_takes_few_lines_of_a_user(row):
    lines = user_code(row)
    assert 0 < len(lines) <= MOST_LINES
    assert "tfc.compress(" in "".join(lines)
    function = next(
        node
        for node in ast.parse((FOLDER / f"{row}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "compress"
    )
    marks = 2
    assert (
        function.end_lineno - function.body[0].end_lineno == len(lines) + marks - 1
    )  # nothing of it outside the marks


def test_nine_rows_have_a_file_each():
    assert len(rows()) == 9
    assert all((FOLDER / f"{row}.py").is_file() for row in rows())


def step_found(value, modes=("int8",), **more):
    """A step's figures, as a run writes them."""
    metric = {"name": "accuracy", "unit": "%", "higher_is_better": True}
    files = [
        {
            "mode": mode,
            "stage": "stage",
            "bytes": 1000,
            "zipped": 900,
            "metrics": {"accuracy": value},
            "checks": {"cpu-xnnpack": "pass"},
            "reasons": {},
        }
        for mode in modes
    ]
    told = {"verdict": "pass", "metrics": [metric], "float": {"accuracy": 0.9}, "parameters": 10}
    return {**told, "files": files, **more}


@pytest.fixture
def found():
    every = ("float32", "float16", "dynamic_range", "int8")
    steps = {name: step_found(0.9) for name in ("pruned", "channels", "aware", "distilled")}
    return {"task": "a task", "data": "data", "after training": step_found(0.9, every), **steps}


def test_the_table_shows_a_fault_and_not_a_gap(module, found):
    tasks = module("tasks")
    assert not tasks.bad(found)
    found["aware"] = {"fault": "UnsupportedModel: no such layer"}
    page = tasks.table({"row": found})
    assert "| 90.00% | 90.00% | fault | 90.00% |" in page
    assert "- a task (aware): UnsupportedModel: no such layer" in page
    assert tasks.bad(found)


def test_the_table_says_where_int8_loses_more_than_two_in_a_hundred(module, found):
    tasks = module("tasks")
    found["after training"]["files"][-1]["metrics"]["accuracy"] = 0.87
    assert "- a task (after training int8): accuracy is 3.3% worse than the float model's" in tasks.table(
        {"row": found}
    )
    assert tasks.bad(found)


def test_the_table_says_where_a_technique_loses_much(module, found):
    tasks = module("tasks")
    found["pruned"]["files"][0]["metrics"]["accuracy"] = 0.45
    assert "- a task (pruned int8): accuracy is 50.0% worse than the float model's" in tasks.table({"row": found})


def test_the_table_names_the_checks_that_failed(module, found):
    file = found["pruned"]["files"][0]
    file["checks"] = {"cpu-xnnpack": "pass", "gpu": "fail"}
    file["reasons"] = {"gpu": "it refuses GATHER"}
    page = module("tasks").table({"row": found})
    assert "| gpu fail |" in page and "- a task (pruned int8): gpu: it refuses GATHER" in page


def test_a_process_that_dies_marks_its_step(module, tmp_path, monkeypatch):
    import argparse

    tasks = module("tasks")

    def dies(command, **_):
        waiting = [step for step in tasks.STEPS if not (tmp_path / "slots" / f"{step}.json").exists()]
        tasks.write(tmp_path / "slots" / "now.json", {"step": waiting[0]})
        return subprocess.CompletedProcess(command, -11)

    monkeypatch.setattr(tasks.subprocess, "run", dies)
    tasks.run_row("slots", argparse.Namespace(out=tmp_path, data_dir=tmp_path, smoke=True, quiet=True))
    told = json.loads((tmp_path / "slots" / "aware.json").read_text())
    assert told["fault"] == "it ended the Python that ran it (signal 11)"


def test_mean_average_precision(module):
    detection = module("tasks_rows.detection")
    cells = np.array([[20.0, 20.0, 60.0, 60.0], [100.0, 80.0, 140.0, 120.0], [200.0, 20.0, 215.0, 35.0]])
    made = [detection._targets(cells, np.array([0, 1, 2])) for _ in range(2)]
    targets = {"heatmap": np.stack([each[0] for each in made]), "box": np.stack([each[1] for each in made])}
    perfect = {"heatmap": targets["heatmap"], "box": targets["box"][..., :4]}
    assert detection.mean_average_precision(targets, perfect) == 1.0
    half = {name: values.copy() for name, values in perfect.items()}
    half["heatmap"][1] = 0  # the second image's cells are not found
    assert detection.mean_average_precision(targets, half) == 0.5
    small = {**perfect, "box": perfect["box"] - [0, 0, 1, 1]}  # every box a third as wide
    assert detection.mean_average_precision(targets, small) == 0.0


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there, which this reads")
def test_two_rows_run(tmp_path):
    """An autoencoder and a sigmoid, whole, on few examples."""
    script = ROOT / "benchmarks" / "tasks.py"
    command = [sys.executable, str(script), "--smoke", "--rows", "anomalies,sigmoid", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True)
    found = json.loads((tmp_path / "tasks_table.json").read_text())
    assert set(found) == {"anomalies", "sigmoid"}
    faults = [
        step["fault"] for row in found.values() for step in row.values() if isinstance(step, dict) and "fault" in step
    ]
    assert not faults, ended.stdout
    assert "| anomalies, autoencoder |" in (tmp_path / "tasks_table.md").read_text()
