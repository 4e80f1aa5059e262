import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue, NoBetterThanChance, UnsupportedModel
from tfcompress.core.examples.source import Split
from tfcompress.core.types import Data


@dataclasses.dataclass(frozen=True)
class Brightness(Data):
    """Grey images of one pixel; class 1 is the brighter half. Two scalings, as a folder of images has more."""

    scaling: str = "0..255"
    num_classes: int = 2

    title = "brightness"
    num_train = 100
    input_shape = (1, 1, 1)
    scalings = ("0..255", "0..1")

    @property
    def scale(self):
        return 1.0 if self.scaling == "0..255" else 1 / 255

    def load(self):
        pixels = np.random.default_rng(0).integers(0, 256, 100).astype("uint8")
        split = Split(pixels.reshape(-1, 1, 1, 1), (pixels > 127).astype("int64"))
        return split, split

    def with_scaling(self, scaling):
        return dataclasses.replace(self, scaling=scaling)


def threshold(at, outputs=2):
    """Class 1 for what is above `at`."""
    inputs = keras.Input((1, 1, 1))
    dense = keras.layers.Dense(outputs)
    model = keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))
    kernel, bias = np.zeros((1, outputs)), np.zeros(outputs)
    kernel[0, 1], bias[1] = 1, -at
    dense.set_weights([kernel, bias])
    return model


def test_a_model_that_answers_right_comes_through_unchanged():
    model = threshold(127.5)
    for given in (tfc.EvaluateOnly().apply(model, Brightness()), tfc.Unchanged().apply(model)):
        assert given is not model
        for before, after in zip(model.get_weights(), given.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)


def test_guessing_is_told_with_the_scaling_that_would_be_right():
    with pytest.raises(
        NoBetterThanChance, match=r"With other scalings: 0..255 5.\..%, 0..1 100.0%. Use --set scale=0..1"
    ):
        tfc.EvaluateOnly().apply(threshold(0.5), Brightness())


def test_guessing_whatever_the_scaling_points_at_the_classes():
    with pytest.raises(NoBetterThanChance, match="--set classes=...\\): 0, 1"):
        tfc.EvaluateOnly().apply(threshold(1e6), Brightness())


def test_a_scaling_that_is_not_known_is_asked_for_with_what_each_gives():
    evaluated = tfc.EvaluateOnly(known_scaling=False)
    with pytest.raises(InvalidValue, match=r"0..255 100.0%, 0..1 [45].\..%. Use --set scale=0..255, if that is right"):
        evaluated.apply(threshold(127.5), Brightness())


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (
            lambda x: keras.layers.Dense(3)(keras.layers.Flatten()(x)),
            InvalidValue,
            "the model's 3. Received: data with 2",
        ),
        (
            lambda x: x,
            UnsupportedModel,
            r"Received: outputs of shape \(None, 1, 1, 1\) for Classification. Use Unchanged",
        ),
    ],
)
def test_outputs_that_are_not_the_datas_classes_are_refused(build, error, words):
    inputs = keras.Input((1, 1, 1))
    with pytest.raises(error, match=words):
        tfc.EvaluateOnly().apply(keras.Model(inputs, build(inputs)), Brightness())


def test_another_task_is_refused():
    data = tfc.dataset((np.zeros((4, 1)), np.zeros(4)), (np.zeros((4, 1)), np.zeros(4)), task=tfc.Regression())
    with pytest.raises(UnsupportedModel, match="for Regression. Use Unchanged"):
        tfc.EvaluateOnly().apply(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), data)


def one_number(at, activation=None):
    """One number, above 0 (or a sigmoid above 0.5) for what is above `at`."""
    model = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(1, activation)])
    model.set_weights([np.ones((1, 1)), np.array([-at])])
    return model


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_one_number_for_two_classes(activation):
    tfc.EvaluateOnly().apply(one_number(127.5, activation), Brightness())
    with pytest.raises(NoBetterThanChance, match="accuracy of 44.0% on 100"):
        tfc.EvaluateOnly().apply(one_number(1e6, activation), Brightness())
    with pytest.raises(InvalidValue, match="the model's 2, as one number tells two apart. Received: data with 3: 0, 1"):
        tfc.EvaluateOnly().apply(one_number(127.5), Brightness(num_classes=3))


@dataclasses.dataclass(frozen=True)
class Ranges(Brightness):
    """Several labels: above 127, above 200, and above 50."""

    num_classes: int = 3

    task = tfc.Classification(several_labels=True)

    def load(self):
        pixels = np.random.default_rng(0).integers(0, 256, 100).astype("uint8")
        targets = np.stack([pixels > limit for limit in (127, 200, 50)], axis=1).astype("uint8")
        return (Split(pixels.reshape(-1, 1, 1, 1), targets),) * 2


def several(*limits):
    dense = keras.layers.Dense(len(limits), "sigmoid")
    model = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Flatten(), dense])
    model.set_weights([np.ones((1, len(limits))), -np.array(limits)])
    return model


def test_several_labels_are_judged_by_their_mean_f1():
    tfc.EvaluateOnly().apply(several(127.5, 200.5, 50.5), Ranges())
    targets = Ranges().test.targets.astype("float64")
    share = np.mean(2 * targets.sum(0) / (100 + targets.sum(0)))  # the F1 of giving a label always, by hand
    chance = share + 2 * np.sqrt(share * (1 - share) / 100)
    with pytest.raises(NoBetterThanChance, match=rf"chance \({chance:.1%}\) .* a mean F1 of {share:.1%} on 100"):
        tfc.EvaluateOnly().apply(several(-1, -1, -1), Ranges())
    with pytest.raises(InvalidValue, match=r"Mean F1 on 100 images: 0..255 100.0%, 0..1 0.0%. Use --set scale=0..255"):
        tfc.EvaluateOnly(known_scaling=False).apply(several(127.5, 200.5, 50.5), Ranges())
    with pytest.raises(InvalidValue, match="the model's 2. Received: data with 3"):
        tfc.EvaluateOnly().apply(several(127.5, 200.5), Ranges())
