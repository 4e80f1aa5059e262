"""Teachers by name in a recipe: several at once, their answers kept, and a stage that is refitted without training."""

from functools import partial

import numpy as np

import tfcompress as tfc
from tfcompress.running.run import run
from tfcompress.running.store import Store


def test_stages_teach_by_their_names(tmp_path):
    data = tfc.Digits(num_examples=128)
    fit = tfc.KerasFit(data, epochs=2, batch_size=16)
    taught = tfc.distilled(fit, ("small", "large"), tfc.SoftTargets(2.0), cache=tmp_path / "logits")
    build = partial(tfc.simple_cnn, (8, 8, 1), hidden_units=8)
    recipe = tfc.Recipe(
        data=data,
        stages=(
            tfc.Stage("small", tfc.Train(), fit, start=partial(build, width=2)),
            tfc.Stage("large", tfc.Train(), fit, start=partial(build, width=4)),
            tfc.Stage("pruned", tfc.PruneWeights(0.5, schedule=tfc.ConstantSparsity()), taught, start="large"),
            tfc.Stage("refitted", tfc.Refit("large")),
        ),
        exports={},
        checks=(),
    )
    store = Store(tmp_path / "run")
    store.open()
    first = run(recipe, store)
    assert len(list((tmp_path / "logits").iterdir())) == 1
    second = run(recipe, store)
    by_name = {stage.name: stage for stage in first.stages}
    assert [stage.key for stage in second.stages] == [stage.key for stage in first.stages]
    assert (by_name["refitted"].history, by_name["refitted"].fit, by_name["refitted"].steps) == ({}, None, 0)
    assert by_name["refitted"].measurement.sparsity >= 0.5 - 0.01
    pruned, refitted = (np.load(tmp_path / "run" / name / "outputs" / "0.npy") for name in ("3-pruned", "4-refitted"))
    assert (pruned != refitted).any()
