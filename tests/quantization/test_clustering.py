import dataclasses

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.remarks import collecting
from tfcompress.measuring.measure import kernels, measure, num_distinct
from tfcompress.measuring.promises import judge_file, judge_model
from tfcompress.measuring.tflite import read
from tfcompress.models_io.copying import copy_model

layers = keras.layers


@pytest.fixture
def fit(digits):
    return tfc.KerasFit(digits, epochs=1, learning_rate=0.005)


@pytest.fixture(scope="module")
def of_sixteen(trained, digits):
    return tfc.Cluster(16).apply(trained, tfc.KerasFit(digits, epochs=1, learning_rate=0.005))


def answers_right(model, digits):
    return float((model(digits.model_inputs(digits.test.inputs)).numpy().argmax(-1) == digits.test.targets).mean())


def num_values(model):
    return {name: num_distinct(values) for name, values in kernels(model).items()}


slow = pytest.mark.slow


@pytest.mark.parametrize("start", ["kmeans++", pytest.param("density", marks=slow), pytest.param("linear", marks=slow)])
def test_each_kernel_has_as_few_values_as_were_asked_for(start, trained, digits, fit):
    clustered = tfc.Cluster(16, start=start).apply(trained, fit)
    assert max(num_values(clustered).values()) <= 16
    assert min(num_values(clustered).values()) > 8
    assert answers_right(clustered, digits) > answers_right(trained, digits) - 0.04


def test_training_moves_the_centroids(trained, digits, fit):
    still = tfc.KerasFit(digits, epochs=1, learning_rate=1e-9)
    before, after = (kernels(tfc.Cluster(8).apply(trained, each)) for each in (still, fit))
    assert all((before[name] != values).any() for name, values in after.items())


def test_zeros_stay_and_are_one_of_the_values(sparse, fit):
    clustered = kernels(tfc.Cluster(8).apply(sparse, fit))
    for name, before in kernels(sparse).items():
        assert (clustered[name][before == 0] == 0).all()
        assert num_distinct(clustered[name]) <= 8


def test_zeros_stay_in_layers_that_are_not_clustered(sparse, fit):
    technique = tfc.Cluster(8, per_layer={"conv*": None})
    after, before = kernels(technique.apply(sparse, fit)), kernels(sparse)
    for name in ("conv1/kernel", "conv2/kernel"):
        assert num_distinct(after[name]) > 8 and (after[name] != before[name]).any()
        np.testing.assert_array_equal(after[name] == 0, before[name] == 0)
    assert (before["conv2/kernel"] == 0).mean() > 0.2
    spread = dataclasses.replace(technique, preserve_sparsity=False).apply(sparse, fit)
    assert (kernels(spread)["conv2/kernel"] == 0).mean() < 0.2


def test_zeros_do_not_stay_when_they_need_not(sparse, fit):
    assert tfc.Cluster(preserve_sparsity=False).keeps == frozenset()
    clustered = kernels(tfc.Cluster(8, preserve_sparsity=False).apply(sparse, fit))
    assert any((clustered[name][before == 0] != 0).any() for name, before in kernels(sparse).items())


def test_the_model_that_came_in_and_its_names_are_as_they_were(trained, fit):
    before = trained.get_weights()
    clustered = tfc.Cluster(4).apply(trained, fit)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [layer.name for layer in clustered.layers] == [layer.name for layer in trained.layers]
    assert [weight.name for weight in clustered.weights] == [weight.name for weight in trained.weights]


def test_layers_have_their_own_numbers_and_some_none(trained, fit, remarks):
    technique = tfc.Cluster(4, per_layer={"conv1": None, "conv*": 12})
    numbers = num_values(technique.apply(trained, fit))
    assert numbers["conv1/kernel"] > 100
    assert numbers["conv2/kernel"] <= 12 < numbers["conv1/kernel"]
    assert numbers["dense1/kernel"] <= 4
    assert {promise.at_most: promise.kernels for promise in technique.promises(trained)} == {
        12: ("conv2/kernel",),
        4: ("dense1/kernel", "logits/kernel"),
    }
    assert remarks == ["not clustered: conv1."]


@pytest.mark.parametrize("exporter", [tfc.Float32(), tfc.Float16(), tfc.DynamicRange(), tfc.Int8()])
def test_the_file_keeps_the_promise_and_that_of_the_float_model_does_not(
    exporter, trained, of_sixteen, digits, tmp_path
):
    clustered = of_sixteen
    (promise,) = tfc.Cluster(16).promises(trained)
    sizes = {name: values.size for name, values in kernels(trained).items()}
    assert judge_model(promise, measure(clustered), sizes).kept
    assert not judge_model(promise, measure(trained), sizes).kept
    kept, plain = (
        exporter.convert(model, digits, tmp_path / f"{name}.tflite")
        for name, model in (("kept", clustered), ("plain", trained))
    )
    assert judge_file([promise], read(kept.path), sizes)[0].kept
    assert not judge_file([promise], read(plain.path), sizes)[0].kept
    assert kept.zipped_bytes < 0.8 * plain.zipped_bytes


