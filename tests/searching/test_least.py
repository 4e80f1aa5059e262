"""The least bytes of a file, against hand-worked ones."""

import dataclasses
import math
from functools import partial

import pytest

import tfcompress as tfc
from tfcompress.core.errors import ImpossibleBudget
from tfcompress.searching.least import Least, least_bytes, require_possible
from tfcompress.searching.space import space_of


@dataclasses.dataclass(frozen=True)
class Settings(tfc.Settings):
    final_sparsity: float = tfc.setting(0.5, "of zeros", tfc.between(0.5, 0.9))
    num_clusters: int | None = tfc.setting(None, "values", tfc.one_of(None, 16))


def dense():
    from tfcompress.backend.tensorflow import keras

    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(inputs)))


def recipe(settings, built=dense):
    data = tfc.Digits(num_examples=64)
    fit = tfc.KerasFit(data, epochs=1)
    stages = [
        tfc.Stage("baseline", tfc.Train(), fit, start=built),
        tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity), fit),
    ]
    if settings.num_clusters:
        stages.append(tfc.Stage("clustered", tfc.Cluster(settings.num_clusters), fit))
    return tfc.Recipe(data, tuple(stages), {stages[-1].name: (tfc.Int8(),)}, ())


@pytest.fixture(scope="module")
def least():
    return least_bytes(space_of(Settings()), recipe)


def test_it_is_found_at_the_end_of_the_ranges_that_makes_it_least(least):
    assert least.settings == {"final_sparsity": 0.9, "num_clusters": 16}


def test_zipped_is_the_entropy_of_where_the_zeros_are_and_the_bits_of_the_rest(least):
    entropy = -0.9 * math.log2(0.9) - 0.1 * math.log2(0.1)
    assert least.zipped_bytes == pytest.approx(640 * (entropy + 0.1 * 2) / 8)  # log2(16) / 2 bits of each cluster


def test_raw_is_a_byte_a_weight(least):
    assert least.raw_bytes == 640


@dataclasses.dataclass(frozen=True)
class Removing(tfc.Settings):
    ratio: float = tfc.setting(0.0, "of channels", tfc.one_of(0.0, 0.1, 0.5))


def narrow():
    from tfcompress.backend.tensorflow import keras

    layers = [keras.Input((8,)), keras.layers.Dense(16), keras.layers.Dense(2, name="logits")]
    return keras.Sequential(layers)


def with_channels(settings):
    data = tfc.Digits(num_examples=64)
    stages = [tfc.Stage("baseline", tfc.Train(), tfc.KerasFit(data, epochs=1), start=narrow)]
    if settings.ratio:
        stages.append(tfc.Stage("smaller", tfc.PruneChannels(settings.ratio), tfc.KerasFit(data, epochs=1)))
    return tfc.Recipe(data, tuple(stages), {stages[-1].name: (tfc.Int8(),)}, ())


def test_what_a_technique_refuses_is_left_out():
    """A tenth of 16 channels is none, as eight go or stay together."""
    space = space_of(Removing())
    with pytest.raises(tfc.NothingHappened):
        least_bytes(space_of(Removing(ratio=0.1)), with_channels)  # the recipe as it is
    assert least_bytes(space, with_channels).settings == {"ratio": 0.5}


def test_the_model_is_built_once():
    built = []

    def build():
        built.append(1)
        return dense()

    least_bytes(space_of(Settings()), partial(recipe, built=build))
    assert len(built) == 1


@dataclasses.dataclass(frozen=True)
class Together(Settings):
    clusters: bool = tfc.setting(False, "whether num_clusters counts", tfc.one_of(False, True))


def test_settings_that_count_only_together_are_found_together(least):
    def make(settings):
        return recipe(settings if settings.clusters else dataclasses.replace(settings, num_clusters=None))

    found = least_bytes(space_of(Together()), make)
    assert found.settings == {"final_sparsity": 0.9, "num_clusters": 16, "clusters": True}
    assert found.zipped_bytes == least.zipped_bytes


def test_a_bound_below_is_refused_with_what_is_possible():
    least = Least(640, 60.2, {"final_sparsity": 0.9})
    require_possible(least, {"zipped_bytes": 61, "raw_bytes": 640})
    with pytest.raises(ImpossibleBudget, match=r"must be at least 61 B: .*computed at final_sparsity=0.9.* 60 B"):
        require_possible(least, {"zipped_bytes": 60})
