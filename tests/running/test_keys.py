"""What makes a stage another one, and what a run says of it: keys without training, and a few runs of a second."""

import dataclasses
import os
import threading
from functools import partial

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend import threads
from tfcompress.backend.tensorflow import keras
from tfcompress.core import code
from tfcompress.core.examples.source import Split
from tfcompress.core.progress import Silent
from tfcompress.core.types import Data, Recipe, Stage
from tfcompress.running import keys, versions
from tfcompress.running.keys import stage_keys
from tfcompress.running.order.following import start_name
from tfcompress.running.run import run
from tfcompress.running.store import Store


class Held(Data):
    """Data as a user has it at hand: a class around arrays."""

    title, num_classes, input_shape = "held", 2, (4,)

    def __init__(self, inputs, targets):
        self.inputs, self.targets, self.num_train = inputs, targets, len(inputs)

    def load(self):
        split = Split(self.inputs, self.targets)
        return split, split


def clouds(shift=2.0):
    rng = np.random.default_rng(0)
    targets = np.arange(40) % 2
    return Held((rng.normal(size=(40, 4)) + shift * targets[:, None]).astype("float32"), targets)


@dataclasses.dataclass(frozen=True)
class Nudge:
    """A way of fitting that takes no time."""

    size: float = 0.1
    tool: object = None
    steps = 1

    def __call__(self, model, callbacks=()):
        for weight in model.trainable_weights:
            weight.assign_add(self.size * np.ones(weight.shape))


def network(units):
    layers = keras.layers
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(units, name="a"), layers.Dense(2, name="b")])


def build(units=4):
    return network(units)


class Builder:
    """A callable object, which has no `__name__`."""

    def __init__(self, units):
        self.units = units

    def __call__(self):
        return network(self.units)


def recipe(start=build, fit=Nudge(), data=None, later=Nudge(), seed=0, **others):
    stages = (Stage("first", tfc.Train(), fit, start=start), Stage("second", tfc.Train(), later))
    return Recipe(data or clouds(), stages, others.get("exports", {}), (), seed)


def names(recipe):
    starts = [start_name(recipe, position) for position in range(len(recipe.stages))]
    return {stage: key.name for stage, key in stage_keys(recipe, starts).items()}


def test_an_equal_recipe_has_equal_keys():
    assert names(recipe()) == names(recipe())
    assert None not in names(recipe()).values()


def of_one_name(units):
    def build():
        return network(units)

    return build


def written(text):
    """A builder from a text, as from a recipe file that was edited."""
    module = {"__name__": "tfcompress_recipe_mine", "network": network}
    exec(text, module)
    return module["build"]


HELPED = "WIDTH = {}\ndef width():\n    return WIDTH * {}\n\ndef build():\n    return network(width())"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"start": of_one_name(3)}, {"start": of_one_name(4)}),
        ({"start": written("def build(): return network(3)")}, {"start": written("def build(): return network(4)")}),
        ({"start": written(HELPED.format(3, 1))}, {"start": written(HELPED.format(4, 1))}),
        ({"start": written(HELPED.format(3, 1))}, {"start": written(HELPED.format(3, 2))}),
        ({"start": partial(build, 3)}, {"start": partial(build, 4)}),
        ({"start": Builder(3)}, {"start": Builder(4)}),
        ({"start": partial(Builder(3))}, {"start": partial(Builder(4))}),
        ({"data": clouds(2.0)}, {"data": clouds(2.1)}),
        ({"fit": Nudge(tool=Builder(3))}, {"fit": Nudge(tool=Builder(4))}),
        ({"fit": Nudge(tool=np.zeros(2))}, {"fit": Nudge(tool=np.ones(2))}),
        ({"seed": 0}, {"seed": 1}),
    ],
    ids=["closure", "code", "global", "helper", "argument", "object", "partial", "arrays", "tool", "array", "seed"],
)
def test_what_changes_the_first_stage_changes_all(one, other):
    before, now = names(recipe(**one)), names(recipe(**other))
    assert before == names(recipe(**one))
    assert before["first"] != now["first"]
    assert before["second"] != now["second"]


def test_what_changes_the_second_stage_changes_it_alone():
    before, now = names(recipe()), names(recipe(later=Nudge(0.2)))
    assert before["first"] == now["first"]
    assert before["second"] != now["second"]


