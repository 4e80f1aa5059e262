from dataclasses import dataclass, field
from typing import Any

import pytest

import tfcompress as tfc
from tfcompress.core.selection import by_layer, expect_selectors, near, select


class Conv2D: ...


class DepthwiseConv2D(Conv2D): ...


class Dense: ...


LAYERS = {"conv1": Conv2D(), "conv2": Conv2D(), "conv2_dw": DepthwiseConv2D(), "logits": Dense()}
KERAS_3_CONV = type("Conv2D", (), {})  # another class of the same name, as the other Keras has it


def the_second(layer):
    return layer is LAYERS["conv2"]


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        ("conv1", ["conv1"]),
        ("conv?", ["conv1", "conv2"]),
        ("Conv2D", ["conv1", "conv2"]),
        ("*Conv2D", ["conv1", "conv2", "conv2_dw"]),
        (Conv2D, ["conv1", "conv2"]),
        (KERAS_3_CONV, ["conv1", "conv2"]),
        (the_second, ["conv2"]),
        (("logits", DepthwiseConv2D, the_second), ["conv2", "conv2_dw", "logits"]),
        (["conv1", "conv*"], ["conv1", "conv2", "conv2_dw"]),
        ((), []),
    ],
)
def test_layers_are_selected_by_name_pattern_class_and_function_in_their_order(selectors, names):
    assert select(LAYERS, selectors, "Owner.keep") == names


def test_a_name_goes_before_a_class_of_the_same_name():
    assert select({"Dense": Conv2D(), "logits": Dense()}, "Dense", "Owner.keep") == ["Dense"]


def test_the_first_selector_that_matches_counts():
    chosen = by_layer(LAYERS, 8, {"conv1": 2, ("logits", "conv2_dw"): 16, "conv*": 4}, "Owner.per_layer")
    assert chosen == {"conv1": 2, "conv2": 4, "conv2_dw": 16, "logits": 16}
    assert by_layer(LAYERS, 8, {Dense: 2}, "Owner.per_layer") == {**dict.fromkeys(LAYERS, 8), "logits": 2}


def test_a_value_of_none_is_a_value():
    assert by_layer({"conv1": Conv2D()}, 8, {"conv*": None, Conv2D: 4}, "Owner.per_layer") == {"conv1": None}


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("conv9", "Received: 'conv9', which matches none. Near it: conv2, conv1, conv2_dw."),
        ("dense", "Received: 'dense', which matches none. Near it: Dense."),
        (
            type("Conv2DTranspose", (), {}),
            "Received: the class Conv2DTranspose, which matches none. Near it: Conv2D, DepthwiseConv2D, Dense.",
        ),
        (lambda layer: False, "Received: the function <lambda>, which matches none. Near it: conv1, conv2, "),
    ],
)
def test_a_selector_without_a_match_names_what_is_near(selector, words):
    for selectors in (selector, ("conv1", selector)):
        with pytest.raises(tfc.InvalidValue) as caught:
            select(LAYERS, selectors, "Owner.keep", "layers with kernels")
        assert words in str(caught.value)
        assert str(caught.value).startswith("Owner.keep expects layers with kernels, by name, pattern, class or func")
    with pytest.raises(tfc.InvalidValue, match="which matches none"):
        by_layer(LAYERS, 8, {"conv*": 4, selector: 2}, "Owner.per_layer")


@dataclass
class Owner:
    keep: Any = ()
    per_layer: Any = field(default_factory=dict)


@pytest.mark.parametrize("good", ["conv1", Conv2D, the_second, ("conv1", Conv2D, the_second), ["conv1"], ()])
def test_what_selects_passes(good):
    expect_selectors(Owner(keep=good), "keep")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Owner(keep=3), "keep"),
        (Owner(keep=("conv1", None)), "keep"),
        (Owner(per_layer={"conv1": 4, 3: 4}), "per_layer"),
        (Owner(per_layer={("conv1", 3): 4}), "per_layer"),
    ],
)
def test_what_selects_nothing_ever_is_refused(owner, name):
    with pytest.raises(tfc.InvalidValue, match=f"Owner.{name} must select layers by name, pattern or class"):
        expect_selectors(owner, name)


def test_near_names_the_most_alike_or_the_first():
    assert near("conv9", ["conv1", "dense"]) == "conv1"
    assert near("x", list("abcdefgh")) == "a, b, c, d, e, f"
