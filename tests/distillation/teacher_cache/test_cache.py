"""`distilled(cache=...)`: the same training, the teacher asked once, and never answers of another teacher."""

import dataclasses
import functools
import os
import threading

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.describe import describe
from tfcompress.core.errors import InvalidValue
from tfcompress.core.identity import fingerprint
from tfcompress.core.tasks.task import CLASSES, Output
from tfcompress.distillation import distiller
from tfcompress.distillation.distiller import ask
from tfcompress.distillation.teacher_cache.cache import TeacherCache, digest_of_inputs
from tfcompress.distillation.teacher_cache.logits import TeacherLogitCache

DATA = tfc.Digits(num_examples=96)


def network(seed, width=4):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(width, 3, strides=2, activation="relu", name="conv1")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))


def fit(**settings):
    return tfc.KerasFit(DATA, **{"epochs": 2, "batch_size": 32, "learning_rate": 0.05, **settings})


def weights_after(way, teacher, cache, **settings):
    student = network(1)
    tfc.distilled(way, teacher, cache=cache, **settings)(student)
    return student.get_weights()


def largest_difference(one, other):
    return max(np.abs(ours - theirs).max() for ours, theirs in zip(one, other, strict=True))


@pytest.fixture
def asked(monkeypatch):
    """How many examples the teacher was asked about in training."""
    numbers = []
    original = distiller.ask

    def counting(teachers, inputs, known):
        (logits,) = original(teachers, inputs, known)
        counted = tf.numpy_function(lambda z: numbers.append(len(z)) or z, [logits], logits.dtype)
        return [tf.ensure_shape(counted, logits.shape)]

    monkeypatch.setattr(distiller, "ask", counting)
    return numbers


VIEWS = {"augment": (tfc.ShiftedCrop(1),), "views": 2, "epochs": 4}


def test_the_teacher_is_asked_once_and_a_later_run_gives_the_same_student_to_the_bit(tmp_path, asked):
    first = weights_after(fit(**VIEWS), network(0), tmp_path)
    assert sum(asked) == 2 * 96
    later = weights_after(fit(**VIEWS), network(0), tmp_path)
    # Eight more to make sure that the answers are still the teacher's.
    assert sum(asked) == 2 * 96 + 8
    assert largest_difference(first, later) == 0
    assert largest_difference(first, network(1).get_weights()) > 1e-3


def test_with_complete_answers_a_step_holds_neither_reading_nor_the_teacher(tmp_path, monkeypatch):
    first = weights_after(fit(**VIEWS), network(0), tmp_path)
    ask = distiller.ask

    def never(*_):
        raise ZeroDivisionError

    def only_before_training(teachers, inputs, known):
        return ask(teachers, inputs, known) if tf.executing_eagerly() else never()

    monkeypatch.setattr(TeacherLogitCache, "read", never)
    monkeypatch.setattr(distiller, "ask", only_before_training)
    assert largest_difference(first, weights_after(fit(**VIEWS), network(0), tmp_path)) == 0


def test_the_student_is_that_of_a_training_without_but_for_rounding(tmp_path):
    without = weights_after(fit(**VIEWS), network(0), False)
    # 2^-11 of a logit below 2, through 12 steps of rate 0.05
    assert largest_difference(without, weights_after(fit(**VIEWS), network(0), tmp_path)) < 1e-4
    exact = TeacherCache(tmp_path, dtype="float32")
    first, later = (weights_after(fit(**VIEWS), network(0), exact) for _ in range(2))
    assert largest_difference(first, later) == 0
    # The last bit of a weight below 0.5: some processors fuse the teacher's sums otherwise within another graph.
    assert largest_difference(without, first) < 6e-8


def test_with_the_top_of_the_answers_a_student_still_learns(tmp_path):
    cache = TeacherCache(tmp_path, top_k=3)
    first, later = (weights_after(fit(**VIEWS), network(0), cache) for _ in range(2))
    assert largest_difference(first, later) == 0
    (folder,) = tmp_path.iterdir()
    assert (folder / "view-00000.rows").stat().st_size == 96 * (3 * 2 + 3 * 1 + 2 + 2)


def test_it_grows_while_training_and_a_longer_one_goes_on_from_there(tmp_path, asked):
    drawn = {"augment": (tfc.Flip(),)}
    weights_after(fit(epochs=1, **drawn), network(0), tmp_path)
    assert sum(asked) == 96
    weights_after(fit(epochs=3, **drawn), network(0), tmp_path)
    assert sum(asked) == 96 + 8 + 2 * 96
    assert [path.name for path in sorted(next(tmp_path.iterdir()).glob("*.rows"))] == [
        f"view-{view:05}.rows" for view in range(3)
    ]


