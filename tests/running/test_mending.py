"""A run folder that was damaged, or holds another run's files: the same run makes anew what is damaged, and no more."""

import contextlib
import dataclasses
import json
import shutil
from functools import partial

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import Diverged, InvalidRecipe
from tfcompress.core.examples.source import Split
from tfcompress.core.progress import Silent
from tfcompress.core.types import Data, Finding, Recipe, Stage
from tfcompress.fitting import checkpoint
from tfcompress.running.finished import finished_report
from tfcompress.running.folder.whole import check_folder
from tfcompress.running.order.following import require_order
from tfcompress.running.report import write
from tfcompress.running.run import keys_of, run
from tfcompress.running.store import Store


@dataclasses.dataclass(frozen=True)
class Blobs(Data):
    """Two clouds of points."""

    title: str = "blobs"
    num_train: int = 20
    num_classes: int = 2
    input_shape: tuple[int, ...] = (4,)

    def load(self):
        labels = np.arange(20) % 2
        points = np.random.default_rng(0).normal(size=(20, 4)) + 2 * labels[:, None]
        split = Split(points.astype("float32"), labels)
        return split, split


@dataclasses.dataclass(frozen=True)
class Nudge:
    """A way of fitting that takes no time: adds random numbers to the weights."""

    steps = 1

    def __call__(self, model, callbacks=()):
        for weight in model.trainable_weights:
            weight.assign_add(tf.random.normal(weight.shape))


@dataclasses.dataclass(frozen=True)
class Seeing:
    """A check that agrees with everything."""

    number: int = 0

    @property
    def name(self):
        return f"seeing {self.number}"

    def run(self, artifact, data, against, task=None):
        return Finding(self.name, "pass", metrics={"accuracy": 0.5}, outputs=against["keras"])


def build(units=2):
    layers = keras.layers
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(units, name="a"), layers.Dense(2, name="b")])


STAGES = (
    Stage("baseline", tfc.Train(), Nudge(), start=build),
    Stage("tuned", tfc.Train(), Nudge()),
    Stage("apart", tfc.Train(), Nudge(), start=partial(build, units=3)),
)
RECIPE = Recipe(Blobs(), STAGES, {"tuned": (tfc.Float32(),)}, (Seeing(0), Seeing(1)))


class Told(Silent):
    """What a run said."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


def complete(root, recipe=RECIPE):
    """The recipe in this folder, as the command line does it; gives the report and what was said."""
    store, told = Store(root), Told()
    store.open()
    store.write_json("recipe.json", {"recipe": "mine", "settings": {"seed": recipe.seed}})
    report = run(recipe, store, "mine", progress=told)
    write(report, store)
    store.close()
    return report, told.lines


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run, and one of another seed."""
    folder = tmp_path_factory.mktemp("mending")
    complete(folder / "run")
    complete(folder / "other", dataclasses.replace(RECIPE, seed=1))
    return folder


