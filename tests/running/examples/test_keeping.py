"""What a run keeps of its test split, on a model whose file is made to predict otherwise."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.examples.source import Split
from tfcompress.core.progress import Silent
from tfcompress.core.types import Data, Recipe, Stage
from tfcompress.running.examples import keeping
from tfcompress.running.examples.kept import kept_of
from tfcompress.running.run import run
from tfcompress.running.store import Store

INPUTS = np.arange(40, dtype="float32").reshape(20, 2)
TARGETS = np.arange(20) % 2


@dataclasses.dataclass(frozen=True)
class Pairs(Data):
    title: str = "pairs"
    num_train: int = 20
    num_classes: int = 2
    input_shape: tuple[int, ...] = (2,)
    class_names: tuple[str, ...] = ("even", "odd")

    def load(self):
        return Split(INPUTS, TARGETS), Split(INPUTS, TARGETS)


@dataclasses.dataclass(frozen=True)
class Wrong:
    """A check whose predictions of a file of mode "float16" are those of the model, but for one example."""

    name = "cpu-wrong"
    example: int = 13

    def run(self, artifact, data, against, task=None):
        outputs = {name: np.array(values) for name, values in against["keras"].items()}
        if artifact.mode == "float16":
            outputs["y"][self.example] = outputs["y"][self.example, ::-1]
        return tfc.Finding("cpu-wrong", "pass", num_examples=20, metrics={"accuracy": 0.5}, outputs=outputs)


def build():
    from tfcompress.backend.tensorflow import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(2, name="y")])


def finished(root, check):
    stage = Stage("whole", tfc.Unchanged(), start=build)
    recipe = Recipe(Pairs(), (stage,), {"whole": (tfc.Float32(), tfc.Float16())}, (check,))
    store = Store(root)
    store.open()
    run(recipe, store, "mine", progress=Silent())
    store.close()
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("keeping") / "run", Wrong())


def test_the_example_that_changed_is_kept_with_both_predictions(store):
    kept = kept_of(store)
    assert kept["reference"] == "whole float32"
    (row,) = kept["changed"]["whole float16"]
    assert row["example"] == 13
    assert row["before"]["y"]["class"] == 1 - row["after"]["y"]["class"]
    assert row["target"] == {"y": {"class": 1}}
    assert kept["classes"] == {"y": ["even", "odd"]}


def test_its_input_is_kept_beside_the_first_ones(store):
    kept = kept_of(store)
    assert kept["examples"] == [0, 1, 2, 3, 13]
    np.testing.assert_array_equal(np.load(store.root / "examples" / "inputs-0.npy"), INPUTS[[0, 1, 2, 3, 13]])


def test_outcomes_are_of_each_file(store):
    kept = kept_of(store)
    right = {variant: seen["y"]["num_right"] for variant, seen in kept["outcomes"].items()}
    assert abs(right["whole float32"] - right["whole float16"]) == 1


def test_what_is_kept_is_kept_once(store, monkeypatch):
    monkeypatch.setattr(keeping, "outcome", lambda *given: 1 / 0)
    before = (store.root / "examples" / "kept.json").read_bytes()
    finished(store.root, Wrong())
    assert (store.root / "examples" / "kept.json").read_bytes() == before


def test_a_file_that_predicts_otherwise_now_is_looked_at_again(store, tmp_path):
    other = finished(tmp_path / "run", Wrong(example=5))
    assert kept_of(other)["changed"]["whole float16"][0]["example"] == 5
    assert kept_of(other)["key"] != kept_of(store)["key"]


def test_inputs_without_room_are_described_and_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "INPUT_BYTES", 4)
    kept = kept_of(finished(tmp_path / "run", Wrong()))
    assert kept["examples"] == []
    assert "array" not in kept["inputs"][0]
    assert kept["changed"]["whole float16"]
