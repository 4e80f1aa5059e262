"""Weight pruning by scores of our own on small real trainings: which weights go, and that they stay gone."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras
from tfcompress.measuring.measure import kernels, overall_sparsity, zero_share

DATA = tfc.Digits(num_examples=128)
SCORES = [
    tfc.scores.L1(),
    tfc.scores.L2(group="slice"),
    tfc.scores.Movement(),
    tfc.scores.GradientTimesWeight(num_examples=32),
    tfc.scores.Random(),
]


def network():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, name="conv1")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="normalized")(x))
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.Conv2D(8, 1, name="conv2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x))


def fit(epochs=2, learning_rate=0.05):
    return tfc.KerasFit(DATA, epochs=epochs, batch_size=16, learning_rate=learning_rate)


def zeros(model):
    return {name.partition("/")[0]: zero_share(kernel) for name, kernel in kernels(model).items()}


def unchanged(before, model):
    return all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("score", "comparison"),
    [
        pytest.param(score, kind, id=f"{type(score).__name__}-{kind}", marks=() if turn % 2 else pytest.mark.slow)
        for number, score in enumerate(SCORES)
        for turn, kind in enumerate(("per layer", "global"), number)
    ],
)
def test_every_score_reaches_its_sparsity_exactly_and_leaves_the_model_that_came_in_alone(score, comparison):
    model = network()
    before = [weight.copy() for weight in model.get_weights()]
    late = tfc.PolynomialDecay(begin=0.2)
    pruned = tfc.PruneWeights(0.75, score, late, comparison, per_layer={"logits": 0.5}).apply(model, fit())
    found = zeros(pruned)
    assert found.pop("depthwise") == 0.0
    assert found.pop("logits") == pytest.approx(0.5, abs=0.01)
    if comparison == "per layer":
        assert found == pytest.approx(dict.fromkeys(("conv1", "conv2", "hidden"), 0.75), abs=0.01)
    else:
        rest = {name: kernel for name, kernel in kernels(pruned).items() if name.split("/")[0] in found}
        assert overall_sparsity(rest) == pytest.approx(0.75, abs=0.001)
        assert max(found.values()) - min(found.values()) > 0.02  # no kernel has been given a share of its own
    assert unchanged(before, model)
    assert [type(layer) for layer in pruned.layers] == [type(layer) for layer in model.layers]


def still():
    """A training that moves nothing, so that what went can be compared with what was."""
    return fit(epochs=1, learning_rate=1e-12)


def test_the_smallest_weights_of_the_whole_network_go():
    model = network()
    pruned = tfc.PruneWeights(0.5, schedule=tfc.ConstantSparsity(), comparison="global").apply(model, still())
    names = [name for name in kernels(model) if not name.startswith("depthwise")]
    before = np.concatenate([kernels(model)[name].ravel() for name in names])
    gone = np.concatenate([kernels(pruned)[name].ravel() for name in names]) == 0
    assert np.abs(before[gone]).max() <= np.abs(before[~gone]).min()


def test_whole_filters_go_and_the_layer_of_the_answers_stays_whole():
    pruned = tfc.PruneWeights(0.5, tfc.scores.L2(), tfc.ConstantSparsity()).apply(network(), fit())
    found = kernels(pruned)
    for name in ("conv1/kernel", "conv2/kernel", "hidden/kernel"):
        gone = (found[name] == 0).reshape(-1, found[name].shape[-1])
        assert set(gone.mean(axis=0)) == {0.0, 1.0}, name
        assert gone.mean() == 0.5
    assert zero_share(found["logits/kernel"]) == 0.0


def test_promises_of_groups_leave_one_of_them():
    (promise,) = tfc.PruneWeights(0.9, tfc.scores.L2(), per_layer={"conv2": 0.0, "hidden": 0.0}).promises(network())
    assert (promise.at_least, promise.kernels) == (0.75, ("conv1/kernel",))  # three of four filters


def test_a_score_by_gradient_keeps_what_the_loss_depends_on():
    # Half of the inputs are always 0: no weight that reads them has a gradient, however large it is.
    rng = np.random.default_rng(0)
    inputs = np.concatenate([rng.normal(size=(64, 4)), np.zeros((64, 4))], axis=1).astype("float32")

    class Half(tfc.Data):
        title, num_train, num_classes, input_shape = "half", 64, 2, (8,)

        def load(self):
            split = tfc.Split(inputs, (inputs[:, 0] > 0).astype(int))
            return split, split

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2, name="answer")])
    kernel = rng.uniform(0.1, 0.2, size=(8, 2))
    kernel[4:] = 9.0
    model.set_weights([kernel, np.zeros(2)])
    technique = tfc.PruneWeights(0.5, tfc.scores.GradientTimesWeight(), tfc.ConstantSparsity())
    pruned = technique.apply(model, tfc.KerasFit(Half(), epochs=1, batch_size=16, learning_rate=1e-6))
    np.testing.assert_array_equal(
        kernels(pruned)["answer/kernel"] == 0, np.repeat([[False], [True]], 4, axis=0) | np.zeros((8, 2), bool)
    )


def test_zeros_that_come_in_stay():
    model = network()
    kernel = model.get_layer("hidden").kernel
    half = kernel.numpy()
    half[::2] = 0
    kernel.assign(half)
    pruned = tfc.PruneWeights(0.75, tfc.scores.Random()).apply(model, fit())
    assert np.all(kernels(pruned)["hidden/kernel"][::2] == 0)
    assert zeros(pruned)["hidden"] == pytest.approx(0.75, abs=0.01)


def test_works_under_a_teacher_and_with_a_gradient_of_its_loss():
    listening = tfc.distilled(fit(), network())
    pruned = tfc.PruneWeights(0.5, tfc.scores.GradientTimesWeight(32)).apply(network(), listening)
    assert zeros(pruned)["hidden"] == pytest.approx(0.5, abs=0.01)


def test_prunes_attention_which_tfmot_cannot_wrap():
    inputs = keras.Input((8, 8))
    x = keras.layers.MultiHeadAttention(2, 4, name="attention")(inputs, inputs)
    model = keras.Model(inputs, keras.layers.Dense(10, name="logits")(keras.layers.Flatten()(x)))

    class Rows(tfc.Data):
        title, num_train, num_classes, input_shape = "rows", 128, 10, (8, 8)

        def load(self):
            return tuple(tfc.Split(split.inputs[..., 0], split.targets) for split in (DATA.train, DATA.test))

    pruned = tfc.PruneWeights(0.5).apply(model, tfc.KerasFit(Rows(), epochs=1, batch_size=16))
    found = {name: zero_share(kernel) for name, kernel in kernels(pruned).items()}
    assert len(found) == 5
    assert list(found.values()) == pytest.approx([0.5] * 5, abs=0.02)


def test_a_depthwise_kernel_is_pruned_when_it_is_named():
    found = zeros(tfc.PruneWeights(0.5, per_layer={"depthwise": 0.25}).apply(network(), fit(1)))
    assert found["depthwise"] == pytest.approx(0.25, abs=0.02)


def test_with_several_steps_to_an_execution_the_zeros_are_there_at_the_end():
    class Many:
        steps = 16

        def __call__(self, model, callbacks=()):
            data = DATA.model_inputs(DATA.train.inputs), DATA.train.targets
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(0.01), loss, steps_per_execution=8)
            return model.fit(*data, batch_size=16, epochs=2, verbose=0, callbacks=list(callbacks))

    pruned = tfc.PruneWeights(0.75).apply(network(), Many())
    assert zeros(pruned)["hidden"] == pytest.approx(0.75, abs=0.01)


def test_the_zipped_file_is_smaller(trained, digits, tmp_path):
    pruned = tfc.PruneWeights(0.9, comparison="global").apply(trained, tfc.KerasFit(digits, epochs=1))
    dense = tfc.Float32().convert(trained, digits, tmp_path / "dense.tflite")
    sparse = tfc.Float32().convert(pruned, digits, tmp_path / "sparse.tflite")
    assert sparse.zipped_bytes < 0.4 * dense.zipped_bytes  # a tenth of the values, and where they are


def test_movement_has_to_see_some_steps_first():
    with pytest.raises(tfc.InvalidValue, match="PruneWeights.schedule must begin after some steps"):
        tfc.PruneWeights(0.5, tfc.scores.Movement(), tfc.ConstantSparsity()).apply(network(), fit())


def test_a_schedule_that_never_fires_is_an_error():
    class Nothing:
        steps = 0

        def __call__(self, model, callbacks=()):
            return None

    with pytest.raises(tfc.NothingHappened, match="0 steps"):
        tfc.PruneWeights(0.5).apply(network(), Nothing())


def test_a_fit_that_does_not_tell_its_data_is_named():
    class Mine:
        steps = 8

        def __call__(self, model, callbacks=()):
            return fit(1)(model, callbacks)

    with pytest.raises(tfc.TfcompressError, match="Mine without `data`"):
        tfc.PruneWeights(0.5, tfc.scores.GradientTimesWeight()).apply(network(), Mine())


def test_a_pattern_that_matches_nothing_names_what_is_near():
    with pytest.raises(tfc.InvalidValue, match="hidden"):
        tfc.PruneWeights(0.5, per_layer={"hiden": 0.1}).promises(network())


def test_a_model_without_kernels_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.ReLU()])
    with pytest.raises(tfc.UnsupportedModel, match="ReLU"):
        tfc.PruneWeights(0.5).apply(model, fit())


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"final_sparsity": 1.0}, "final_sparsity"),
        ({"score": "magnitude"}, "score"),
        ({"comparison": "all"}, "comparison"),
        ({"per_layer": {"a": 1.0}}, "per_layer"),
    ],
)
def test_bad_values_name_their_field(settings, field):
    with pytest.raises(tfc.InvalidValue, match=f"PruneWeights.{field}"):
        tfc.PruneWeights(**settings)


def test_no_sparsity_at_all_is_an_error():
    with pytest.raises(tfc.NothingHappened, match="above 0"):
        tfc.PruneWeights(0.0).apply(network(), fit())
