"""The command line as a user meets it: in a process of its own, in which TensorFlow must not be needed."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfcompress.running.store import Store

ROOT = Path(__file__).parent.parent
CLOSED = "http://127.0.0.1:9"  # the port "discard": nobody answers
RECIPE = '''"""Mine."""
import tfcompress as tfc

def recipe(settings):
    data = tfc.Digits(num_examples=settings.num_examples)
    start = tfc.Stage("only", tfc.Train(), tfc.KerasFit(data, epochs=settings.epochs), start=tfc.simple_cnn)
    return tfc.Recipe(data, (start,), {"only": (tfc.Float32(),)}, (tfc.CpuBuiltin(),), seed=settings.seed)
'''


@pytest.fixture
def run(tmp_path):
    """Runs the command in an empty folder, without network, with a TensorFlow that cannot be imported."""
    for package in ("tensorflow", "tf_keras"):
        poison = tmp_path / "poison" / package
        poison.mkdir(parents=True)
        (poison / "__init__.py").write_text("raise SystemExit(f'{__name__} was imported')")
    (tmp_path / "work").mkdir()
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), CLOSED)
    environment = {**os.environ, **proxies, "PYTHONPATH": f"{tmp_path / 'poison'}{os.pathsep}{ROOT}", "NO_COLOR": "1"}
    environment.pop("TFDS_DATA_DIR", None)

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tfcompress.recipe", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path / "work",
            env=environment,
            timeout=60,
        )

    return command


def assert_one_line(done, code, *words):
    """It failed with this exit code, and one line that holds these words."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tfcompress: ")
    for word in words:
        assert word in done.stderr


def test_help_tells_usage_examples_and_exit_codes(run):
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m tfcompress.recipe")
    assert "examples:" in done.stdout
    assert "exit codes:" in done.stdout


def test_help_of_a_recipe_tells_its_settings(run):
    done = run("digits", "--help")
    assert done.returncode == 0
    assert re.search(r"final_sparsity=0\.75 +share of zeros in", done.stdout)


def test_without_a_name_the_help_goes_to_stderr_and_is_an_error(run):
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage:" in done.stderr


def test_list_tells_every_recipe_in_a_line(run):
    done = run("--list")
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == sorted(path.stem for path in (ROOT / "recipes").glob("[a-z]*.py"))


def test_an_unknown_option_is_an_error_of_usage(run):
    assert run("digits", "--bogus").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["digit"], 10, ["no recipe and no file 'digit'", "Did you mean digits?"]),
        (["no/such/file.py"], 10, ["'no/such/file.py'"]),
        (["digits", "--set", "final_sparsty=0.5"], 11, ["digits has no setting 'final_sparsty'", "final_sparsity?"]),
        (["digits", "--set", "final_sparsity=high"], 12, ["final_sparsity must be a number", "'high'"]),
        (["digits", "--set", "final_sparsity=1.5"], 12, ["must be in [0, 1). Received: 1.5. Use 0.75"]),
        (["digits", "--epochs", "0"], 12, ["epochs must be at least 1. Received: 0."]),
        (["digits", "--epochs", "x"], 12, ["epochs must be a whole number"]),
        (["digits", "--set", "epochs"], 2, ["--set must be NAME=VALUE. Received: 'epochs'."]),
    ],
)
def test_a_mistake_is_told_in_one_line_and_its_exit_code(run, arguments, code, words):
    assert_one_line(run(*arguments), code, *words)


def test_an_empty_folder_is_no_folder(run):
    done = run("digits", "--out", "")
    assert (done.returncode, "--out: it is empty: name a folder" in done.stderr) == (2, True)


def test_a_folder_in_use_is_refused_at_once(run, tmp_path):
    store = Store(tmp_path / "work" / "used")
    store.open(command="the first one")
    assert_one_line(run("digits", "--out", "used"), 32, f"process {os.getpid()} on", ": the first one")


