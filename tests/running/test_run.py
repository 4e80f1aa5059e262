"""Runs of a recipe on a hundred examples and a linear model: seconds, so that what is repeated can be tried out."""

import dataclasses
from functools import partial

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import ConversionFailed, InvalidRecipe, PromiseBroken
from tfcompress.core.examples.source import Split
from tfcompress.core.progress import Silent
from tfcompress.core.remarks import remark
from tfcompress.core.types import SPARSITY, Data, Finding, Promise, Recipe, Stage
from tfcompress.models_io.copying import load_model
from tfcompress.running.order.following import require_order
from tfcompress.running.run import run
from tfcompress.running.stage import applied
from tfcompress.running.store import Store


@dataclasses.dataclass(frozen=True)
class Blobs(Data):
    """Two clouds of points."""

    title: str = "blobs"
    num_train: int = 100
    num_classes: int = 2
    input_shape: tuple[int, ...] = (4,)

    def load(self):
        rng = np.random.default_rng(0)
        labels = np.arange(100) % 2
        split = Split((rng.normal(size=(100, 4)) + 2 * labels[:, None]).astype("float32"), labels)
        return split, split


DATA = Blobs()
KERAS_FIT = tfc.KerasFit(DATA, epochs=2, batch_size=10)


@dataclasses.dataclass(frozen=True)
class Nudge:
    """A way of fitting that takes no time: adds random numbers to the weights."""

    size: float = 0.1
    steps = 1

    def __call__(self, model, callbacks=()):
        for weight in model.trainable_weights:
            weight.assign_add(self.size * tf.random.normal(weight.shape))


FIT = Nudge()


def build(units=4):
    layers = keras.layers
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(units, name="a"), layers.Dense(2, name="b")])


@dataclasses.dataclass(frozen=True)
class Promising:
    """Promises zeros, and makes a share of them."""

    share: float = 0.5
    made: float = 0.5
    makes = keeps = frozenset({SPARSITY})
    takes = "fit"

    def promises(self, model):
        return (Promise(SPARSITY, self.share, ("a/kernel",)),)

    def apply(self, model, fit):
        copy = tfc.Train().apply(model, fit)
        kernel = copy.get_layer("a").kernel
        keep = np.arange(16).reshape(4, 4) >= round(self.made * 16)
        kernel.assign(kernel.numpy() * keep)
        return copy


@dataclasses.dataclass(frozen=True)
class Forgetful:
    """Says that it keeps zeros, and fills them."""

    makes = frozenset()
    keeps = frozenset({SPARSITY})
    takes = "fit"

    def promises(self, model):
        return ()

    def apply(self, model, fit):
        return tfc.Train().apply(model, fit)


@dataclasses.dataclass(frozen=True)
class Counting:
    """A check that counts its runs, in a file."""

    log: str
    status: str = "pass"
    name = "counting"

    def identity(self):
        return {"type": "Counting", "status": self.status}

    def run(self, artifact, data, against, task=None):
        with open(self.log, "a") as stream:
            print(artifact.mode, sorted(against), file=stream)
        return Finding(self.name, self.status, outputs=against["keras"])


def recipe(baseline=FIT, tuned=FIT, data=DATA, seed=0, exports=None, checks=()):
    """A stage, one from it, and one of its own."""
    stages = (
        Stage("baseline", tfc.Train(), baseline, start=build),
        Stage("tuned", tfc.Train(), tuned),
        Stage("apart", tfc.Train(), FIT, start=partial(build, units=3)),
    )
    return Recipe(data, stages, exports or {}, checks, seed)


