"""Magnitude pruning on small real trainings: which weights go, which stay, and that they stay gone."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.core.remarks import collecting
from tfcompress.measuring.measure import kernels, zero_share

DATA = tfc.Digits(num_examples=128)


def network():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="conv1")(inputs)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Conv2D(8, 1, name="conv2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x))


def fit(epochs=2):
    return tfc.KerasFit(DATA, epochs=epochs, batch_size=16)


def zeros(model):
    return {name.partition("/")[0]: zero_share(kernel) for name, kernel in kernels(model).items()}


def test_every_kernel_that_tfmot_can_prune_reaches_its_sparsity():
    found = zeros(tfc.PruneLowMagnitude(0.75).apply(network(), fit()))
    assert found.pop("depthwise") == 0.0  # tfmot takes a DepthwiseConv2D without pruning it
    assert found == pytest.approx(dict.fromkeys(("conv1", "conv2", "hidden", "logits"), 0.75), abs=0.01)


def test_gives_a_plain_model_and_leaves_the_one_that_came_in_alone():
    model = network()
    before = [weight.copy() for weight in model.get_weights()]
    pruned = tfc.PruneLowMagnitude(0.5).apply(model, fit())
    assert [layer.name for layer in pruned.layers] == [layer.name for layer in model.layers]
    assert [type(layer) for layer in pruned.layers] == [type(layer) for layer in model.layers]
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_the_smallest_weights_go():
    model = network()
    still = tfc.KerasFit(DATA, epochs=1, batch_size=16, learning_rate=1e-12)  # training must not move what is compared
    pruned = tfc.PruneLowMagnitude(0.5, tfc.ConstantSparsity()).apply(model, still)
    for name, kernel in kernels(model).items():
        if name != "depthwise/depthwise_kernel":
            gone = kernels(pruned)[name] == 0
            assert np.abs(kernel[gone]).max() <= np.abs(kernel[~gone]).min()


def test_per_layer_sparsities_by_name_and_pattern():
    technique = tfc.PruneLowMagnitude(0.5, per_layer={"logits": 0.0, "conv*": 0.25})
    found = zeros(technique.apply(network(), fit()))
    assert found == pytest.approx({"conv1": 0.25, "depthwise": 0, "conv2": 0.25, "hidden": 0.5, "logits": 0}, abs=0.02)


def test_promises_are_those_of_the_layers_that_it_prunes():
    promises = tfc.PruneLowMagnitude(0.5, per_layer={"logits": 0.0, "conv1": 0.25}).promises(network())
    assert {promise.at_least: promise.kernels for promise in promises} == {
        0.25: ("conv1/kernel",),
        0.5: ("conv2/kernel", "hidden/kernel"),
    }


def test_blocks_of_dense_kernels_go_together():
    pruned = tfc.PruneLowMagnitude(0.5, block_size=(1, 4), per_layer={"logits": 0.0}).apply(network(), fit())
    kernel = kernels(pruned)["hidden/kernel"]  # (128, 16): blocks of 4 along the columns
    blocks = (kernel == 0).reshape(kernel.shape[0], -1, 4).sum(-1)
    assert set(np.unique(blocks)) == {0, 4}
    assert zero_share(kernel) == pytest.approx(0.5, abs=0.01)


def test_two_of_four_weights_along_the_input_channels_are_zero():
    pruned = tfc.PruneLowMagnitude(0.5, m_by_n=(2, 4)).apply(network(), fit())
    found = kernels(pruned)
    assert zero_share(found["conv1/kernel"]) == 0.0  # one input channel: four do not divide it
    for name in ("conv2/kernel", "hidden/kernel", "logits/kernel"):
        along_inputs = np.moveaxis(found[name], -2, -1)
        groups = (along_inputs == 0).reshape(-1, 4).sum(-1)
        assert set(np.unique(groups)) == {2}, name


def test_compounding_reaches_the_textbooks_sparsity():
    technique = tfc.PruneLowMagnitude(0.875, tfc.Compounding(at=(3 / 4, 7 / 8, 7 / 8)))
    found = zeros(technique.apply(network(), fit()))
    assert found["hidden"] == pytest.approx(0.875, abs=0.01)


def test_prunes_inside_nested_models():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="inside")], name="inner")
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Dense(4, name="first")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(10, name="logits")(inner(x)))
    pruned = tfc.PruneLowMagnitude(0.5).apply(model, fit())
    assert zeros(pruned) == pytest.approx({"first": 0.5, "inside": 0.5, "logits": 0.5}, abs=0.05)


def test_a_schedule_that_never_fires_is_an_error():
    class Nothing:
        steps = 0

        def __call__(self, model, callbacks=()):
            return None

    with pytest.raises(tfc.NothingHappened, match="0 steps"):
        tfc.PruneLowMagnitude(0.5).apply(network(), Nothing())


def test_a_pattern_that_matches_nothing_names_what_is_near():
    with pytest.raises(tfc.InvalidValue, match="hidden"):
        tfc.PruneLowMagnitude(0.5, per_layer={"hiden": 0.1}).promises(network())


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()])
    with pytest.raises(tfc.UnsupportedModel, match="ReLU"):
        tfc.PruneLowMagnitude(0.5).apply(model, fit())


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"final_sparsity": 1.0}, "final_sparsity"),
        ({"final_sparsity": 0.5, "block_size": (0, 1)}, "block_size"),
        ({"final_sparsity": 0.5, "m_by_n": (4, 4)}, "m_by_n"),
        ({"final_sparsity": 0.75, "m_by_n": (2, 4)}, "final_sparsity"),
        ({"per_layer": {"a": 1.0}}, "per_layer"),
    ],
)
def test_bad_values_name_their_field(settings, field):
    with pytest.raises(tfc.InvalidValue, match=f"PruneLowMagnitude.{field}"):
        tfc.PruneLowMagnitude(**settings)


class Own(keras.layers.Layer):
    def build(self, input_shape):
        self.matrix = self.add_weight(name="matrix", shape=(input_shape[-1], 3))

    def call(self, inputs):
        return inputs @ self.matrix


def train(model, callbacks):
    model.compile("sgd", "mse")
    inputs = np.zeros((4, *model.input_shape[1:]), "float32")
    model.fit(inputs, np.zeros((4, *model.output_shape[1:])), batch_size=1, verbose=0, callbacks=list(callbacks))


TRAIN = tfc.fit(train, steps=4)


def test_layers_that_are_left_whole_are_named_with_the_way_out():
    layers = keras.layers
    stack = [layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both", input_shape=(4, 3))]
    stack += [layers.TimeDistributed(layers.Dense(3), name="each"), layers.SeparableConv1D(4, 2, name="separable")]
    stack += [layers.Dense(4, name="spared"), Own(name="own"), layers.Dense(2, name="logits")]
    with collecting() as said:
        pruned = tfc.PruneLowMagnitude(0.5, per_layer={"spared": 0}).apply(keras.Sequential(stack), TRAIN)
    names = "both/kernel, both/recurrent_kernel, both/kernel_2, both/recurrent_kernel_2"
    assert said == [
        f"not pruned: {names} (tfmot does not prune Bidirectional; PruneWeights does).",
        "not pruned: each/kernel (tfmot does not prune TimeDistributed; PruneWeights does).",
        "not pruned: separable/depthwise_kernel (tfmot leaves depthwise kernels whole; PruneWeights prunes those that "
        "per_layer names).",
        "not pruned: own (weights of Own are not named as kernels are: kernel, depthwise_kernel, pointwise_kernel, "
        "recurrent_kernel, embeddings).",
    ]
    found = zeros(pruned)
    assert found["logits"] == 0.5 and found["both"] == found["each"] == found["spared"] == 0


def test_nothing_is_said_where_all_is_pruned():
    model = keras.Sequential([keras.layers.Dense(4, input_shape=(3,))])
    with collecting() as said:
        tfc.PruneLowMagnitude(0.5).apply(model, TRAIN)
    assert said == []


def test_a_model_of_which_nothing_can_be_pruned_is_refused_with_the_way_out():
    model = keras.Sequential([keras.layers.DepthwiseConv2D(3, input_shape=(8, 8, 2), name="depthwise")])
    with pytest.raises(tfc.UnsupportedModel, match="depthwise/depthwise_kernel .*PruneWeights prunes those"):
        tfc.PruneLowMagnitude(0.5).apply(model, TRAIN)
    assert zeros(tfc.PruneWeights(0.5, per_layer={"depthwise": 0.5}).apply(model, TRAIN)) == {"depthwise": 0.5}


def test_no_sparsity_at_all_is_an_error():
    with pytest.raises(tfc.NothingHappened, match="0 for all that it can prune"):
        tfc.PruneLowMagnitude(0.5, per_layer={"*": 0}).apply(network(), TRAIN)


def test_channels_that_do_not_divide_are_named():
    with collecting() as said:
        tfc.PruneLowMagnitude(0.5, m_by_n=(2, 4), schedule=tfc.ConstantSparsity()).apply(network(), fit(1))
    assert said[0] == "not pruned: conv1/kernel (N of (2, 4) does not divide its input channels)."
    assert said[1] == "not pruned: depthwise/depthwise_kernel (tfmot leaves depthwise kernels whole)."
