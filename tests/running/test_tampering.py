"""Every file of a run of the command, damaged in every way: `verify` names it, and the same command mends it."""

import json
import shutil

import pytest

from tfcompress.cli.verify import main as verify

pytestmark = pytest.mark.slow
RECIPE = '''"""Digits, made as short as a run can be that has everything."""
from functools import partial
import tfcompress as tfc

def recipe(settings):
    data = tfc.Digits(num_examples=160)
    fit = tfc.KerasFit(data, epochs=1, batch_size=32)
    stages = (
        tfc.Stage("baseline", tfc.Train(), fit, start=partial(tfc.simple_cnn, input_shape=data.input_shape)),
        tfc.Stage("quantized", tfc.QuantizeAware(), fit),
    )
    return tfc.Recipe(data, stages, {"quantized": (tfc.Int8(),)}, (tfc.CpuXnnpack(),), seed=settings.seed)
'''
MADE = (".keras", ".npy", ".tflite")


def deleted(content, other):
    return None


def truncated(content, other):
    return content[: len(content) // 2]


def flipped(content, other):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def of_another_run(content, other):
    return other


def of_another_shape(content, other):
    return json.dumps({"files": [], "stages": 3, "findings": None}).encode()


DAMAGES = (deleted, truncated, flipped, of_another_run, of_another_shape)


@pytest.fixture(scope="module")
def command(tmp_path_factory, recipe_command):
    """Runs the command in a folder: gives what `subprocess.run` does."""
    recipe = tmp_path_factory.mktemp("recipe") / "short.py"
    recipe.write_text(RECIPE)
    return lambda folder, *more: recipe_command(recipe, "--out", "run", *more, cwd=folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, command):
    """A finished run, and one of another seed."""
    found = []
    for seed in ("0", "1"):
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        done = command(folder, "--seed", seed)
        assert done.returncode in (0, 60), done.stderr
        found.append(folder / "run")
    return found


def files(root):
    """What a run wrote, without what other commands and TensorFlow say."""
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and "earlier" not in path.parts and path.name not in ("run.log", ".lock")
    )


def made(root):
    return {name: (root / name).read_bytes() for name in files(root) if name.endswith(MADE)}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_is_named_and_mended(damage, runs, command, tmp_path, capsys):
    whole, other = runs
    names = files(whole)
    assert {"report.html", "card.md", "manifest.json", "1-baseline/model.keras"} <= set(names)
    expected, mended, same = made(whole), 0, []
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        root = shutil.copytree(whole, folder / "run")
        content = damage((whole / name).read_bytes(), (other / name).read_bytes() if (other / name).exists() else b"")
        if content == (whole / name).read_bytes():
            same.append(name)  # the other run has the same bytes there
            continue
        (root / name).unlink()
        if content is not None:
            (root / name).write_bytes(content)
        capsys.readouterr()
        assert verify([str(root)]) == 33, name
        # Another run's manifest names every file of another content but its own.
        assert damage is of_another_run and name == "manifest.json" or name in capsys.readouterr().out
        done = command(folder, "--seed", "0")
        assert done.returncode in (0, 60), (name, done.stderr)
        assert "Traceback" not in done.stderr, name
        assert verify([str(root)]) == 0, name
        assert made(root) == expected, name
        mended += 1
        shutil.rmtree(folder)
    print(f"{damage.__name__}: {mended} of {len(names)} files named and mended; the same in both runs: {same}")
    assert mended + len(same) == len(names)
    assert set(same) <= {"examples/inputs-0.npy"}