def test_a_teacher_is_part_of_the_stage_that_it_teaches():
    def taught(start):
        fit = tfc.distilled(Nudge(), "first")
        return names(Recipe(clouds(), (*recipe(start=start).stages, Stage("third", tfc.Train(), fit, build)), {}, ()))

    before, now = taught(partial(build, 3)), taught(partial(build, 5))
    assert before["third"] != now["third"]


def test_another_version_of_ours_or_of_a_package_changes_all(monkeypatch):
    before = names(recipe())
    monkeypatch.setattr(keys, "our_code", lambda: "0.2.0 0123456789abcdef")
    upgraded = names(recipe())
    monkeypatch.setattr(keys, "versions", lambda: versions.versions() | {"numpy": "9"})
    newer = names(recipe())
    for stage in ("first", "second"):
        assert len({before[stage], upgraded[stage], newer[stage]}) == 3


def test_what_many_threads_made_is_not_of_the_bits_of_one(monkeypatch):
    before = names(recipe())
    for name in (*threads.OF_SUMS, threads._ASKED):
        monkeypatch.setenv(name, "")  # to be put back
    threads.use_one_thread()
    assert not set(before.values()) & set(names(recipe()).values())


def test_our_code_is_the_version_and_the_source(tmp_path, monkeypatch):
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.py").write_text("a")
    read = code.our_code.__wrapped__
    first = read()
    assert first == read()
    assert first.startswith(f"{tfc.__version__} ")
    (tmp_path / "inner" / "a.py").write_text("b")
    second = read()
    monkeypatch.setattr(code, "__version__", "0.2.0")
    assert len({first, second, read()}) == 3


class Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    store.open()
    return store


def said(recipe, store):
    told = Told()
    run(recipe, store, progress=told)
    return told.lines


def test_arrays_that_changed_are_not_served_stale_results(store):
    run(recipe(), store)
    again, _, *rest = said(recipe(data=clouds(0.0)), store)
    assert again == "first: computed again, as this changed since an earlier run: data"
    assert rest[0] == "second: computed again, as this changed since an earlier run: stage first, data"
    assert all("earlier run, accuracy" not in line for line in rest)


def test_a_callable_object_builds_a_stage_which_is_reused(store):
    report = run(recipe(start=Builder(3)), store)
    assert report.stages[0].start == "Builder()"
    assert report.stages[0].measurement.num_parameters == 4 * 3 + 3 + 3 * 2 + 2
    assert all("finished by an earlier run" in line for line in said(recipe(start=Builder(3)), store))


def test_what_nothing_tells_apart_is_computed_again_in_every_run_and_says_so(store):
    unknown = recipe(fit=Nudge(tool=threading.Lock()), exports={"first": (tfc.Float32(),)})
    for _ in range(2):
        lines = said(unknown, store)
        assert lines[0].startswith("first: computed again in every run, as fit.tool is a lock, which nothing tells")
        assert lines[0].endswith("give it identity() or a version")
        assert lines[1].startswith("first: accuracy")
        assert lines[2] == "second: computed again in every run, as the stage 'first' is"
        assert lines[3].startswith("second: accuracy")
    files = [path.relative_to(store.root) for path in store.root.rglob("*.tflite")]
    assert len(files) == 2  # the second run's, and the first one's in earlier/


def test_a_version_makes_it_reusable(store):
    class Tool:
        def __init__(self, version):
            self.version, self.lock = version, threading.Lock()

    run(recipe(fit=Nudge(tool=Tool(1))), store)
    assert all("finished by an earlier run" in line for line in said(recipe(fit=Nudge(tool=Tool(1))), store))
    assert said(recipe(fit=Nudge(tool=Tool(2))), store)[0].endswith("changed since an earlier run: fit")


def test_what_training_leaves_in_a_fit_does_not_count(store):
    class Counting(Nudge):
        def __call__(self, model, callbacks=()):
            object.__setattr__(self, "calls", getattr(self, "calls", 0) + 1)

    for _ in range(2):
        shared = Counting()
        lines = said(recipe(fit=shared, later=shared), store)
    assert shared.__dict__.get("calls", 0) == 0
    assert all("finished by an earlier run" in line for line in lines)


def test_a_file_that_a_builder_reads_counts(tmp_path, monkeypatch):
    path = tmp_path / "weights.txt"
    path.write_text("3")
    reads = lambda: network(int(open(str(path)).read()))  # noqa: E731, SIM115
    before = names(recipe(start=reads))
    os.utime(path, ns=(1, 1))
    assert names(recipe(start=reads))["first"] != before["first"]
