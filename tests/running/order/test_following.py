"""What is said of an order of stages that is taken, and what a refusal says that was measured."""

import dataclasses

import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.cli.recipe import main
from tfcompress.core.errors import InvalidRecipe
from tfcompress.core.progress import Silent
from tfcompress.core.types import SPARSITY, Recipe, Stage
from tfcompress.data.digits import Digits
from tfcompress.running.order import following
from tfcompress.running.order.combinations import Combinations, Order, table
from tfcompress.running.order.following import order_remarks, require_order
from tfcompress.running.run import run
from tfcompress.running.store import Store

DATA = Digits()
FIT = tfc.KerasFit(DATA)
# Of another network than the shipped table's, so that a figure can only come from here.
FEWER = Order(SPARSITY, "PruneLowMagnitude", "a > b", "a", 0.8, 0.37, 1234, 567, "final_sparsity")
PLAIN = Order(SPARSITY, "Train", "a > e", "a", 0.8, 0.02, 3456, 567)


def flat():
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])


def recipe(*techniques):
    stages = [Stage(str(number), technique, FIT) for number, technique in enumerate(techniques)]
    stages[0] = dataclasses.replace(stages[0], start=tfc.simple_cnn)
    return Recipe(DATA, tuple(stages), {}, ())


@pytest.fixture
def measured(monkeypatch):
    def of(*orders):
        monkeypatch.setattr(following, "table", lambda: Combinations("a network", "docs/page.md", orders))

    of(FEWER, PLAIN)
    return of


def test_fewer_zeros_than_before_are_remarked_on_with_the_measured_figures(measured):
    wanted = recipe(tfc.PruneLowMagnitude(0.8), tfc.PruneLowMagnitude(0.5))
    require_order(wanted)
    assert order_remarks(wanted) == {
        "1": (
            "PruneLowMagnitude.final_sparsity is 0.5, less than the 0.8 of an earlier stage, whose sparsity it undoes. "
            "Measured on a network: a > b left 37 % of 80 % zeros and 1,234 zipped bytes; a: 567 (docs/page.md).",
        )
    }


@pytest.mark.parametrize(
    "wanted",
    [
        recipe(tfc.PruneLowMagnitude(0.5), tfc.PruneLowMagnitude(0.8)),
        recipe(tfc.PruneLowMagnitude(0.8), tfc.PruneLowMagnitude(0.8)),
        recipe(tfc.PruneLowMagnitude(0.8), tfc.PruneLowMagnitude(0.5, per_layer={"*": 0.8})),
        recipe(tfc.PruneLowMagnitude(0.5), tfc.Cluster(16), tfc.QuantizeAware()),
    ],
)
def test_nothing_is_said_of_a_sound_order(measured, wanted):
    assert order_remarks(wanted) == {}


def test_nothing_is_said_where_the_measured_order_destroys_nothing(measured):
    measured(dataclasses.replace(FEWER, left=0.8))
    assert order_remarks(recipe(tfc.PruneLowMagnitude(0.8), tfc.PruneLowMagnitude(0.5))) == {}


def test_a_stage_that_starts_elsewhere_undoes_nothing(measured):
    wanted = recipe(tfc.PruneLowMagnitude(0.8), tfc.PruneLowMagnitude(0.5))
    beside = dataclasses.replace(wanted.stages[1], start=tfc.simple_cnn)
    assert order_remarks(dataclasses.replace(wanted, stages=(wanted.stages[0], beside))) == {}


def test_a_refusal_says_what_was_measured(measured):
    with pytest.raises(InvalidRecipe, match=r"keeps it\. Measured on a network: a > e left 2 % of 80 % zeros .*page"):
        require_order(recipe(tfc.PruneLowMagnitude(0.8), tfc.Train()))


def test_a_refusal_of_what_was_not_measured_names_the_page_alone(measured):
    with pytest.raises(InvalidRecipe, match=r"keeps it\. Orders that were measured: docs/page\.md\.$"):
        require_order(recipe(tfc.Cluster(16), tfc.Train()))


def test_the_shipped_table_is_of_techniques_that_there_are():
    assert table().orders
    for order in table().orders:
        assert hasattr(tfc, order.by)
        assert not order.less or hasattr(getattr(tfc, order.by)(), order.less)
        assert order.destroys  # the plan says nothing of others: they have no place in it


RECIPE = """
from dataclasses import dataclass

import tfcompress as tfc

@dataclass(frozen=True)
class Settings(tfc.Settings):
    pass

def recipe(settings):
    \"\"\"Prunes twice.\"\"\"
    data = tfc.Digits()
    fit = tfc.KerasFit(data)
    stages = (
        tfc.Stage("much", tfc.PruneLowMagnitude(0.8), fit, start=tfc.simple_cnn),
        tfc.Stage("again", tfc.PruneLowMagnitude({}), fit),
    )
    return tfc.Recipe(data, stages, {{}}, ())
"""


@pytest.mark.parametrize(("again", "times"), [("0.5", 1), ("0.9", 0)])
def test_the_plan_shows_the_remark(measured, tmp_path, capsys, again, times):
    (tmp_path / "mine.py").write_text(RECIPE.format(again))
    assert main([str(tmp_path / "mine.py"), "--plan"]) == 0
    assert capsys.readouterr().out.count("   remark  PruneLowMagnitude.final_sparsity is 0.5, less than") == times


def test_a_run_has_the_remark_in_its_report(measured, tmp_path):
    # What trains nothing lets no zero grow: the promise holds, and the run comes to its end.
    kept = dataclasses.replace(FIT, data=tfc.Digits(num_examples=64), optimizer=keras.optimizers.SGD(0.0))
    stages = (
        Stage("much", tfc.PruneLowMagnitude(0.8), kept, start=flat),
        Stage("again", tfc.PruneLowMagnitude(0.5), kept),
    )
    store = Store(tmp_path / "run")
    store.open()
    report = run(Recipe(kept.data, stages, {}, ()), store, progress=Silent())
    store.close(True)
    much, again = (stage.remarks for stage in report.stages)
    assert any("whose sparsity it undoes. Measured on a network" in remark for remark in again)
    assert not any("undoes" in remark for remark in much)
