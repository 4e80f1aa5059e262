"""Quantization-aware training on a small real training: accuracy, zeros kept or not, and clear refusals."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import is_quantization_aware, keras
from tfcompress.measuring.measure import kernels, num_distinct, zero_share
from tfcompress.measuring.tflite import read
from tfcompress.models_io.copying import copy_model, load_model, save_model

DATA = tfc.Digits()


@pytest.fixture(scope="module")
def pruned():
    keras.utils.set_random_seed(0)
    model = tfc.simple_cnn((8, 8, 1), width=4, hidden_units=16)
    return tfc.PruneLowMagnitude(0.5).apply(model, tfc.KerasFit(DATA, epochs=15))


def fit(epochs=2):
    return tfc.KerasFit(DATA, epochs=epochs, learning_rate=0.005)


def accuracy(model):
    answers = model.predict(DATA.model_inputs(DATA.test.inputs), verbose=0).argmax(-1)
    return (answers == DATA.test.targets).mean()


def zeros(model):
    return min(zero_share(kernel) for kernel in kernels(model).values())


@pytest.fixture(scope="module")
def from_pruned(pruned):
    """What becomes of `pruned`, and its weights from before."""
    before = [weight.copy() for weight in pruned.get_weights()]
    return tfc.QuantizeAware().apply(pruned, fit()), before


def test_keeps_zeros_by_default_when_there_are_some(pruned, from_pruned):
    aware, _ = from_pruned
    assert is_quantization_aware(aware)
    assert zeros(aware) == pytest.approx(zeros(pruned), abs=1e-6)


def test_fills_zeros_when_told_to(pruned):
    assert zeros(tfc.QuantizeAware(keep_sparsity=False).apply(pruned, fit())) < 0.1


def test_answers_as_well_as_the_float_model_after_a_short_training(pruned, from_pruned):
    assert accuracy(from_pruned[0]) > accuracy(pruned) - 0.03


def test_leaves_the_model_that_came_in_alone(pruned, from_pruned):
    _, before = from_pruned
    assert all(np.array_equal(old, new) for old, new in zip(before, pruned.get_weights(), strict=True))


def test_a_layer_that_tfmot_cannot_quantize_is_named():
    inputs = keras.Input((8, 4), name="sequence")
    model = keras.Model(inputs, keras.layers.SimpleRNN(3, name="memory")(inputs))
    with pytest.raises(tfc.UnsupportedModel, match="memory"):
        tfc.QuantizeAware().apply(model, fit())


def test_twice_is_refused(from_pruned):
    aware, _ = from_pruned
    with pytest.raises(tfc.UnsupportedModel, match="quantization-aware"):
        tfc.QuantizeAware().apply(aware, fit(1))


def test_bad_value_names_its_field():
    with pytest.raises(tfc.InvalidValue, match="QuantizeAware.keep_sparsity"):
        tfc.QuantizeAware(keep_sparsity="yes")


@pytest.fixture(scope="module")
def clustered(pruned):
    return tfc.Cluster(8).apply(pruned, fit(1))


@pytest.fixture(scope="module")
def aware_of_clusters(clustered):
    return tfc.QuantizeAware().apply(clustered, fit())


def num_values(model):
    return max(num_distinct(kernel) for kernel in kernels(model).values())


def test_keeps_clusters_and_zeros_together_and_tunes_them(clustered, aware_of_clusters):
    assert num_values(aware_of_clusters) <= 8
    for name, before in kernels(clustered).items():
        after = kernels(aware_of_clusters)[name]
        assert (after[before == 0] == 0).all()
        assert (after != before).any()
        for value in np.unique(before):  # what was one cluster is one
            assert len(np.unique(after[before == value])) == 1
    assert accuracy(aware_of_clusters) > accuracy(clustered) - 0.03


def test_clusters_and_zeros_are_in_the_int8_tensors_of_the_file(from_pruned, aware_of_clusters, tmp_path):
    path = tmp_path / "model.tflite"
    kept = tfc.Int8().convert(aware_of_clusters, DATA, path)
    contents = read(path)
    assert {kernel.values.dtype for kernel in contents.kernels} == {np.dtype("int8")}
    for kernel in contents.kernels:
        parts = [kernel.values] if kernel.channel_axis is None else np.moveaxis(kernel.values, kernel.channel_axis, 0)
        assert max(len(np.unique(part)) for part in parts) <= 8
    assert contents.sparsity >= 0.5 - 0.005
    without = tfc.Int8().convert(from_pruned[0], DATA, tmp_path / "without.tflite")
    assert kept.zipped_bytes < without.zipped_bytes


def test_clusters_alone_are_kept_where_there_are_no_zeros(trained):
    clustered = tfc.Cluster(8).apply(trained, fit(1))
    aware = tfc.QuantizeAware().apply(clustered, fit(1))
    assert zeros(aware) == 0
    assert num_values(aware) == 8


def test_parts_clusters_when_told_to(clustered):
    parted = tfc.QuantizeAware(keep_clusters=False).apply(clustered, fit(1))
    assert num_values(parted) > 100


def test_finds_no_clusters_in_a_pruned_model(from_pruned):
    assert num_values(from_pruned[0]) > 100


def through_a_file(suffix):
    def saved(model, tmp_path):
        save_model(model, tmp_path / f"model{suffix}")
        return load_model(tmp_path / f"model{suffix}")

    return saved


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda model, _: copy_model(model), id="copied"),
        pytest.param(through_a_file(".keras"), id=".keras"),
        pytest.param(through_a_file(".h5"), id=".h5", marks=pytest.mark.slow),
    ],
)
def test_goes_on_keeping_clusters_and_zeros_after_a_copy_and_a_reload(again, aware_of_clusters, tmp_path):
    copy = again(aware_of_clusters, tmp_path)
    fit(1)(copy)
    assert num_values(copy) <= 8
    assert zeros(copy) == pytest.approx(zeros(aware_of_clusters), abs=1e-6)
    assert any((kernels(copy)[name] != values).any() for name, values in kernels(aware_of_clusters).items())


def test_a_bad_value_of_clusters_names_its_field():
    with pytest.raises(tfc.InvalidValue, match="QuantizeAware.keep_clusters"):
        tfc.QuantizeAware(keep_clusters=16)
