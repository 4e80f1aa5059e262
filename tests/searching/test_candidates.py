"""Choices that make one recipe, and those that train nothing: of the general space, whose settings hang together."""

import dataclasses

import pytest

import tfcompress as tfc
from tfcompress.searching.candidates import MOST_CHEAP, num_trainings, recipe_key, told_apart
from tfcompress.searching.general import general_module
from tfcompress.searching.proposals import Observation, new_choice, propose_random
from tfcompress.searching.space import space_of
from tfcompress.searching.trials import Subject

GENERAL = general_module()
DATA = tfc.Digits(num_examples=64)
PLAINEST = {"pruning_ratio": 0.0, "final_sparsity": 0.0, "num_clusters": None, "quantize_aware": False}


def build():
    return tfc.simple_cnn(DATA.input_shape, width=4)


def make(settings):
    return GENERAL.compressed(settings, build, DATA, tfc.Classification())


BASE = GENERAL.Settings()
SUBJECT = Subject("own", "", make, BASE)
SPACE = told_apart(space_of(BASE), SUBJECT)


def key(**changes):
    return SPACE.key({**SPACE.start, **changes})


@pytest.mark.parametrize(
    ("around", "one", "other"),
    [
        ({"distil": False}, {"temperature": 2.0}, {"temperature": 5.0}),
        ({"distil": False}, {"distillation_loss": "logits"}, {"distillation_loss": "decoupled"}),
        ({"distillation_loss": "logits"}, {"temperature": 2.0}, {"temperature": 5.0}),
        ({"pruning_ratio": 0.0}, {"channel_criterion": "l2"}, {"channel_criterion": "taylor"}),
        ({"pruning_ratio": 0.0}, {"channel_comparison": "global"}, {"channel_comparison": "per layer"}),
        ({"final_sparsity": 0.0}, {"sparsity_schedule": "constant"}, {"sparsity_schedule": "polynomial"}),
        ({"quantize_aware": True}, {"rounding": "nearest"}, {"rounding": "adaptive"}),
        ({"quantize_aware": False, "num_clusters": 8}, {"rounding": "nearest"}, {"rounding": "both"}),
        ({"num_clusters": 8}, {"equalize": "no"}, {"equalize": "last"}),
        (PLAINEST, {"epochs": 1, "learning_rate": 1e-3}, {"epochs": 6, "learning_rate": 1e-4}),
        (PLAINEST, {"equalize": "first"}, {"equalize": "last"}),
    ],
)
def test_a_setting_of_what_is_left_out_makes_no_other_recipe(around, one, other):
    assert key(**around, **one) == key(**around, **other)


@pytest.mark.parametrize(
    ("around", "one", "other"),
    [
        ({"distil": True}, {"temperature": 2.0}, {"temperature": 5.0}),
        ({"distil": True}, {"distillation_loss": "logits"}, {"distillation_loss": "decoupled"}),
        ({"pruning_ratio": 0.3}, {"channel_criterion": "l2"}, {"channel_criterion": "taylor"}),
        ({"pruning_ratio": 0.3}, {"channel_comparison": "global"}, {"channel_comparison": "per layer"}),
        ({"final_sparsity": 0.5}, {"sparsity_schedule": "constant"}, {"sparsity_schedule": "polynomial"}),
        ({"final_sparsity": 0.5}, {"sparsity_comparison": "global"}, {"sparsity_comparison": "per layer"}),
        ({"quantize_aware": False}, {"rounding": "nearest"}, {"rounding": "adaptive"}),
        ({"final_sparsity": 0.5}, {"equalize": "first"}, {"equalize": "last"}),
        ({}, {"epochs": 1}, {"epochs": 2}),
    ],
)
def test_a_setting_that_changes_a_stage_makes_another(around, one, other):
    assert key(**around, **one) != key(**around, **other)


def test_bits_of_the_file_make_another_where_nothing_has_chosen_int8():
    known = {name: found for name, found in space_of(BASE).ranges.items()}
    if "weight_bits" not in known:
        pytest.skip("litert-quantizer is not installed: pip install 'tfcompress[edge]'")
    assert key(quantize_aware=False, weight_bits=4) != key(quantize_aware=False, weight_bits=8)
    assert key(quantize_aware=False, weight_bits=4, wide_ends=True) != key(
        quantize_aware=False, weight_bits=4, wide_ends=False
    )
    assert key(weight_bits=8, wide_ends=True) == key(weight_bits=8, wide_ends=False)


def test_layers_that_cannot_have_four_bits_and_the_ends_keep_eight():
    assert GENERAL.eight_bits(build, wide_ends=True) == ("conv1", "logits")
    assert GENERAL.eight_bits(build, wide_ends=False) == ()
    depthwise = tuple(f"block{number}_depthwise" for number in range(1, 6))
    assert GENERAL.eight_bits(tfc.mobile_cnn, wide_ends=False) == depthwise


def test_first_is_what_trains_nothing_and_then_the_recipe_as_it_is():
    *cheap, last = SPACE.first
    assert len(cheap) == MOST_CHEAP and last == SPACE.start
    assert [num_trainings(make(SPACE.settings(chosen))) for chosen in cheap] == [0] * len(cheap)
    assert len({SPACE.key(chosen) for chosen in cheap}) == len(cheap)
    assert {chosen["rounding"] for chosen in cheap} >= {"nearest", "corrected", "adaptive"}
    assert num_trainings(make(BASE)) == 2


def test_where_everything_trains_the_recipe_as_it_is_comes_first():
    base = dataclasses.replace(BASE, final_sparsity=0.5)
    space = told_apart(space_of(base, frozenset({"final_sparsity"})), Subject("own", "", make, base))
    assert space.first == (space.start,)


def test_the_same_recipe_is_proposed_once():
    names = {"temperature", "distil", "distillation_loss"}
    base = GENERAL.Settings(distil=False)
    space = told_apart(space_of(base, frozenset(SPACE.ranges) - names), Subject("own", "", make, base))
    untold = dataclasses.replace(space, recipe_key=None)
    history = [Observation({**space.start, "temperature": 1.0 + number}, (1.0, 1.0)) for number in range(3)]
    assert (
        len({space.key(each.settings) for each in history}) == 1 < len({untold.key(each.settings) for each in history})
    )
    for number in range(4, 10):
        history.append(Observation(new_choice(propose_random, space, history, number, 0), (1.0, 1.0)))
    assert all(each.settings["distil"] for each in history[3:])


def test_the_key_is_of_all_that_makes_the_file():
    recipe = make(BASE)
    assert recipe_key(recipe) == recipe_key(make(BASE))
    assert recipe_key(recipe) != recipe_key(dataclasses.replace(recipe, seed=1))
    other = dataclasses.replace(recipe, exports={"quantized": (tfc.Int8(num_representative=9),)})
    assert recipe_key(recipe) != recipe_key(other)


def test_what_is_no_word_of_a_setting_is_one_line():
    with pytest.raises(
        tfc.InvalidValue, match="rounding must be one of nearest, corrected, adaptive, both. Received: 'up'"
    ):
        GENERAL.Settings(rounding="up")