def test_what_one_epoch_left_out_is_asked_for_later(tmp_path, asked):
    way = tfc.KerasFit(DATA, epochs=6, batch_size=40, learning_rate=0.05)  # 16 of 96 are left out of each epoch
    weights_after(way, network(0), tmp_path)
    assert 80 < sum(asked) < 6 * 80
    kept = tfc.distilled(way, network(0), cache=tmp_path)._kept_logits(TeacherCache(tmp_path), None)
    answers, known = kept.read(np.zeros(96, int), np.arange(96))
    expected = ask([network(0)], way.view(0, np.arange(96)), (Output("logits", CLASSES),))[0].numpy()
    assert known.sum() > 90
    np.testing.assert_allclose(answers[known], expected[known], rtol=1e-3, atol=1e-3)


def test_several_teachers_answer_as_one(tmp_path, asked):
    teachers = (network(0), network(5))
    first, later = (weights_after(fit(), teachers, tmp_path) for _ in range(2))
    assert largest_difference(first, later) == 0
    assert sum(asked) == 96 + 8
    assert largest_difference(first, weights_after(fit(), teachers[0], tmp_path)) > 1e-5
    assert len(list(tmp_path.iterdir())) == 2


def test_mixed_views_are_kept_too(tmp_path, asked):
    mixed, loss = fit(augment=(tfc.Flip(), tfc.Mixup(1.0)), views=1, epochs=3), tfc.losses.DecoupledTargets()
    results = [weights_after(mixed, network(0), cache, loss=loss) for cache in (False, tmp_path, tmp_path)]
    assert 0 < largest_difference(results[0], results[1]) < 1e-3
    assert largest_difference(results[1], results[2]) == 0


class Pictures(tfc.Data):
    """Not a dataclass: all that tells two of them apart is what they hold."""

    title, num_train, num_classes, input_shape, scale = "pictures", 64, 10, (8, 8, 1), 1 / 16

    def __init__(self, seed):
        self.seed = seed

    def load(self):
        rng = np.random.default_rng(self.seed)
        split = tfc.Split(rng.integers(0, 17, (64, 8, 8, 1), "uint8"), rng.integers(0, 10, 64))
        return split, split


def strided(strides):
    """Two networks with the same layers and weights that answer differently."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, strides=strides, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


PICTURES = Pictures(0)


def one_epoch(data=PICTURES, **settings):
    return tfc.KerasFit(data, epochs=1, batch_size=32, **settings)


FLIPPED = {"augment": (tfc.Flip(),)}


def folder_of(way, teacher, root):
    """Where a teacher's logits in the views of a fit lie."""
    return TeacherCache(root).place((teacher,), way)[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((one_epoch(), lambda: network(0)), (one_epoch(), lambda: network(5))),
        ((one_epoch(), lambda: strided(1)), (one_epoch(), lambda: strided(2))),
        ((one_epoch(**FLIPPED), lambda: network(0)), (one_epoch(**FLIPPED, seed=1), lambda: network(0))),
        ((one_epoch(**FLIPPED), lambda: network(0)), (one_epoch(augment=(tfc.Cutout(3),)), lambda: network(0))),
        ((one_epoch(), lambda: network(0)), (one_epoch(**FLIPPED), lambda: network(0))),
        ((one_epoch(), lambda: network(0)), (one_epoch(Pictures(1)), lambda: network(0))),
    ],
    ids=["weights", "settings of layers", "seed", "augmentation", "none", "pictures"],
)
def test_what_is_stale_lies_elsewhere(tmp_path, one, other):
    places = [folder_of(way, teacher(), tmp_path) for way, teacher in (one, one, other)]
    assert places[0] == places[1] != places[2]


def test_what_is_stale_is_never_found(tmp_path, asked):
    weights_after(one_epoch(), network(0), tmp_path)
    weights_after(one_epoch(), network(5), tmp_path)
    assert sum(asked) == 2 * 64
    assert len(list(tmp_path.iterdir())) == 2


@dataclasses.dataclass(frozen=True)
class Shade:
    """An augmentation of a user's own."""

    def __call__(self, pictures, key, indices):
        return pictures // Shade.by


def test_an_augmentation_whose_code_was_changed_has_a_cache_of_its_own(tmp_path, monkeypatch, asked):
    for shade in (1, 4):
        monkeypatch.setattr(Shade, "by", shade, raising=False)
        weights_after(fit(augment=(Shade(),), views=1), network(0), tmp_path)
    assert sum(asked) == 2 * 96
    assert len(list(tmp_path.iterdir())) == 2


@dataclasses.dataclass(frozen=True)
class ShadeFromOutside:
    """An augmentation that reads what no code shows."""

    def __call__(self, pictures, key, indices):
        return pictures // int(os.environ["SHADE"])


