"""Trainings that are cut off in the middle and go on in a new model, beside trainings that nobody disturbed."""

import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.core.examples.source import Split
from tfcompress.core.progress import resumable
from tfcompress.core.types import Data
from tfcompress.fitting import checkpoint


@dataclasses.dataclass(frozen=True)
class Blobs(Data):
    """Two clouds of points."""

    title: str = "blobs"
    num_train: int = 40
    num_classes: int = 2
    input_shape: tuple[int, ...] = (4,)

    def load(self):
        labels = np.arange(40) % 2
        points = np.random.default_rng(0).normal(size=(40, 4)) + 2 * labels[:, None]
        split = Split(points.astype("float32"), labels)
        return split, split


FIT = tfc.KerasFit(Blobs(), epochs=4, batch_size=10, learning_rate=tfc.CosineDecay(0.1))


class Cut(Exception):
    """As a kill: nothing after it happens."""


class Watching(keras.callbacks.Callback):
    """Counts the epochs that are trained here, and cuts the training off when one begins."""

    def __init__(self, cut_at=None):
        super().__init__()
        self.cut_at, self.trained, self.heard = cut_at, [], None

    def resumed(self, done, epochs, history):
        self.heard = done, epochs, dict(history)

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.cut_at:
            raise Cut
        self.trained.append(epoch)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)


def build(*layers):
    set_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), *layers, keras.layers.Dense(2)])


def plain(watching, fit):
    model = build()
    fit(model, [watching])
    return model


def with_adam(watching, fit):
    model = build(keras.layers.BatchNormalization())
    dataclasses.replace(fit, optimizer="adam", learning_rate=0.01, augment=())(model, [watching])
    return model


def with_random_layers(watching, fit):
    noisy = [keras.layers.Dropout(0.5), keras.layers.GaussianNoise(0.1), keras.layers.Reshape((2, 4))]
    memory = keras.layers.LSTM(3, dropout=0.3, recurrent_dropout=0.3)
    model = build(*noisy, keras.layers.SpatialDropout1D(0.3, seed=5), memory)
    fit(model, [watching])
    return model


def pruned(watching, fit):
    @dataclasses.dataclass(frozen=True)
    class Watched:
        steps = fit.steps

        def __call__(self, model, callbacks=()):
            return fit(model, [*callbacks, watching])

    return tfc.PruneLowMagnitude(0.5).apply(build(), Watched())


def aware(watching, fit, rounding="nearest", teacher=None):
    model = build(keras.layers.BatchNormalization())
    half = np.arange(32).reshape(4, 8) % 2  # zeros, which are kept
    model.layers[0].kernel.assign(model.layers[0].kernel * half)
    trained = tfc.distilled(fit, teacher, student_loss_weight=0.5) if teacher else fit

    def watched(model, callbacks=()):
        return trained(model, [*callbacks, watching])

    return tfc.QuantizeAware(rounding=rounding, per_layer_bits={model.layers[-1].name: 4}).apply(model, watched)


def aware_at_random(watching, fit):
    return aware(watching, fit, "stochastic")


def aware_and_taught(watching, fit):
    return aware(watching, fit, teacher=build())


def clustered(watching, fit, preserve_sparsity=False):
    def watched(model, callbacks=()):
        return fit(model, [*callbacks, watching])

    return tfc.Cluster(4, preserve_sparsity=preserve_sparsity).apply(build(), watched)


def clustered_with_zeros(watching, fit):
    return clustered(watching, fit, preserve_sparsity=True)


def taught(watching, fit):
    model = build()
    tfc.distilled(fit, build(), student_loss_weight=0.5)(model, [watching])
    return model


TRAININGS = [plain, with_adam, with_random_layers, pruned, taught, aware, aware_at_random, aware_and_taught]
TRAININGS += [clustered, clustered_with_zeros]


@pytest.mark.parametrize("train", TRAININGS)
def test_what_was_cut_off_goes_on_to_the_same_weights(tmp_path, train):
    whole = train(Watching(), FIT).get_weights()
    with pytest.raises(Cut), resumable(tmp_path / "work"):
        train(Watching(cut_at=2), FIT)
    watching = Watching()
    with resumable(tmp_path / "work"):
        found = train(watching, FIT).get_weights()
    assert watching.trained == [2, 3]
    assert watching.heard[:2] == (2, 4)
    assert [len(values) for values in watching.heard[2].values()] == [2] * len(watching.heard[2])
    for ours, theirs in zip(found, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_training_that_was_done_is_not_repeated(tmp_path):
    with resumable(tmp_path / "work"):
        first = plain(Watching(), FIT).get_weights()
    watching = Watching()
    with resumable(tmp_path / "work"):
        again = plain(watching, FIT).get_weights()
    assert watching.trained == []
    for ours, theirs in zip(again, first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_would_not_come_to_the_same_weights_keeps_nothing(tmp_path):
    with resumable(tmp_path / "work"):
        FIT(build(), [Watching(), keras.callbacks.EarlyStopping("loss")])
    assert not (tmp_path / "work").exists()


def test_without_a_run_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain(Watching(), FIT)
    assert list(tmp_path.iterdir()) == []


def other_epochs(path):
    return dataclasses.replace(FIT, epochs=5)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-50])
    return FIT


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return FIT


def emptied(path):
    path.write_bytes(b"")
    return FIT


@pytest.mark.parametrize("damage", [other_epochs, cut_short, flipped, emptied])
def test_a_file_that_cannot_be_used_is_no_obstacle(tmp_path, damage):
    with pytest.raises(Cut), resumable(tmp_path / "work"):
        plain(Watching(cut_at=2), FIT)
    fit = damage(tmp_path / "work" / "1.npz")
    watching = Watching()
    with resumable(tmp_path / "work"):
        plain(watching, fit)
    assert watching.trained == list(range(fit.epochs))
