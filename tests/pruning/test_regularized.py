"""Regularised training on small real trainings: the loss has the term, small units go, and the files get smaller."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.measure import count_parameters, kernels, overall_sparsity
from tfcompress.pruning.regularized import Regularized

DATA = tfc.Digits(num_examples=128)


def network(activation="relu"):
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(8, 3, activation=activation, name="conv1")(inputs)
    x = layers.Conv2D(8, 3, use_bias=False, name="conv2")(x)
    x = layers.BatchNormalization(name="normalized")(x)
    x = layers.ReLU(name="relu")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x))


def fit(epochs=3, learning_rate=0.05):
    return tfc.KerasFit(DATA, epochs=epochs, batch_size=16, learning_rate=learning_rate)


class Recording:
    """A fit that keeps the history, and the first batch's loss."""

    def __init__(self, inner):
        self.inner, self.steps, self.history = inner, inner.steps, {}

    def __call__(self, model, callbacks=()):
        done = self.inner(model, callbacks)
        self.history = done.history
        return done


def unchanged(before, model):
    return all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("term", [tfc.regularizers.L1(), tfc.regularizers.L2()], ids=lambda term: type(term).__name__)
def test_the_wanted_share_of_weights_goes_the_smallest_first(term):
    model = network()
    before = [weight.copy() for weight in model.get_weights()]
    sparse = Regularized(term, final_sparsity=0.75, remove=False).apply(model, fit())
    found = {name: kernel for name, kernel in kernels(sparse).items() if not name.startswith("depthwise")}
    assert overall_sparsity(found) == pytest.approx(0.75, abs=0.001)
    assert unchanged(before, model)
    assert not sparse.losses  # a plain model: the term is gone


def test_the_loss_has_the_term_with_its_strength():
    # One step of no length: the loss told is that of the task and strength * sum |w| of the kernels as they are.
    model = network()
    fits = [Recording(tfc.KerasFit(DATA, epochs=1, batch_size=128, learning_rate=1e-12)) for _ in range(2)]
    tfc.Train().apply(model, fits[0])
    plain = fits[0].history["loss"][0]
    technique = Regularized(strength=0.01, final_sparsity=0.5, keep=("logits",), end=0.99)

    class TwoSteps(Recording):
        steps = 2

    recording = TwoSteps(tfc.KerasFit(DATA, epochs=2, batch_size=128, learning_rate=1e-12))
    recording.steps = 2
    technique.apply(model, recording)
    size = sum(np.abs(kernels(model)[name]).sum() for name in ("conv1/kernel", "conv2/kernel"))
    assert recording.history["loss"][0] == pytest.approx(plain + 0.01 * size, rel=1e-4)
    assert recording.history["strength"] == pytest.approx([0.01, 0.01])


def test_group_lasso_removes_filters_and_what_follows_them():
    smaller = Regularized(tfc.regularizers.GroupLasso(), final_sparsity=0.5).apply(network(), fit())
    filters = {name: smaller.get_layer(name).filters for name in ("conv1", "conv2")}
    assert sum(filters.values()) == 8
    assert smaller.get_layer("normalized").gamma.shape == (filters["conv2"],)
    assert smaller.get_layer("depthwise").depthwise_kernel.shape[2] == filters["conv2"]
    assert smaller.get_layer("logits").kernel.shape == (4 * filters["conv2"], 10)
    assert smaller.output_shape == (None, 10)


def test_network_slimming_removes_the_channels_of_small_scales():
    smaller = Regularized(tfc.regularizers.BatchNormL1(), final_sparsity=0.5).apply(network(), fit())
    assert smaller.get_layer("conv1").filters == 8  # no batch normalisation follows it
    assert smaller.get_layer("conv2").filters == 4


@pytest.mark.parametrize(
    "term",
    [tfc.regularizers.GroupLasso(), pytest.param(tfc.regularizers.BatchNormL1(), marks=pytest.mark.slow)],
    ids=lambda term: type(term).__name__,
)
def test_removal_changes_no_output(term):
    inputs = DATA.model_inputs(DATA.test.inputs[:64])
    set_seed(0)
    start = network()
    outputs = []
    for remove in (False, True):
        set_seed(0)
        outputs.append(Regularized(term, final_sparsity=0.5, remove=remove).apply(start, fit())(inputs).numpy())
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-4 * np.abs(outputs[0]).max())


def test_strength_is_turned_up_while_too_little_is_small_and_down_while_too_much_is():
    from tfcompress.pruning.regularized import Strength

    strength = Strength(None, num_turns=10)
    seen = []
    for too_little in (True, True, False):
        strength.turn(too_little, greatest=2.0)
        seen.append(float(strength.variable))
    factor = 100 ** (2 / 10)  # half of ten turns multiply by 100
    assert seen == pytest.approx([0.2 * factor, 0.2 * factor**2, 0.2 * factor])
    for _ in range(20):
        strength.turn(True, greatest=2.0)
    assert float(strength.variable) == 2.0