def test_an_augmentation_that_does_something_else_is_noticed(tmp_path, monkeypatch, asked):
    way = fit(augment=(ShadeFromOutside(),), views=1)
    monkeypatch.setenv("SHADE", "1")
    weights_after(way, network(0), tmp_path)
    monkeypatch.setenv("SHADE", "4")
    with pytest.warns(RuntimeWarning, match="are not what it gives now"):
        stale = weights_after(way, network(0), tmp_path)
    assert sum(asked) == 96 + 8 + 96
    assert largest_difference(stale, weights_after(way, network(0), tmp_path)) == 0


def test_views_that_nothing_tells_from_others_are_not_kept(tmp_path):
    way = fit(augment=(functools.partial(Shade(), lock=threading.Lock()),), views=1)
    with pytest.raises(InvalidValue, match="Received: 1.0.0.lock is a lock, which nothing tells from another"):
        weights_after(way, network(0), tmp_path)


def test_trainings_that_see_the_same_share_one_cache(tmp_path, asked):
    ways = [
        fit(augment=(tfc.Flip(),)),
        fit(augment=(tfc.Flip(),), learning_rate=0.5, batch_size=16, label_smoothing=0.1),
        fit(seed=1, epochs=1),
        fit(seed=2, epochs=1),  # unaugmented, the seed draws the order alone
    ]
    for way in ways:
        weights_after(way, network(0), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert sum(asked) == 2 * 96 + 8 + 96 + 8


def test_a_teacher_is_told_apart_by_settings_and_not_by_names():
    assert fingerprint(network(0)) == fingerprint(network(0)) != fingerprint(network(0, width=6))
    assert fingerprint(strided(1)) == fingerprint(strided(1)) != fingerprint(strided(2))


def test_a_digest_of_inputs_is_of_what_a_model_sees():
    base = digest_of_inputs(Pictures(0))
    assert base == digest_of_inputs(Pictures(0)) != digest_of_inputs(Pictures(1))
    brighter = Pictures(0)
    brighter.scale = 1 / 8
    assert digest_of_inputs(brighter) != base


def test_the_report_tells_what_is_in_the_weights_and_not_where_the_answers_lie(tmp_path):
    told = [
        describe(tfc.distilled(fit(), "teacher", cache=cache))["cache"]
        for cache in (False, True, tmp_path, TeacherCache(tmp_path), TeacherCache(tmp_path, top_k=3))
    ]
    assert told == [False, True, True, True, {"top_k": 3, "dtype": "float16"}]


def test_by_default_answers_are_in_the_users_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    weights_after(fit(epochs=1), network(0), True)
    assert len(list((tmp_path / "tfcompress" / "teachers").iterdir())) == 1
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(TeacherCache().root) == "/home/someone/.cache/tfcompress/teachers"


def test_pruning_and_quantizing_under_kept_logits(tmp_path, asked):
    way = tfc.distilled(fit(epochs=4), network(0), cache=tmp_path)
    pruned = tfc.PruneLowMagnitude(0.5, tfc.ConstantSparsity()).apply(network(1), way)
    aware = tfc.QuantizeAware().apply(pruned, way)
    assert sum(asked) == 96 + 8
    assert (aware.get_layer("quant_conv1").weights[0].numpy() == 0).mean() >= 0.45


def test_a_score_that_needs_gradients_under_kept_logits(tmp_path):
    way = tfc.distilled(fit(epochs=3), network(0), cache=tmp_path)
    pruned = tfc.PruneWeights(0.5, score=tfc.scores.GradientTimesWeight()).apply(network(1), way)
    assert tfc.measure(pruned).sparsity == pytest.approx(0.5, abs=0.05)


def test_a_loss_of_layers_or_a_fit_without_views_is_refused(tmp_path):
    with pytest.raises(InvalidValue, match="a loss that compares layers"):
        tfc.distilled(fit(), network(0), tfc.losses.Hint("conv1"), cache=tmp_path)(network(1))

    class Own:
        steps = 1

        def __call__(self, model, callbacks=()):
            raise AssertionError("not reached")

    with pytest.raises(InvalidValue, match="whose views of an example can be made again. Received: Own"):
        tfc.distilled(Own(), network(0), cache=tmp_path)(network(1))


@pytest.mark.parametrize(
    ("settings", "words"), [({"top_k": -1}, "top_k must be at least 0"), ({"dtype": "int8"}, "dtype must be one of")]
)
def test_a_bad_value_names_its_field(settings, words):
    with pytest.raises(InvalidValue, match=f"TeacherCache.{words}"):
        TeacherCache(**settings)
