"""Every recipe that comes with tfcompress, all of it, on 256 real examples."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfcompress import recipe_file

HERE = Path(__file__).parent


def has_data(name):
    if "cifar10" not in name:
        return True
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    return any((folder / "cifar10").glob("*/dataset_info.json"))


@pytest.mark.parametrize("name", sorted(recipe_file.built_in()))
def test_smoke(name, tmp_path):
    if not has_data(name):
        pytest.skip(f"{name} not run: CIFAR-10 is not in TFDS_DATA_DIR ({os.environ.get('TFDS_DATA_DIR')})")
    command = [sys.executable, "-m", "tfcompress.recipe", name, "--smoke", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["verdict"] == "pass"
    statuses = {f["check"]: f["status"] for file in report["files"] for f in file["findings"].values()}
    assert [statuses[f"cpu-{kernels}"] for kernels in ("xnnpack", "builtin", "reference")] == ["pass"] * 3
    assert statuses["gpu"] in ("pass", "not run")
    assert any(verdict["kind"] == "sparsity" for file in report["files"] for verdict in file["verdicts"])
    markdown = (tmp_path / "run" / "report.md").read_text()
    assert markdown.index("| variant |") < markdown.index("## ") < markdown.index("## Promised and measured")
    for file in report["files"]:
        assert (tmp_path / "run" / file["path"]).stat().st_size == file["raw_bytes"]


@pytest.mark.parametrize("name", sorted(recipe_file.built_in()))
def test_plan_says_what_it_would_do_and_makes_nothing(name, tmp_path):
    command = [sys.executable, "-m", "tfcompress.recipe", name, "--plan"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "PruneLowMagnitude" in done.stdout and "steps" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_textbooks_boundaries_are_fractions_of_training():
    file = recipe_file.load("cifar10_classic")
    for epochs in ("200", "8"):
        stages = {stage.name: stage for stage in file.recipe(file.settings({"epochs": epochs})).stages}
        fit, technique = stages["pruned"].fit, stages["pruned"].technique
        assert fit.epochs == int(epochs) and fit.batch_size == 64 and fit.momentum == 0.9
        assert (fit.learning_rate.initial, fit.learning_rate.factor, fit.learning_rate.at) == (0.1, 0.1, (0.5, 0.75))
        assert technique.schedule.at == (0.75, 0.875, 0.875)
        shares = [technique.schedule.sparsity_after(number, technique.final_sparsity) for number in (1, 2, 3)]
        assert shares == pytest.approx([0.5, 0.75, 0.875])


def test_recipes_lie_where_they_can_be_read():
    assert set(recipe_file.built_in()) >= {"digits", "cifar10", "cifar10_classic"}
    assert all((HERE.parent / "recipes" / f"{name}.py").exists() for name in recipe_file.built_in())