def test_a_file_with_a_syntax_error_is_told_in_one_line(run, tmp_path):
    (tmp_path / "mine.py").write_text("def recipe(settings:\n    pass\n")
    assert_one_line(run(tmp_path / "mine.py"), 13, "mine.py cannot be read as a recipe: SyntaxError")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("start=tfc.simple_cnn", "start=None", "The first stage's start must build a model."),
        ('{"only":', '{"other":', "Recipe.exports must name stages. Received: 'other'."),
        ("(start,)", "(start, start)", "Recipe.stages must have names of their own"),
        ("(start,)", "()", "Recipe.stages must have names of their own"),
    ],
)
def test_a_recipe_in_disorder_is_told_before_anything_runs(run, tmp_path, before, after, words):
    assert before in RECIPE
    (tmp_path / "mine.py").write_text(RECIPE.replace(before, after))
    assert_one_line(run(tmp_path / "mine.py"), 13, words)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_recipe_of_ones_own_is_planned_from_another_folder(run, tmp_path):
    (tmp_path / "mine.py").write_text(RECIPE)
    done = run(tmp_path / "mine.py", "--plan", "--smoke")
    assert done.returncode == 0, done.stderr
    # 256 examples in batches of 64, 2 epochs
    assert "mine on scikit-learn digits" in done.stdout
    assert "1. only" in done.stdout
    assert "trains  8 steps, KerasFit(" in done.stdout
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "epochs"),
    [
        ([], 10),
        (["--smoke"], 2),
        (["--epochs", "7"], 7),
        (["--smoke", "--epochs", "7"], 7),
        (["--epochs", "7", "--set", "epochs=5"], 5),
        (["--set", "epochs=5", "--set", "epochs = 6"], 6),
    ],
)
def test_the_more_particular_option_wins(run, tmp_path, arguments, epochs):
    (tmp_path / "mine.py").write_text(RECIPE)
    shown = run(tmp_path / "mine.py", "--plan", "--set", "num_examples=64", *arguments).stdout
    assert f"trains  {epochs} steps" in shown


def test_an_output_folder_that_cannot_be_made_is_told(run, tmp_path):
    (tmp_path / "file").write_text("x")
    done = run("digits", "--out", tmp_path / "file" / "run")
    assert_one_line(done, 30, f"{tmp_path}/file/run cannot be written", "with --out")


def test_missing_data_without_network_is_told_within_seconds(run, tmp_path):
    started = time.monotonic()
    done = run("cifar10", "--data-dir", tmp_path / "nowhere", "--smoke")
    assert time.monotonic() - started < 20
    assert done.returncode == 20, done.stderr
    assert done.stderr.splitlines()[-1].startswith("tfcompress: CIFAR-10 is not in ")
    assert str(tmp_path / "nowhere") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_extra_is_told_before_anything_is_trained(run, tmp_path):
    (tmp_path / "poison" / "sitecustomize.py").write_text("import sys\nsys.modules['sklearn'] = None\n")
    done = run("digits")
    assert done.returncode == 80
    assert done.stderr.splitlines()[-1] == (
        "tfcompress: Digits needs scikit-learn. Received: none. Run: pip install 'tfcompress[digits]'."
    )
    assert run("digits", "--plan").returncode == 0


@pytest.mark.parametrize("arguments", [["digit"], ["digits", "--set", "x=1"]])
def test_debug_shows_the_traceback(run, arguments):
    assert "Traceback" not in run(*arguments).stderr
    assert "Traceback (most recent call last)" in run(*arguments, "--debug").stderr


def test_an_error_that_is_none_of_ours_is_called_a_bug(run, tmp_path):
    broken = "\nclass Broken(tfc.Digits):\n    def require(self):\n        self.nothing\n"  # nothing expects that
    (tmp_path / "mine.py").write_text(RECIPE.replace("tfc.Digits", "Broken") + broken)
    done = run(tmp_path / "mine.py")
    assert done.returncode == 1
    assert re.search("tfcompress: AttributeError: .* .a bug; --debug shows where.$", done.stderr.strip())


def test_an_error_in_a_recipe_file_is_told_as_its_own(run, tmp_path):
    (tmp_path / "mine.py").write_text("def recipe(settings):\n    return [][0]\n")
    assert_one_line(run(tmp_path / "mine.py"), 13, "recipe() of mine", "IndexError: list index out of range")