class Told(Silent):
    """What a run said."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "run")
    store.open()
    return store


def made(store):
    """The names in the run folder, but for its lock."""
    return sorted(path.name for path in store.root.iterdir() if path.name != ".lock")


def trained(recipe, store):
    """Names of the stages that a run trained, the others being finished."""
    told = Told()
    run(recipe, store, progress=told)
    return [line.partition(":")[0] for line in told.lines if ": accuracy" in line]


def test_every_stage_is_trained_measured_and_kept(store):
    report = run(recipe(KERAS_FIT), store, "mine", "A title", {"epochs": 2}, "command")
    assert [(stage.name, stage.start, stage.steps) for stage in report.stages] == [
        ("baseline", "build", 20),
        ("tuned", "baseline", 1),
        ("apart", "build", 1),
    ]
    # 4*4 + 4 and 4*2 + 2
    assert report.stages[0].measurement.num_parameters == 30
    assert len(report.stages[0].history["loss"]) == 2
    assert (report.recipe, report.title, report.settings, report.command) == (
        "mine",
        "A title",
        {"epochs": 2},
        "command",
    )
    assert (report.data, report.verdict, report.files) == ("blobs", "pass", ())
    assert made(store) == ["1-baseline", "2-tuned", "3-apart"]


def test_the_accuracy_is_that_of_the_model_that_was_kept(store):
    report = run(recipe(tuned=KERAS_FIT), store)
    model = load_model(store.root / "2-tuned" / "model.keras")
    answers = model(DATA.test.inputs).numpy()
    assert report.stages[1].metrics == {"accuracy": (answers.argmax(-1) == DATA.test.targets).mean()}
    assert report.stages[1].metrics["accuracy"] > 0.8
    np.testing.assert_allclose(np.load(store.root / "2-tuned" / "outputs" / "0.npy"), answers, rtol=1e-5)


def test_another_task_evaluates_again_and_trains_nothing(store):
    def share_of_ones(targets, outputs):
        return float((outputs.argmax(-1) == 1).mean())

    run(recipe(), store)
    other = dataclasses.replace(recipe(), task=tfc.Classification(metrics=[share_of_ones]))
    told = Told()
    report = run(other, store, progress=told)
    outputs = np.load(store.root / "1-baseline" / "outputs" / "0.npy")
    assert report.stages[0].metrics == {"share_of_ones": (outputs.argmax(-1) == 1).mean()}
    assert all("finished by an earlier run" in line for line in told.lines)


def test_targets_that_do_not_fit_are_refused_before_training(store):
    class Wrong(Blobs):
        def load(self):
            good, _ = super().load()
            return good, Split(good.inputs, good.targets + 1)

    with pytest.raises(tfc.InvalidValue, match="classes from 0 to 1, and not 2"):
        run(recipe(data=Wrong()), store)
    assert not (store.root / "1-baseline").exists()


def test_a_second_run_trains_nothing_and_says_the_same(store):
    first = run(recipe(), store)
    assert trained(recipe(), store) == []
    assert run(recipe(), store).stages == first.stages


def test_two_runs_of_one_seed_are_equal_to_the_bit(store, tmp_path):
    other = Store(tmp_path / "other")
    other.open()
    for each in (store, other):
        run(recipe(KERAS_FIT), each)
    ours, theirs = (load_model(each.root / "2-tuned" / "model.keras").get_weights() for each in (store, other))
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our, their)


LARGER = Nudge(0.2)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"tuned": LARGER}, ["tuned"]),
        ({"baseline": LARGER}, ["baseline", "tuned"]),
        ({"seed": 1}, ["baseline", "tuned", "apart"]),
        ({"data": Blobs(title="other blobs")}, ["baseline", "tuned", "apart"]),
    ],
)
def test_a_changed_setting_trains_again_what_depends_on_it_and_keeps_the_old(store, change, again):
    run(recipe(), store)
    before = {path.parent.name: path.read_text() for path in store.root.glob("*/stage.json")}
    assert trained(recipe(**change), store) == again
    earlier = {path.parent.name: path.read_text() for path in store.root.glob("earlier/*/*/stage.json")}
    assert sorted(name.partition("-")[2] for name in earlier) == sorted(again)
    assert earlier.items() <= before.items()


@pytest.mark.parametrize("damage", ["gone", "{", "[]"])
def test_a_stage_whose_record_is_damaged_is_trained_again(store, damage):
    run(recipe(), store)
    record = store.root / "2-tuned" / "stage.json"
    if damage == "gone":
        record.unlink()
    else:
        record.write_text(damage)
    assert trained(recipe(), store) == ["tuned"]


def sparse_then(*later, made=0.5):
    return Recipe(DATA, (Stage("pruned", Promising(made=made), FIT, start=build), *later), {}, ())


def test_a_promise_that_is_kept_is_told(store):
    (record,) = run(sparse_then(), store).stages
    assert [(verdict.promised, verdict.measured, verdict.kept) for verdict in record.verdicts] == [(0.5, 0.5, True)]


def test_a_technique_that_does_not_make_what_it_promises_is_found_out(store):
    with pytest.raises(PromiseBroken, match="Stage 'pruned' promised sparsity of at least 0.5 .* Received: 0.25 "):
        run(sparse_then(made=0.25), store)
    assert made(store) == []


def test_a_technique_that_destroys_what_it_says_it_keeps_is_found_out(store):
    with pytest.raises(PromiseBroken, match="Stage 'tuned' promised sparsity of at least 0.5"):
        run(sparse_then(Stage("tuned", Forgetful(), FIT)), store)
    assert made(store) == ["1-pruned"]


@dataclasses.dataclass(frozen=True)
class Remarking:
    """A start, a technique and an exporter that say what they do."""

    makes = keeps = frozenset()
    takes = "fit"
    mode = "remarked"

    def __call__(self):
        remark("It is built.")
        return build()

    def promises(self, model):
        return ()

    def apply(self, model, fit):
        remark("It is begun.")
        copy = tfc.Train().apply(model, fit)
        remark("It is done.")
        return copy

    def convert(self, model, data, path):
        remark("It is written.")
        return dataclasses.replace(tfc.Float32().convert(model, data, path), mode=self.mode)


def test_what_is_remarked_is_said_at_once_and_kept(store):
    stages = (Stage("a", Remarking(), FIT, start=Remarking()), Stage("b", tfc.Train(), FIT))
    remarked, told = Recipe(DATA, stages, {"a": (Remarking(),)}, ()), Told()
    report = run(remarked, store, progress=told)
    of_stage = ["It is built.", "It is begun.", "It is done."]
    assert told.lines[:3] == [f"a: {sentence}" for sentence in of_stage]
    assert told.lines[-1] == "export a remarked: It is written."
    assert [stage.remarks for stage in report.stages] == [tuple(of_stage), ()]
    assert [file.remarks for file in report.files] == [("It is written.",)]
    again = run(remarked, store)
    assert (again.stages, again.files) == (report.stages, report.files)


EXPORTS = {"baseline": (tfc.Float32(),)}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_a_file_is_written_checked_and_not_again(store, log):
    wanted = recipe(exports=EXPORTS, checks=(Counting(str(log)), Counting(str(log), "fail")))
    (file,) = run(wanted, store, "mine").files
    assert (store.root / file.path).name == "mine-baseline-float32.tflite"
    assert [finding.status for finding in file.findings.values()] == ["pass", "fail", "not run"]  # kernels of 4x4
    # the first check's outputs are what the others are compared with
    assert log.read_text().splitlines() == ["float32 ['keras']", "float32 ['cpu', 'keras']"]
    assert run(wanted, store, "mine").files == (file,)
    assert len(log.read_text().splitlines()) == 2


def test_a_check_that_could_not_be_run_is_tried_again(store, log):
    wanted = recipe(exports=EXPORTS, checks=(Counting(str(log), "not run"),))
    for _ in range(2):
        run(wanted, store)
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-1])])
def test_a_file_that_was_lost_or_changed_is_made_again(store, log, damage):
    wanted = recipe(exports=EXPORTS, checks=(Counting(str(log)),))
    (before,) = run(wanted, store).files
    damage(store.root / before.path)
    assert run(wanted, store).files[0].sha256 == before.sha256


def test_another_check_runs_alone(store, log):
    run(recipe(exports=EXPORTS, checks=(Counting(str(log)),)), store)
    run(recipe(exports=EXPORTS, checks=(Counting(str(log)), Counting(str(log), "fail"))), store)
    assert log.read_text().splitlines() == ["float32 ['keras']", "float32 ['cpu', 'keras']"]


PRUNE, AWARE, TRAIN = tfc.PruneLowMagnitude(0.5), tfc.QuantizeAware(), tfc.Train()


def in_order(*techniques, **changes):
    stages = [Stage(str(number), technique, FIT) for number, technique in enumerate(techniques)]
    if stages:
        stages[0] = dataclasses.replace(stages[0], start=build)
    return dataclasses.replace(Recipe(DATA, tuple(stages), {}, ()), **changes)


@pytest.mark.parametrize(
    "techniques",
    [
        (TRAIN,),
        (TRAIN, PRUNE, AWARE),
        (PRUNE, PRUNE),
        (AWARE, TRAIN),
        (tfc.QuantizeAware(keep_sparsity=False),),
    ],
)
def test_stages_that_can_follow_each_other_are_taken(techniques):
    require_order(in_order(*techniques))


@pytest.mark.parametrize(
    ("techniques", "message"),
    [
        ((), "Recipe.stages must have names of their own, at least one."),
        ((PRUNE, TRAIN), r"Stage '1' \(Train\) would destroy the sparsity that an earlier stage made."),
        ((PRUNE, tfc.QuantizeAware(keep_sparsity=False)), r"Stage '1' \(QuantizeAware\) would destroy the sparsity"),
        ((AWARE, PRUNE), r"Stage '1' \(PruneLowMagnitude\) would destroy the int8 ranges"),
        ((PRUNE, AWARE, TRAIN), r"Stage '2' \(Train\) would destroy the sparsity"),
    ],
)
def test_stages_that_cannot_follow_each_other_are_refused(techniques, message):
    with pytest.raises(InvalidRecipe, match=f"^{message}"):
        require_order(in_order(*techniques))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([Stage("a", TRAIN, FIT)], "The first stage's start must build a model. Received: None."),
        ([Stage("a", TRAIN, FIT, build)] * 2, r"Recipe.stages must have names of their own.*\['a', 'a'\]"),
        (
            [Stage("a", TRAIN, FIT, build), Stage("b", TRAIN, FIT, "c"), Stage("c", TRAIN, FIT, "a")],
            "Stage 'b' must ask for an earlier stage's model. Received: 'c'. Use one of: a.",
        ),
        (
            [Stage("a", TRAIN, tfc.distilled(FIT, "b"), build), Stage("b", TRAIN, FIT, build)],
            "Stage 'a' must ask for an earlier stage's model. Received: 'b'. Use one of: none is earlier.",
        ),
    ],
)
def test_a_stage_may_ask_for_earlier_ones_only(stages, message):
    with pytest.raises(InvalidRecipe, match=f"^{message}"):
        require_order(Recipe(DATA, tuple(stages), {}, ()))


def test_what_an_earlier_stage_made_counts_only_for_those_that_start_from_it():
    stages = (Stage("a", PRUNE, FIT, build), Stage("b", TRAIN, FIT, build), Stage("c", AWARE, FIT, "a"))
    require_order(Recipe(DATA, stages, {}, ()))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (Stage("a", TRAIN, start=build), r"Stage 'a' \(Train\) must have a fit, as it trains. Received: None."),
        (Stage("a", tfc.Equalize(), FIT, build), r"Stage 'a' \(Equalize\) must have no fit.* Received: Nudge."),
        (Stage("a", tfc.CorrectBias(), FIT, build), r"Stage 'a' \(CorrectBias\) must have no fit"),
        (Stage("a", Silent(), FIT, build), r"Stage 'a' \(Silent\) must have a technique: .*, takes, .* Received: <"),
    ],
)
def test_a_stage_has_a_fit_if_and_only_if_it_trains(stage, message):
    with pytest.raises(InvalidRecipe, match=f"^{message}"):
        require_order(Recipe(DATA, (stage,), {}, ()))


def test_a_technique_that_trains_is_not_applied_without_a_fit():
    with pytest.raises(InvalidRecipe, match="^Stage.fit must be given, as Train trains. Received: None."):
        applied(TRAIN, build(), DATA)


def test_stages_that_train_nothing_are_made_kept_and_reused(store):
    stages = (
        Stage("baseline", TRAIN, KERAS_FIT, start=build),
        Stage("equalized", tfc.Equalize()),
        Stage("corrected", tfc.CorrectBias(num_examples=50)),
    )
    report = run(Recipe(DATA, stages, {}, ()), store)
    assert [(stage.steps, stage.history) for stage in report.stages[1:]] == [(0, {}), (0, {})]
    assert "pairs of layers were equalized" in report.stages[1].remarks[0]
    assert trained(Recipe(DATA, stages, {}, ()), store) == []
    other = (*stages[:2], Stage("corrected", tfc.CorrectBias(num_examples=51)))
    assert set(trained(Recipe(DATA, other, {}, ()), store)) == {"corrected"}


def test_exports_must_name_stages():
    with pytest.raises(InvalidRecipe, match="^Recipe.exports must name stages. Received: 'x'. Use one of: 0."):
        require_order(in_order(TRAIN, exports={"x": (tfc.Float32(),)}))


def test_an_order_that_is_refused_costs_no_training(store):
    with pytest.raises(InvalidRecipe):
        run(in_order(PRUNE, TRAIN), store)
    assert made(store) == []


@dataclasses.dataclass(frozen=True)
class Begun:
    """A way of fitting that says that it has begun, and ends the run."""

    batch_size: int = 10
    steps = 1

    def __call__(self, model, callbacks=()):
        raise RuntimeError("training has begun")


def volume():
    """A convolution that TFLite has in float alone."""
    L = keras.layers
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Dense(2)(L.Flatten()(L.Conv3D(2, 1, name="volume")(L.Reshape((4, 1, 1, 1))(x)))))


class Spectrum(keras.layers.Layer):
    """Singular values, of which TFLite has no operation."""

    def call(self, inputs):
        return tf.linalg.svd(inputs, compute_uv=False)


def strange():
    L = keras.layers
    x = keras.Input((4,), name="x")
    return keras.Model(x, L.Dense(2)(Spectrum(name="own")(L.Reshape((2, 2))(x))))


def test_what_is_foreseen_of_files_and_memory_is_said_before_training(store, monkeypatch):
    monkeypatch.setattr("tfcompress.running.space.free_memory", lambda: 0)
    stages = (Stage("a", tfc.Train(), Begun(), start=volume),)
    said = Told()
    with pytest.raises(RuntimeError, match="training has begun"):
        run(Recipe(DATA, stages, {"a": (tfc.Int8(),)}, ()), store, progress=said)
    in_float, memory = said.lines
    assert in_float.startswith("a: in int8 files these will compute in float") and "volume (CONV_3D)" in in_float
    assert memory.startswith("a: a step of 10 examples needs") and memory.endswith("Use a smaller batch_size.")


def test_a_model_that_cannot_be_exported_is_refused_before_training(store):
    stages = (Stage("a", tfc.Train(), Begun(), start=strange),)
    with pytest.raises(ConversionFailed, match=r"needs Svd\..*own \(Spectrum\)"):
        run(Recipe(DATA, stages, {"a": (tfc.Float32(),)}, ()), store)
