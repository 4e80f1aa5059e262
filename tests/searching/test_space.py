"""Ranges, and the space that a recipe's settings make."""

import dataclasses

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidRecipe, InvalidValue
from tfcompress.searching.space import Between, OneOf, space_of


@dataclasses.dataclass(frozen=True)
class Mine(tfc.Settings):
    share: float = tfc.setting(0.5, "of zeros", tfc.between(0.1, 0.9))
    width: int = tfc.setting(16, "channels", tfc.between(4, 64, log=True))
    clusters: int | None = tfc.setting(None, "values", tfc.one_of(None, 8, 16))
    name: str = tfc.setting("x", "not searched")


def test_the_space_is_of_the_settings_that_have_a_range():
    assert list(space_of(Mine()).ranges) == ["share", "width", "clusters"]


def test_the_first_trial_is_the_recipe_as_it_is():
    assert space_of(Mine(share=0.3)).start == {"share": 0.3, "width": 16, "clusters": None}


def test_what_was_set_is_not_searched():
    assert list(space_of(Mine(), frozenset({"share"})).ranges) == ["width", "clusters"]


def test_a_log_range_is_spread_by_the_logarithm_and_whole():
    assert [Between(4, 64, log=True).at(share) for share in (0, 0.5, 1)] == [4, 16, 64]


def test_values_have_three_figures_and_stay_inside():
    assert Between(0.1, 0.9).plain(0.123456) == 0.123
    assert Between(0.1234, 0.9).plain(0.12341) == 0.1234


def test_points_are_counted_where_they_can_be():
    assert Between(3, 7).num_points == 5 and Between(3.0, 7).num_points is None
    assert space_of(Mine(), frozenset({"share"})).num_points == 61 * 3


def test_true_is_not_one():
    assert not OneOf((1, 2)).holds(True) and OneOf((1, 2)).holds(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tfc.between(0.9, 0.1), "high must be above low"),
        (lambda: tfc.between(0, 1, log=True), "low must be above 0 where log=True"),
        (lambda: tfc.between(0, float("nan")), "must be numbers"),
        (lambda: tfc.one_of(1), "must be two or more, all different"),
        (lambda: tfc.one_of(1, 1), "must be two or more, all different"),
        (lambda: tfc.one_of([1], [2]), "must be numbers, texts"),
    ],
)
def test_a_range_without_sense_is_one_line(make, words):
    with pytest.raises(InvalidValue, match=words):
        make()


def test_a_default_outside_of_its_range_is_refused():
    with pytest.raises(InvalidValue, match=r"share must lie in the range that is searched, 0.1 to 0.9. Received: 0.95"):
        space_of(Mine(share=0.95))


def test_a_recipe_without_ranges_cannot_be_searched():
    with pytest.raises(InvalidRecipe, match="must have a setting with a range"):
        space_of(tfc.Settings())


def test_what_is_no_range_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Wrong(tfc.Settings):
        share: float = tfc.setting(0.5, "of zeros", (0.1, 0.9))

    with pytest.raises(InvalidRecipe, match="search of the setting share must be a range"):
        space_of(Wrong())