def test_a_found_strength_makes_more_weights_small_than_none_does():
    smallest = {}
    for name, strength in (("none", 1e-9), ("found", None)):
        set_seed(0)
        recording = Recording(fit(8))
        technique = Regularized(strength=strength, final_sparsity=0.8, end=0.5, remove=False)
        technique.apply(network(), recording)
        smallest[name] = recording.history
    assert smallest["found"]["strength"][3] > 100 * smallest["none"]["strength"][3]
    # What the cut costs, as the loss of the epoch after it over that of the epoch before.
    cost = {name: history["accuracy"][3] - history["accuracy"][4] for name, history in smallest.items()}
    assert cost["found"] < cost["none"]


def test_works_under_a_teacher():
    smaller = Regularized(tfc.regularizers.GroupLasso(), final_sparsity=0.5).apply(
        network(), tfc.distilled(fit(), network())
    )
    assert smaller.get_layer("conv1").filters + smaller.get_layer("conv2").filters == 8


@pytest.mark.parametrize(
    "term",
    [tfc.regularizers.L1(), pytest.param(tfc.regularizers.L2(), marks=pytest.mark.slow), tfc.regularizers.GroupLasso()],
    ids=lambda term: type(term).__name__,
)
def test_each_term_ends_in_a_smaller_file(term, trained, digits, tmp_path):
    smaller = Regularized(term, final_sparsity=0.6).apply(trained, tfc.KerasFit(digits, epochs=2))
    before = tfc.Float32().convert(trained, digits, tmp_path / "before.tflite")
    after = tfc.Float32().convert(smaller, digits, tmp_path / "after.tflite")
    if isinstance(term, tfc.regularizers.GroupLasso):
        assert after.raw_bytes < 0.5 * before.raw_bytes
        assert count_parameters(smaller) < 0.5 * count_parameters(trained)
    assert after.zipped_bytes < 0.7 * before.zipped_bytes


def test_network_slimming_ends_in_a_smaller_file(digits, tmp_path):
    model = tfc.Train().apply(network(), fit())
    smaller = Regularized(tfc.regularizers.BatchNormL1(), final_sparsity=0.5).apply(model, fit())
    before = tfc.Float32().convert(model, digits, tmp_path / "before.tflite")
    after = tfc.Float32().convert(smaller, digits, tmp_path / "after.tflite")
    halves = 9 * 8 * 4 + 9 * 4 + 16 * 10  # what went of conv2, depthwise and logits, in float32; and of the biases
    assert 4 * halves <= before.raw_bytes - after.raw_bytes <= 4 * halves + 100


def test_nothing_small_is_an_error_that_says_how_small_it_came():
    technique = Regularized(tfc.regularizers.BatchNormL1(), strength=1e-9, final_sparsity=None)
    with pytest.raises(tfc.NothingHappened, match="below 0.1 of their mean size. Received: none after 14 of 24 steps"):
        technique.apply(network(), fit())


def test_a_model_without_what_the_term_acts_on_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    with pytest.raises(tfc.UnsupportedModel, match="a BatchNormalization with a scale. Received: Dense, Flatten"):
        Regularized(tfc.regularizers.BatchNormL1()).apply(model, fit())
    with pytest.raises(tfc.UnsupportedModel, match="filters, before the layer that makes the outputs"):
        Regularized(tfc.regularizers.GroupLasso()).apply(model, fit())


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"term": "l1"}, "term"),
        ({"strength": 0.0}, "strength"),
        ({"final_sparsity": None}, "strength"),
        ({"final_sparsity": 1.0}, "final_sparsity"),
        ({"threshold": 1.0}, "threshold"),
        ({"end": 1.0}, "end"),
        ({"keep": 3}, "keep"),
    ],
)
def test_bad_values_name_their_field(settings, field):
    with pytest.raises(tfc.InvalidValue, match=f"Regularized.{field}"):
        Regularized(**settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    "term", [tfc.regularizers.GroupLasso(), tfc.regularizers.BatchNormL1()], ids=lambda term: type(term).__name__
)
def test_in_a_residual_network_removal_changes_no_output_and_coupled_channels_stay(term):
    start = tfc.resnet(8, (8, 8, 1))
    inputs = DATA.model_inputs(DATA.test.inputs[:64])
    models = []
    for remove in (False, True):
        set_seed(0)
        models.append(Regularized(term, final_sparsity=0.5, remove=remove).apply(start, fit()))
    outputs = [model(inputs).numpy() for model in models]
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-4 * np.abs(outputs[0]).max())
    assert count_parameters(models[1]) < 0.75 * count_parameters(start)
