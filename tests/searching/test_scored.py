"""A recipe as a search runs it: who sees which examples."""

import dataclasses
from functools import partial

import pytest

import tfcompress as tfc
from tfcompress.core.errors import InvalidRecipe
from tfcompress.data.splits.splitting import HeldOut
from tfcompress.searching.scored import held_out, reference, scored

DATA = tfc.Digits(num_examples=100)
BUILD = partial(tfc.simple_cnn, input_shape=(8, 8, 1), width=4)


def recipe(fit=None, teacher="teacher"):
    fit = fit or tfc.KerasFit(DATA, epochs=1)
    return tfc.Recipe(
        DATA,
        (
            tfc.Stage("teacher", tfc.Train(), fit, start=BUILD),
            tfc.Stage("other", tfc.Train(), fit, start=BUILD),
            tfc.Stage("baseline", tfc.Train(), fit, start=BUILD),
            tfc.Stage("aside", tfc.Unchanged(), start="baseline"),
            tfc.Stage("pruned", tfc.PruneLowMagnitude(0.5), tfc.distilled(fit, teacher), start="baseline"),
            tfc.Stage("quantized", tfc.QuantizeAware(), tfc.distilled(fit, teacher)),
        ),
        {"baseline": (tfc.Float32(),), "quantized": (tfc.Int8(),)},
        (tfc.CpuXnnpack(), tfc.GpuDelegate()),
    )


def test_only_what_the_last_file_is_made_of_is_run():
    found = scored(recipe(), 0.2, (tfc.CpuBuiltin(),))
    assert [stage.name for stage in found.stages] == ["teacher", "baseline", "pruned", "quantized"]
    assert list(found.exports) == ["quantized"] and found.checks == (tfc.CpuBuiltin(),)


def test_a_stage_begins_from_the_one_that_it_began_from():
    stages = {stage.name: stage for stage in scored(recipe(), 0.2, ()).stages}
    assert stages["pruned"].start == "baseline" and stages["quantized"].start == "pruned"


def test_the_reference_is_the_first_stage_with_a_file():
    assert [stage.name for stage in reference(recipe(), 0.2).stages] == ["baseline"]


def test_every_fit_trains_on_less_and_all_is_evaluated_on_validation():
    found = scored(recipe(), 0.2, ())
    fits = [stage.fit if isinstance(stage.fit, tfc.KerasFit) else stage.fit.fit for stage in found.stages]
    assert all(fit.data is found.data for fit in fits) and len(found.data.train) == 80
    assert isinstance(found.data, HeldOut) and len(found.data.test) == 20


def test_the_written_recipe_trains_on_the_same_and_is_evaluated_on_test():
    found = held_out(recipe(), 0.2)
    assert len(found.data.train) == 80 and len(found.data.test) == 100
    assert len(found.stages) == 6 and found.checks == recipe().checks


def test_a_fit_that_hides_its_data_is_refused():
    fit = tfc.fit(lambda model, callbacks: None, steps=3)
    with pytest.raises(InvalidRecipe, match=r"Stage 'teacher' must train on the recipe's data"):
        scored(recipe(fit), 0.2, ())


def test_a_fit_on_other_data_is_refused():
    fit = tfc.KerasFit(tfc.Digits(num_examples=50))
    with pytest.raises(InvalidRecipe, match="or says other data"):
        scored(recipe(fit), 0.2, ())


def test_a_fit_that_hides_its_data_may_train_where_there_is_a_validation_split():
    arrays = tuple(array[:20] for array in (DATA.train.inputs, DATA.train.targets))
    own = tfc.dataset(arrays, arrays, arrays, task=tfc.Classification())
    fit = tfc.fit(lambda model, callbacks: None, steps=3)
    whole = dataclasses.replace(recipe(fit), data=own)
    assert scored(whole, 0.2, ()).stages[0].fit is fit


def test_a_recipe_without_files_cannot_be_searched():
    with pytest.raises(InvalidRecipe, match="must have a file"):
        scored(dataclasses.replace(recipe(), exports={}), 0.2, ())
