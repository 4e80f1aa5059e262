"""The command `tfcompress compress`: a job of the user's own, and a model's file with examples in .npz files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.cli.compress import _asked, _parser, main
from tfcompress.running.finished import note_asked
from tfcompress.running.store import Store

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
SAME = ["my.keras", "--train", "train.npz", "--test", "test.npz"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5)).astype("float32")
Y = (X[:, :1] + X[:, 1:2] ** 2).astype("float32")
JOB = """
import numpy as np
import tf_keras as keras
import tfcompress as tfc

def model():
    keras.utils.set_random_seed(0)  # that it is no dead one
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])

def train_data():
    return "train.npz"

def test_data():
    return "test.npz"

def task():
    return tfc.Regression()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with job.py, train.npz, test.npz and my.keras, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.py").write_text(JOB)
    np.savez(tmp_path / "train.npz", x=X[:160], y=Y[:160])
    np.savez(tmp_path / "test.npz", x=X[160:], y=Y[160:])
    return tmp_path


def test_a_job_ends_with_files_and_a_report(folder, capsys):
    assert main(["job.py", "--sparsity", "0.5", "--distil", "--out", "small"]) == 0
    said = capsys.readouterr()
    assert "Verdict: pass. Report: small/report.html" in said.out
    names = [path.name for path in (folder / "small" / "tflite").iterdir()]
    assert sorted(names) == [
        "job-original-float32.tflite",
        "job-prune_low_magnitude-float32.tflite",
        "job-prune_low_magnitude-int8.tflite",
    ]
    assert (
        "Made by `tfcompress compress job.py --sparsity 0.5 --distil --out small`"
        in (folder / "small" / "report.md").read_text()
    )


def test_a_file_that_loses_more_than_it_may_fails(folder, capsys):
    (folder / "job.py").write_text(JOB.replace("return tfc.Regression()", "return tfc.Regression(max_drop=1000)"))
    arguments = ["job.py", "--sparsity", "0.5", "--learning-rate", "1", "--out", "small", "--max-drop", "0%"]
    assert main(arguments) == 60
    said = capsys.readouterr()
    assert re.search(r"Fails: tflite/job-prune_low_magnitude-int8.tflite: MAE .* than max_drop=0% allows", said.out)


def test_a_finished_run_of_a_compiled_model_answers_without_tensorflow(folder, capsys, monkeypatch):
    model = keras.Sequential([keras.Input((5,), name="x"), keras.layers.Dense(1, name="y")])
    model.compile("adam", "mae")
    model.save("my.keras")
    assert main(["my.keras", "--train", "train.npz", "--test", "test.npz"]) == 0
    assert "MAE" in capsys.readouterr().out
    assert (folder / "saved_models" / "my" / "tflite" / "my-original-int8.tflite").exists()
    assert again(folder) == "0"
    assert is_work(monkeypatch, "--seed", "1")
    assert not is_work(monkeypatch, "--quiet")
    note_asked(Store(folder / "saved_models" / "my"), "my", None)  # as a run by tfc.compress in that folder does
    assert is_work(monkeypatch)


def test_other_examples_are_another_question(folder):
    tfc.save_model(keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), "my.keras")
    options = _parser("x").parse_args(SAME)
    before = _asked(options)
    assert before == _asked(options) and before is not None
    np.savez("test.npz", x=X[150:], y=Y[150:])
    assert _asked(options) not in (before, None)
    assert _asked(_parser("x").parse_args(["job.py"])) is None
    assert _asked(_parser("x").parse_args([*SAME, "--custom", "layers.py"])) is None


def is_work(monkeypatch, *options):
    """Whether the same command with these options does not come back with the report that is there."""

    def work(*args, **settings):
        raise Work

    monkeypatch.setattr("tfcompress.cli.compress.compress", work)
    try:
        return main([*SAME, *options, "--debug"]) != 0
    except Work:
        return True


class Work(Exception):
    pass


AGAIN = """
import sys
from tfcompress.cli.compress import main
code = main(["my.keras", "--train", "train.npz", "--test", "test.npz"])
print(code, *("tensorflow",) if "tensorflow" in sys.modules else ())
"""


def again(folder):
    """The last line of the same command in a process of its own: its exit code, and whether TensorFlow was imported."""
    done = subprocess.run([sys.executable, "-c", AGAIN], capture_output=True, text=True, cwd=folder, env=ENVIRONMENT)
    assert "Verdict: pass" in done.stdout, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("0")
    return last


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["nowhere.py"], 43, "JOB must be a Python file, or a model. Received: nowhere.py"),
        (["job.py", "--train", "train.npz"], 2, "--train is for a model's file"),
        (["my.keras"], 2, "my.keras is a model, and needs --train and --test"),
        (["my.keras", "--train", "gone.npz", "--test", "test.npz"], 20, "gone.npz"),
        (["my.keras", "--train", "train.npz", "--test", "test.npz"], 12, "compress.task must say"),
        (["empty.py"], 13, "must have model()"),
        (["broken.py"], 13, "model() of .*broken.py ended in an error: ValueError: no"),
        (["job.py", "--prune-channels", "1.5"], 12, "PruneChannels.pruning_ratio must be in"),
    ],
)
def test_what_is_wrong_is_one_line_and_an_exit_code(folder, capsys, arguments, code, line):
    (folder / "empty.py").write_text("")
    (folder / "broken.py").write_text("def model():\n    raise ValueError('no')\n")
    if arguments[0] == "my.keras":
        tfc.save_model(keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), "my.keras")
    assert main(arguments) == code
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("tfcompress: ")
    assert re.search(line.replace("(", r"\(").replace(")", r"\)"), said), said


def test_without_a_job_it_shows_its_help(capsys):
    assert main([]) == 2
    assert "--quantize-aware" in capsys.readouterr().err
