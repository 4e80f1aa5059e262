import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidValue, NoBetterThanChance, UnsupportedModel
from tfcompress.core.types import Data, Split


@dataclasses.dataclass(frozen=True)
class Brightness(Data):
    """Grey pictures of one pixel; class 1 is the brighter half. Two scalings, as a folder of pictures has more."""

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


@pytest.mark.parametrize(("num_outputs", "error"), [(3, InvalidValue), (1, UnsupportedModel)])
def test_outputs_that_are_not_the_datas_classes_are_refused(num_outputs, error):
    inputs = keras.Input((1, 1, 1))
    model = keras.Model(inputs, keras.layers.Dense(num_outputs)(keras.layers.Flatten()(inputs)))
    with pytest.raises(error, match=f"Received: .*{'2' if num_outputs == 3 else '1'}"):
        tfc.EvaluateOnly().apply(model, Brightness())
