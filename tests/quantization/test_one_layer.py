"""One layer quantized, the others whole: against the same done by hand with QuantizeKernels and with NumPy."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.compare import sums_of
from tfcompress.measuring.measure import kernels
from tfcompress.quantization.one_layer import OneLayer

L = keras.layers


@pytest.fixture
def small():
    """Two convolutions, one of them in a nested model and called twice, and a dense layer."""
    set_seed(3)
    inner = keras.Input((6, 6, 4))
    nested = keras.Model(inner, L.ReLU(name="relu")(L.Conv2D(4, 3, padding="same", name="inner")(inner)), name="nested")
    inputs = keras.Input((6, 6, 2))
    x = L.BatchNormalization(name="bn")(L.Conv2D(4, 1, name="outer")(inputs))
    x = L.Flatten()(nested(nested(x)))
    return keras.Model(inputs, L.Dense(3, name="logits")(x))


@pytest.fixture
def examples():
    return [np.random.default_rng(seed).normal(size=(5 - seed, 6, 6, 2)).astype("float32") for seed in range(2)]


@pytest.mark.parametrize("layer", ["outer", "inner", "logits"])
def test_answers_are_those_of_the_model_with_that_kernel_quantized(small, examples, layer):
    network = OneLayer(small, "test")
    others = {name.split("/")[0]: None for name in kernels(small) if not name.startswith(layer)}
    by_hand = tfc.QuantizeKernels(tfc.Affine(bits=3), per_layer=others).apply(small)
    with network.quantized(layer, network.kernels[layer].rough(tfc.Affine(bits=3))):
        found = network.outputs(examples[0])[0].numpy()
    np.testing.assert_allclose(found, by_hand(examples[0]).numpy(), atol=1e-5)
    np.testing.assert_allclose(network.outputs(examples[0])[0].numpy(), small(examples[0]).numpy(), atol=1e-5)


def test_errors_of_outputs_are_of_each_layer_on_its_own_input(small, examples):
    before = [weight.copy() for weight in small.get_weights()]
    network = OneLayer(small, "test")
    found = network.output_errors(tfc.Affine(bits=3), examples)
    rough = tfc.QuantizeKernels(tfc.Affine(bits=3)).apply(small)

    # `logits` reads the whole network's features, and `outer` the inputs themselves.
    features = keras.Model(small.input, small.get_layer("logits").input)(np.concatenate(examples))
    exact, noisy = (model.get_layer("logits")(features).numpy() for model in (small, rough))
    assert found["logits"].sqnr_db == pytest.approx(sums_of(exact, noisy).sqnr_db, abs=1e-3)
    assert found["logits"].cosine == pytest.approx(sums_of(exact, noisy).cosine, abs=1e-5)
    inputs = np.concatenate(examples)
    exact, noisy = (model.get_layer("outer")(inputs).numpy() for model in (small, rough))
    assert found["outer"].sqnr_db == pytest.approx(sums_of(exact, noisy).sqnr_db, abs=1e-3)

    # `inner` is called twice: both calls count, each on what it reads in the float model.
    first = small.get_layer("bn")(small.get_layer("outer")(inputs))
    second = small.get_layer("nested")(first)
    pairs = [
        tuple(model.get_layer("nested").get_layer("inner")(x).numpy() for model in (small, rough))
        for x in (first, second)
    ]
    by_hand = sums_of(*pairs[0]) + sums_of(*pairs[1])
    assert found["inner"].sqnr_db == pytest.approx(by_hand.sqnr_db, abs=1e-3)
    assert all(np.array_equal(old, new) for old, new in zip(before, small.get_weights(), strict=True))


def test_an_output_is_rounded_where_the_file_has_it(small, examples):
    network = OneLayer(small, "test", activation_bits=4)
    network.calibrate(examples)
    inputs = np.concatenate(examples)
    with network.quantized("outer", network.kernels["outer"].whole):
        found = network.outputs(inputs)[0].numpy()

    # Behind the normalization: 16 levels over the extremes, one of them zero (TFLite's asymmetric scheme).
    values = small.get_layer("bn")(small.get_layer("outer")(inputs)).numpy()
    levels, grid = tfc.Affine(bits=4, symmetric=False, per_channel=False).quantize(values)
    rounded = (levels - grid.zero_point[0]) * grid.scale[0]
    assert 8 < len(np.unique(rounded)) <= 16
    rest = small.get_layer("logits")(
        small.layers[-2](small.get_layer("nested")(small.get_layer("nested")(rounded.astype("float32"))))
    )
    np.testing.assert_allclose(found, rest.numpy(), atol=1e-3)


@pytest.mark.parametrize(
    "layer",
    [L.LSTM(4), L.Bidirectional(L.GRU(3)), L.TimeDistributed(L.Dense(3)), L.Conv1D(4, 3), L.SeparableConv1D(4, 3)],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_of_every_kind_can_be_the_one(layer):
    inputs = keras.Input((5, 3))
    model = keras.Model(inputs, L.Dense(2, name="end")(L.Flatten()(layer(inputs))))
    examples = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    network = OneLayer(model, "test", activation_bits=8)
    network.calibrate([examples])
    (name,) = set(network.kernels) - {"end"}
    errors = network.output_errors(tfc.Affine(bits=4), [examples])
    rough = tfc.QuantizeKernels(tfc.Affine(bits=4), per_layer={"end": None}).apply(model)
    exact, noisy = model.get_layer(name)(examples).numpy(), rough.get_layer(name)(examples).numpy()
    assert errors[name].sqnr_db == pytest.approx(sums_of(exact, noisy).sqnr_db, abs=1e-2)
    assert 5 < errors[name].sqnr_db < 60


def test_a_users_own_layer_may_branch_on_a_tensor():
    """Keras converts such code by autograph, which must reach it through what watches the layer."""

    @keras.saving.register_keras_serializable("tests")
    class Branching(L.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 3))

        def call(self, x):
            y = x @ self.kernel
            if keras.backend.sum(x) > 0:
                y = 2.0 * y
            return y

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Branching(name="own")(inputs))
    network = OneLayer(model, "test")
    examples = np.ones((2, 4), "float32")
    np.testing.assert_allclose(network.outputs(examples)[0].numpy(), 2 * examples @ model.get_weights()[0], rtol=1e-5)
    assert network.output_errors(tfc.Affine(bits=4), [examples])["own"].sqnr_db > 5


def test_what_has_no_float_kernels_is_refused(aware):
    with pytest.raises(tfc.UnsupportedModel, match="test expects a float model"):
        OneLayer(aware, "test")
    inputs = keras.Input((4,))
    with pytest.raises(tfc.UnsupportedModel, match="expects a layer with a kernel. Received: InputLayer, ReLU"):
        OneLayer(keras.Model(inputs, L.ReLU()(inputs)), "test")
