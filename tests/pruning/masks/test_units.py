"""What a term of the loss acts on, and which layers are left alone."""

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.pruning.loss_terms import FILTERS, SCALES, WEIGHTS
from tfcompress.pruning.masks.units import units


@pytest.fixture(scope="module")
def model():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="normalized"),
            layers.ReLU(name="relu"),
            layers.Flatten(name="flatten"),
            layers.Dense(6, name="hidden"),
            layers.Dense(3, name="logits"),
        ]
    )


def names(model, acts_on, keep=()):
    return [unit.name for unit in units(model, acts_on, keep, "Owner")]


@pytest.mark.parametrize(
    ("acts_on", "keep", "expected"),
    [
        (WEIGHTS, (), ["conv/kernel", "hidden/kernel", "logits/kernel"]),
        (WEIGHTS, "hid*", ["conv/kernel", "logits/kernel"]),
        (WEIGHTS, keras.layers.Dense, ["conv/kernel"]),
        (FILTERS, (), ["conv/kernel", "hidden/kernel"]),
        (FILTERS, ("logits", lambda layer: layer.name == "conv"), ["hidden/kernel"]),
        (SCALES, (), ["normalized/gamma"]),
        (SCALES, "logits", ["normalized/gamma"]),
    ],
)
def test_units_are_those_of_the_layers_that_are_not_kept(model, acts_on, keep, expected):
    assert names(model, acts_on, keep) == expected


@pytest.mark.parametrize("keep", ["conv", "normalized"])
def test_a_layer_is_kept_from_being_cut_by_the_scales_that_follow_it(model, keep):
    with pytest.raises(tfc.UnsupportedModel, match="a BatchNormalization with a scale.* keep selects 1 layers of 4"):
        names(model, SCALES, keep)


@pytest.mark.parametrize(
    ("acts_on", "wrong", "near"),
    [
        (WEIGHTS, "hiden", "hidden"),
        (FILTERS, "hiden", "hidden"),
        (SCALES, "normalised", "normalized"),
        (WEIGHTS, "relu", "conv, hidden, logits"),  # there is such a layer, and nothing in it to keep
    ],
)
def test_what_matches_nothing_is_an_error_that_names_the_near_ones(model, acts_on, wrong, near):
    with pytest.raises(tfc.InvalidValue, match=f"Owner.keep expects .*'{wrong}', which matches none. Near it: {near}"):
        names(model, acts_on, ("logits", wrong))


def test_all_layers_kept_leave_nothing_to_act_on(model):
    with pytest.raises(tfc.UnsupportedModel, match="a layer with a kernel.* keep selects 3 layers of 3"):
        names(model, WEIGHTS, "*")
