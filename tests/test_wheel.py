"""What an installed wheel holds: every package, and the recipes, found from any folder."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel built from a copy of the sources, unpacked as pip would."""
    sources, folder = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("site")
    for name in ("tfcompress", "recipes", "saved_models", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(sources)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = folder.glob("*.whl")
    # In a virtual environment without a package beside it: where type checkers look for types that a package ships.
    venv.create(folder / "environment")
    (packages,) = (folder / "environment").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    return packages


def test_holds_every_module(unpacked):
    def modules(folder):
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}

    assert modules(unpacked / "tfcompress" / "recipes") == modules(ROOT / "recipes")
    installed = {path for path in modules(unpacked / "tfcompress") if not path.startswith("recipes/")}
    assert installed == modules(ROOT / "tfcompress")


def test_holds_the_trained_models_and_no_run_of_this_checkout(unpacked):
    held = {path.relative_to(unpacked / "tfcompress" / "saved_models").as_posix() for path in unpacked.rglob("*.tfcp")}
    assert held == {path.name for path in (ROOT / "saved_models").glob("*.tfcp")}
    assert {path.suffix for path in (unpacked / "tfcompress" / "saved_models").rglob("*.*")} == {".tfcp", ".json"}


def test_holds_what_a_page_is_made_of(unpacked):
    held = {path.name for path in (unpacked / "tfcompress" / "reporting" / "assets").iterdir()}
    assert held == {"page.css", "page.js", "plot.js.gz", "licenses.txt"}


def test_finds_its_recipes_from_another_folder(unpacked, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    where = [sys.executable, "-c", "import tfcompress; print(tfcompress.__file__)"]
    plan = [sys.executable, "-m", "tfcompress.recipe", "digits", "--plan"]
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": environment, "timeout": 60}
    assert subprocess.run(where, **options).stdout.startswith(str(unpacked))
    done = subprocess.run(plan, **options)
    assert done.returncode == 0, done.stderr
    assert "1. baseline" in done.stdout


def test_brings_its_types(unpacked, tmp_path):
    text = "import tfcompress as tfc\nreveal_type(tfc.PruneChannels(0.5))\nreveal_type(tfc.criteria.L1())\ntfc.Prun\n"
    (tmp_path / "mine.py").write_text(text)
    python = unpacked.parents[2] / "bin" / "python"
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), "--no-incremental", "mine.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()[:-1]] == [
        'note: Revealed type is "tfcompress.pruning.channels.PruneChannels"',
        'note: Revealed type is "tfcompress.pruning.channel_criteria.L1"',
        'error: Module has no attribute "Prun"  [attr-defined]',
    ]
