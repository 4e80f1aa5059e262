"""`distilled` as a Fit: steps, teachers by name, and what the report is told of it."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.errors import InvalidRecipe
from tfcompress.core.identity import fingerprint


def network(value):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.set_weights([np.full((2, 2), value, "float32"), np.zeros(2, "float32")])
    return model


def fit():
    return tfc.KerasFit(tfc.Digits(), epochs=3)


def test_takes_its_steps_from_the_fit_it_wraps():
    assert tfc.distilled(fit(), "baseline").steps == fit().steps == 66


def test_resolves_a_teacher_named_by_a_recipe():
    model = network(1.0)
    named = tfc.distilled(fit(), "baseline")
    resolved = named.resolve({"baseline": model})
    assert named.needs == ("baseline",)
    assert resolved.teacher is model
    assert resolved.needs == ()


def test_refuses_a_name_where_there_is_no_recipe():
    with pytest.raises(InvalidRecipe, match="expects a Keras model"):
        tfc.distilled(fit(), "baseline")(network(1.0))


def test_is_told_apart_by_the_teachers_weights():
    one, same, other = (fingerprint(tfc.distilled(fit(), network(value))) for value in (1.0, 1.0, 2.0))
    assert one == same != other


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_bad_weight_names_its_field(weight):
    with pytest.raises(tfc.InvalidValue, match="student_loss_weight"):
        tfc.distilled(fit(), "baseline", student_loss_weight=weight)