def test_a_kernel_that_has_few_values_already_keeps_them(trained, fit):
    model = copy_model(trained)
    kernel = model.get_layer("conv2").kernel
    kernel.assign(np.sign(kernel.numpy()))
    clustered = tfc.Cluster(8).apply(model, fit)
    assert num_values(clustered)["conv2/kernel"] == 2
    assert clustered.get_layer("conv2").trainable  # it was held only while the others trained


def test_batch_norm_depthwise_and_nested_models(digits, remarks):
    inner = keras.Sequential([keras.Input((8, 8, 6)), layers.Conv2D(6, 1, name="inside")], name="inner")
    inputs = keras.Input((8, 8, 1))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, name="first")(layers.ZeroPadding2D(1)(inputs)))
    x = inner(layers.DepthwiseConv2D(3, padding="same", name="apart")(layers.ReLU()(x)))
    model = keras.Model(inputs, layers.Dense(10, name="logits")(layers.GlobalAveragePooling2D()(x)))
    clustered = tfc.Cluster(5).apply(model, tfc.KerasFit(digits, epochs=1))
    numbers = num_values(clustered)
    assert {name for name, number in numbers.items() if number <= 5} == {
        "first/kernel",
        "inside/kernel",
        "logits/kernel",
    }
    assert remarks == ["not clustered: apart."]
    assert (clustered.get_layer("norm").moving_mean.numpy() != 0).all()  # trained along


def test_a_model_that_cannot_be_clustered_is_refused(aware, fit):
    inputs = keras.Input((4, 4, 2))
    with pytest.raises(tfc.UnsupportedModel, match="DepthwiseConv2D"):
        tfc.Cluster().apply(keras.Model(inputs, layers.DepthwiseConv2D(3)(inputs)), fit)
    with pytest.raises(tfc.UnsupportedModel, match="before QuantizeAware"):
        tfc.Cluster().apply(aware, fit)


def test_nothing_to_do_and_patterns_without_a_match_are_refused(trained, fit):
    with pytest.raises(tfc.NothingHappened, match="conv1"):
        tfc.Cluster(per_layer={"*": None}).apply(trained, fit)
    with pytest.raises(tfc.InvalidValue, match="'conv9'"):
        tfc.Cluster(per_layer={"conv9": 4}).apply(trained, fit)


@pytest.mark.parametrize(
    "bad",
    [
        {"num_clusters": 2},
        {"num_clusters": 257},
        {"num_clusters": 16.0},
        {"preserve_sparsity": None},
        {"start": "random"},
        {"per_layer": {"a": 1}},
    ],
)
def test_a_bad_value_names_its_field(bad):
    with pytest.raises(tfc.InvalidValue, match=f"Cluster.{next(iter(bad))} "):
        tfc.Cluster(**bad)


def test_frozen_layers_are_clustered_without_training():
    keras.utils.set_random_seed(0)
    frozen = layers.Dense(8, input_shape=(6,), name="frozen", trainable=False)
    model = keras.Sequential([frozen, layers.Dense(8, name="hidden"), layers.Dense(2, name="logits")])
    kernel = frozen.get_weights()[0]
    kernel[np.abs(kernel) < 0.2] = 0
    frozen.set_weights([kernel, frozen.get_weights()[1]])

    def train(model, callbacks):
        model.compile("adam", "mse")
        model.fit(np.ones((8, 6)), np.ones((8, 2)), verbose=0, callbacks=callbacks)

    with collecting() as said:
        clustered = tfc.Cluster(4).apply(model, tfc.fit(train, steps=1))
    assert said == ["clustered by k-means, and not trained, as they are frozen: frozen."]
    found = clustered.get_layer("frozen")
    assert not found.trainable and clustered.get_layer("hidden").trainable
    assert np.array_equal(found.get_weights()[0], tfc.Codebook(4).approximate(kernel))
    assert np.array_equal(found.get_weights()[0] == 0, kernel == 0)
    assert num_distinct(clustered.get_layer("hidden").get_weights()[0]) <= 4


def test_a_model_that_is_frozen_as_a_whole_is_clustered():
    model = keras.Sequential([layers.Dense(8, input_shape=(6,), name="frozen")])
    model.trainable = False

    def train(model, callbacks):
        model.compile("sgd", "mse")
        model.fit(np.ones((8, 6)), np.ones((8, 8)), verbose=0, callbacks=callbacks)

    clustered = tfc.Cluster(4).apply(model, tfc.fit(train, steps=1))
    assert num_distinct(clustered.get_layer("frozen").get_weights()[0]) <= 4
