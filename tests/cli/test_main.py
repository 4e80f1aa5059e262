"""The command `tfcompress` as it is installed, in a process of its own, in which TensorFlow must not be needed."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfcompress
from tfcompress.cli.main import COMMANDS

COMMAND = Path(sys.executable).with_name("tfcompress")


@pytest.fixture
def run(tmp_path):
    """Runs the installed command in an empty folder, with a TensorFlow that cannot be imported."""
    for package in ("tensorflow", "tf_keras"):
        poison = tmp_path / "poison" / package
        poison.mkdir(parents=True)
        (poison / "__init__.py").write_text("raise SystemExit(f'{__name__} was imported')")
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "poison")}

    def command(*arguments):
        options = {"capture_output": True, "text": True, "env": environment, "timeout": 60}
        return subprocess.run([COMMAND, *arguments], cwd=tmp_path / "work", **options)

    return command


def test_help_names_every_command_with_examples_and_exit_codes(run):
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: tfcompress ")
    for name, (summary, _) in COMMANDS.items():
        assert f"\n  {name:<9}{summary}\n" in done.stdout
        assert f"\n  tfcompress {name} " in done.stdout
    assert "exit codes: 0 all is well; 2 command line;" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_version(run):
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"tfcompress {tfcompress.__version__}\n")


def test_without_a_command_the_help_goes_to_stderr_and_is_an_error(run):
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: tfcompress ")


@pytest.mark.parametrize(
    ("name", "hint"), [("recpie", "Did you mean recipe?"), ("inspekt", "Did you mean inspect?"), ("x", "Use one of ")]
)
def test_an_unknown_command_is_one_line_with_the_nearest_or_all(run, name, hint):
    done = run(name)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"tfcompress: There is no command '{name}'. {hint}")


def test_an_unknown_option_is_an_error_of_usage(run):
    done = run("--bogus")
    assert (done.returncode, "unrecognized arguments: --bogus" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_speaks_of_the_command_that_was_typed(run, name):
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: tfcompress {name} ")
    assert f"\n  tfcompress {name} " in done.stdout.partition("examples:")[2]
    assert "python -m" not in done.stdout


def test_a_command_gets_the_rest_of_the_line_and_gives_its_exit_code(run):
    done = run("recipe", "digits", "--set", "final_sparsity=1.5")
    assert (done.returncode, done.stderr.count("\n")) == (12, 1)
    assert "must be in [0, 1). Received: 1.5." in done.stderr
    done = run("recipe", "digits", "--plan")
    assert (done.returncode, "1. baseline" in done.stdout) == (0, True), done.stderr
    done = run("inspect", "none.tflite")
    assert (done.returncode, "There is none of this name" in done.stderr) == (43, True)


def test_a_file_in_the_current_folder_is_not_imported(run, tmp_path):
    (tmp_path / "work" / "argparse.py").write_text("raise SystemExit('it ran')")
    assert run("recipe", "--help").returncode == 0


# tfcompress.compress is a function, and tfcompress.export the room of the exporters.
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("compress", "export")])
def test_python_m_is_the_same_command(name):
    door = importlib.import_module(f"tfcompress.{name}")
    assert door.main is importlib.import_module(COMMANDS[name][1]).main
