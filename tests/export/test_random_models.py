"""Random small models, each file held against Keras by benchmarks/random_models.py, which no exporter has a part in."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.export import converting

PATH = Path(__file__).parents[2] / "benchmarks" / "random_models.py"
NUM_BY_DEFAULT = 40  # of each mode eight; the slow sweep has five hundred in every mode
REFUSED = {38}  # TensorFlow's calibration of a Dense layer behind a division does not see its range


@pytest.fixture(scope="module")
def random_models():
    specification = importlib.util.spec_from_file_location("random_models", PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(NUM_BY_DEFAULT))
def test_a_file_equals_its_model_in_a_mode_of_its_own(seed, random_models, tmp_path):
    mode = list(random_models.EXPORTERS)[seed % len(random_models.EXPORTERS)]
    found = random_models.outcome(seed, mode, tmp_path)
    assert found["outcome"] in (("refused",) if seed in REFUSED else ("equal", "rough")), found


def test_a_seed_gives_one_model(random_models):
    first, second = (random_models.random_model(7) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def test_the_file_of_another_model_is_a_silent_difference(random_models, tmp_path, monkeypatch):
    """An impostor, with the exporter's own comparison out of the way."""
    other = tfc.Float32().convert(random_models.random_model(2), None, tmp_path / "other.tflite").path.read_bytes()
    changed = random_models.random_model(2)
    changed.set_weights([weight * 1.1 for weight in changed.get_weights()])
    monkeypatch.setattr(random_models, "random_model", lambda seed, in_float32=False: changed)
    monkeypatch.setattr(converting, "converted", lambda *arguments: other)
    monkeypatch.setattr(converting, "require_agreement", lambda *arguments, **others: None)
    assert random_models.outcome(2, "float32", tmp_path)["outcome"] == "silent"


@pytest.mark.slow
def test_five_hundred_models_in_five_modes(random_models, tmp_path):
    """TFCOMPRESS_RANDOM_MODELS names a file of rows to go on with, where there is one."""
    path = Path(os.environ.get("TFCOMPRESS_RANDOM_MODELS") or tmp_path / "rows.jsonl")
    rows = random_models.sweep(range(500), list(random_models.EXPORTERS), path)
    table, good = random_models.summary(rows)
    assert good and len(rows) == 2500, table