@pytest.fixture
def root(runs, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(runs / "run", tmp_path / "run")


def trained(lines):
    """The stages that were trained."""
    return [line.partition(":")[0] for line in lines if ": accuracy" in line]


def content(root):
    """All that was measured and made, without times."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.suffix in (".keras", ".npy", ".tflite") and "earlier" not in path.parts
    }


FILES = (
    "1-baseline/model.keras",
    "1-baseline/outputs/0.npy",
    "1-baseline/stage.json",
    "2-tuned/model.keras",
    "2-tuned/outputs/0.npy",
    "2-tuned/stage.json",
    "3-apart/model.keras",
    "3-apart/outputs/0.npy",
    "3-apart/stage.json",
    "checks/mine-tuned-float32.json",
    "checks/mine-tuned-float32/0.npy",
    "examples/inputs-0.npy",
    "examples/kept.json",
    "manifest.json",
    "recipe.json",
    "report.json",
    "report.md",
    "tflite/mine-tuned-float32.tflite",
)


def truncated(path, other):
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path, other):
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)


def deleted(path, other):
    path.unlink()


def of_another_run(path, other):
    path.write_bytes(other.read_bytes())


def of_another_shape(path, other):
    path.write_text(json.dumps({"name": [], "files": 3}))


DAMAGES = (deleted, truncated, flipped, of_another_run, of_another_shape)


def test_a_run_makes_these_files(runs):
    root = runs / "run"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == list(FILES)
    assert check_folder(root).verdict == "whole"


def mended(runs, root, name, damage):
    """Damages a file, sees that it is named, runs again; gives the stages that were trained, and what was said."""
    before = content(root)
    damage(root / name, runs / "other" / name)
    assert check_folder(root).verdict == "damaged"
    _, lines = complete(root)
    found = check_folder(root)
    assert (found.verdict, found.problems) == ("whole", ())
    assert content(root) == before  # equal models are equal files: nothing that stands on them is made again
    return trained(lines), lines


@pytest.mark.parametrize(
    ("name", "damage", "again", "said"),
    [
        (
            "1-baseline/model.keras",
            flipped,
            ["baseline"],
            "computed again, as 1-baseline/model.keras is dama",
        ),
        (
            "2-tuned/stage.json",
            of_another_shape,
            ["tuned"],
            "2-tuned/stage.json is not what a run of this",
        ),
        ("2-tuned/outputs/0.npy", truncated, [], "2-tuned/outputs/0.npy is damaged or missing: predicted again"),
        ("checks/mine-tuned-float32/0.npy", deleted, [], "0.npy is damaged or missing: the file is checked again"),
        ("checks/mine-tuned-float32.json", of_another_run, [], ""),
        ("tflite/mine-tuned-float32.tflite", flipped, [], ""),
        ("manifest.json", truncated, [], ""),
        ("report.json", of_another_shape, [], ""),
        ("3-apart/model.keras", of_another_run, ["apart"], "computed again, as 3-apart/model.keras is damaged"),
        ("recipe.json", deleted, [], ""),
        ("examples/inputs-0.npy", flipped, [], ""),
        ("examples/kept.json", of_another_run, [], ""),
    ],
)
def test_a_damaged_file_is_made_again_and_nothing_else(runs, root, name, damage, again, said):
    trained_again, lines = mended(runs, root, name, damage)
    assert trained_again == again
    assert said in " ".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_the_whole_table_is_mended(runs, root, name, damage):
    if damage is of_another_run and (root / name).read_bytes() == (runs / "other" / name).read_bytes():
        pytest.skip(f"the other run has the same {name}")
    trained_again, _ = mended(runs, root, name, damage)
    stage = name.partition("/")[0].partition("-")[2]
    assert trained_again == ([stage] if name.endswith(("model.keras", "stage.json")) else [])


def test_another_runs_stage_is_not_mixed_with_this_one(runs, root):
    """A folder that is whole, and of the same key, but of other bits: as trained on another number of cores."""
    ours = json.loads((root / "1-baseline" / "stage.json").read_text())
    shutil.rmtree(root / "1-baseline")
    shutil.copytree(runs / "other" / "1-baseline", root / "1-baseline")
    theirs = json.loads((root / "1-baseline" / "stage.json").read_text())
    del theirs["seal"]
    store = Store(root)
    store.open()
    store.write_json("1-baseline/stage.json", {**theirs, "key": ours["key"], "made_from": ours["made_from"]})
    store.close()
    before = content(root)
    report, lines = complete(root)
    assert trained(lines) == ["tuned"]
    assert "tuned: computed again, as it was made from another model of the stage baseline" in lines
    assert report.stages[1].models == {"baseline": report.stages[0].model}
    assert content(root)["tflite/mine-tuned-float32.tflite"] != before["tflite/mine-tuned-float32.tflite"]
    assert check_folder(root).verdict == "whole"


def test_what_an_earlier_recipe_left_goes_to_earlier(root):
    shorter = dataclasses.replace(RECIPE, stages=STAGES[:2])
    _, lines = complete(root, shorter)
    assert lines[-1] == "moved to earlier/, as no part of this run: 3-apart"
    assert check_folder(root).verdict == "whole"
    assert [path.name for path in root.glob("earlier/*/3-apart")] == ["3-apart"]


def answer(root, recipe=RECIPE, title="", settings=None):
    store = Store(root)
    store.open()
    told = Told()
    report = finished_report(recipe, store, "mine", title, settings or {}, keys_of(recipe), told)
    store.close()
    return report, told.lines


def test_a_finished_run_is_answered_with_its_report(runs, root):
    report, lines = complete(root)
    assert answer(root) == (report, [])
    assert json.loads((root / "manifest.json").read_text())["seconds"] == report.seconds


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"checks": (Seeing(0), Seeing(2))},
        {"exports": {"tuned": (tfc.DynamicRange(),)}},
        {"task": tfc.Classification(max_drop=0.1)},
        {"stages": STAGES[:2]},
    ],
)
def test_whatever_else_is_asked_for_is_no_finished_run(root, change):
    assert answer(root, dataclasses.replace(RECIPE, **change)) == (None, [])


def test_what_an_exporter_writes_beside_its_file_is_a_part_of_the_run(tmp_path):
    recipe = dataclasses.replace(RECIPE, exports={"tuned": (tfc.WithMetadata(tfc.Float32()),)})
    _, lines = complete(tmp_path / "run", recipe)
    (page,) = (tmp_path / "run" / "tflite").glob("*.md")
    assert not [line for line in lines if "moved to earlier" in line]
    assert check_folder(tmp_path / "run").verdict == "whole"
    written = page.read_text()
    page.write_text(written + "changed")
    assert [problem.path for problem in check_folder(tmp_path / "run").problems] == [f"tflite/{page.name}"]
    complete(tmp_path / "run", recipe)
    assert page.read_text() == written


def test_another_title_or_setting_is_written_anew(root):
    assert answer(root, title="Another")[0] is None
    assert answer(root, settings={"verbose": 1})[0] is None


def test_a_damaged_run_is_not_answered_and_says_why(root):
    flipped(root / "2-tuned" / "model.keras", None)
    report, (line,) = answer(root)
    assert report is None
    assert line.startswith("2-tuned/model.keras is changed (other content of")


@dataclasses.dataclass(frozen=True)
class Lacking(Seeing):
    """A check that needs what is not there; `there` says whether it has come since."""

    reason: str = "no driver"
    there = False

    def missing(self):
        return None if Lacking.there else ("no driver", "install one")

    def run(self, artifact, data, against, task=None):
        return Finding(self.name, "not run", self.reason, "install one")


def test_a_check_that_still_cannot_be_run_is_not_tried_again(root, monkeypatch):
    for reason, is_answered in (("no driver", True), ("something else", False)):
        lacking = dataclasses.replace(RECIPE, checks=(Lacking(reason=reason),))
        complete(root, lacking)
        assert (answer(root, lacking)[0] is not None) == is_answered
    lacking = dataclasses.replace(RECIPE, checks=(Lacking(),))
    complete(root, lacking)
    monkeypatch.setattr(Lacking, "there", True)
    assert answer(root, lacking)[0] is None


def test_the_seconds_are_those_of_all_processes(root, monkeypatch):
    class Stop(Exception):
        pass

    class Stopping(Told):
        def say(self, text):
            if text.startswith("apart"):
                raise Stop

    shutil.rmtree(root)
    now = [0.0]
    monkeypatch.setattr("tfcompress.running.folder.lock.time.monotonic", lambda: now[0])
    store = Store(root)
    store.open()
    with pytest.raises(Stop):
        run(RECIPE, store, "mine", progress=Stopping())
    now[0] += 100
    store.close(is_finished=False)
    again = Store(root)
    again.open()
    report = run(RECIPE, again, "mine")
    now[0] += 7
    assert (report.seconds, again.seconds) == (100.0, 107.0)


def test_each_finding_is_kept_when_it_is_made(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Broken(Seeing):
        def run(self, artifact, data, against, task=None):
            raise OSError("killed")

    store = Store(tmp_path / "run")
    store.open()
    with pytest.raises(OSError, match="killed"):
        run(dataclasses.replace(RECIPE, checks=(Seeing(0), Broken(1))), store, "mine")
    store.close(is_finished=False)
    saved = json.loads((store.root / "checks" / "mine-tuned-float32.json").read_text())
    assert [finding["check"] for finding in saved["findings"].values()] == ["seeing 0"]
    assert check_folder(store.root).verdict == "unfinished"


def test_a_loss_that_is_no_number_ends_the_run_with_its_step(tmp_path):
    store = Store(tmp_path / "run")
    store.open()
    wild = tfc.KerasFit(Blobs(), epochs=9, batch_size=10, learning_rate=1e30)
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGES[0], fit=wild), *STAGES[1:]))
    with pytest.raises(Diverged, match=r"Stage 'baseline' must have a loss .* Received: (nan|inf) at step \d of 18"):
        run(recipe, store)


def test_weights_that_are_no_numbers_end_the_run(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Spoiling(Nudge):
        def __call__(self, model, callbacks=()):
            model.trainable_weights[0].assign_add(np.full((4, 2), np.nan))

    store = Store(tmp_path / "run")
    store.open()
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGES[0], fit=Spoiling()), *STAGES[1:]))
    with pytest.raises(Diverged, match="Received: a/kernel:0 with 8 of 8 that are none"):
        run(recipe, store)


@pytest.mark.parametrize("name", ["a/../../escaped", "..", "/tmp/x", "", ".hidden", "a\\b", "a\n", "x" * 101, 3])
def test_a_name_that_is_another_place_is_refused(name):
    stages = (dataclasses.replace(STAGES[0], name=name),)
    with pytest.raises(InvalidRecipe, match="^Stage.name must be up to 100 letters"):
        require_order(Recipe(Blobs(), stages, {}, ()))


def test_two_files_of_one_name_are_refused():
    exports = {"baseline": (tfc.Int8(), tfc.Float32(), tfc.Int8(num_representative=64))}
    with pytest.raises(InvalidRecipe, match="one exporter of a mode .* Received: two of 'int8' for stage 'baseline'"):
        require_order(dataclasses.replace(RECIPE, exports=exports))


def test_a_seed_out_of_range_is_refused():
    with pytest.raises(InvalidRecipe, match=r"Recipe.seed must be from 0 to 2\^32 - 1. Received: 4294967296"):
        require_order(dataclasses.replace(RECIPE, seed=2**32))


def test_a_training_goes_on_inside_its_stage(tmp_path, monkeypatch):
    class Cut(Exception):
        pass

    class Cutting(Told):
        """Cuts the run off when the second training has done half."""

        @contextlib.contextmanager
        def task(self, label, total):
            def advance(done, note):
                if label == "tuned" and done == 10:
                    raise Cut

            yield advance

    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    fit = tfc.KerasFit(Blobs(), epochs=20, batch_size=20, learning_rate=0.05)
    stages = tuple(dataclasses.replace(stage, fit=fit) for stage in STAGES[:2])
    recipe = dataclasses.replace(RECIPE, stages=stages, exports={})
    complete(tmp_path / "whole", recipe)
    store = Store(tmp_path / "run")
    store.open()
    monkeypatch.setattr("tfcompress.running.stage.ADVANCE_EVERY", 1)
    with pytest.raises(Cut):
        run(recipe, store, "mine", progress=Cutting())
    store.close(is_finished=False)
    assert check_folder(store.root).verdict == "unfinished"
    report, lines = complete(tmp_path / "run", recipe)
    assert "tuned: training goes on after epoch 9 of 20" in lines
    assert len(report.stages[1].history["loss"]) == 20
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert not list((tmp_path / "run").glob(".training-*"))
