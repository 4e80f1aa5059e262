"""Tree-structured pruning on small real trainings: what goes, what must stay, and that the files get smaller."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed
from tfcompress.measuring.measure import count_parameters, kernels, overall_sparsity, zero_share
from tfcompress.pruning.tree_drawing import pruned_tree

DATA = tfc.Digits(num_examples=128)


def network():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(8, 3, activation="relu", name="conv1")(inputs)
    x = layers.Conv2D(8, 3, name="conv2")(x)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="normalized")(x))
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(10, name="logits")(x), name="network")


def residual():
    layers = keras.layers
    inputs = keras.Input((8, 8, 1), name="image")
    stem = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch1")(stem)
    x = layers.Conv2D(4, 3, padding="same", name="branch2")(x)
    x = layers.ReLU(name="relu")(layers.Add(name="sum")([stem, x]))
    return keras.Model(inputs, layers.Dense(10, name="logits")(layers.Flatten(name="flatten")(x)))


def fit(epochs=3, learning_rate=0.05):
    return tfc.KerasFit(DATA, epochs=epochs, batch_size=16, learning_rate=learning_rate)


def still():
    """A training that moves nothing, so that what went can be compared with what was."""
    return fit(epochs=1, learning_rate=1e-12)


def scaled(model, factors):
    """`model` with the kernels of the named layers multiplied, and filter 0 of conv1, where there is one, made tiny."""
    for name, factor in factors.items():
        kernel = model.get_layer(name).kernel
        kernel.assign(kernel * factor)
    return model


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_wanted_share_goes_and_the_model_that_came_in_is_left_alone(share):
    model = network()
    before = [weight.copy() for weight in model.get_weights()]
    sparse = tfc.PruneTree(share, remove=False).apply(model, fit())
    assert overall_sparsity(kernels(sparse)) == pytest.approx(share, abs=0.03)  # a node of 3 % may go whole or not
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_at_a_given_threshold_a_filter_goes_with_large_weights_in_it():
    model = network()
    kernel = model.get_layer("conv2").kernel
    values = np.full(kernel.shape, 0.5, "float32")  # 8 filters of 72 weights
    values[..., 3] = 0.05
    values[1, 1, 0, 3] = 0.4  # above the threshold, in a filter of sqrt((71 * 0.05^2 + 0.4^2) / 72) = 0.068
    kernel.assign(values)
    technique = tfc.PruneTree(None, 0.1, levels=("filter",), keep=("conv1", "hidden", "logits"), remove=False)
    sparse = kernels(technique.apply(model, still()))["conv2/kernel"]
    np.testing.assert_array_equal((sparse == 0).all(axis=(0, 1, 2)), np.arange(8) == 3)
    by_weight = tfc.PruneTree(None, 0.1, levels=("weight",), keep=("conv1", "hidden", "logits"), remove=False)
    assert kernels(by_weight.apply(model, still()))["conv2/kernel"][1, 1, 0, 3] == pytest.approx(0.4)


def test_with_a_filter_its_bias_and_what_follows_it_go():
    model = scaled(network(), {"conv1": 9, "hidden": 9})
    model.get_layer("normalized").beta.assign(np.ones(8))
    model.get_layer("conv2").bias.assign(np.ones(8))
    technique = tfc.PruneTree(None, 0.2, levels=("filter",), keep=("logits",), remove=False)
    sparse = technique.apply(model, still())
    gone = (kernels(sparse)["conv2/kernel"] == 0).all(axis=(0, 1, 2))
    assert 0 < gone.sum() == 7  # all but the largest score under 0.2
    for layer, kind in (("conv2", "bias"), ("normalized", "gamma"), ("normalized", "beta")):
        values = getattr(sparse.get_layer(layer), kind).numpy()
        np.testing.assert_array_equal(values == 0, gone)


def test_removal_changes_no_output_and_removes_the_filters():
    start, outputs, found = network(), [], []
    for remove in (False, True):
        set_seed(0)
        found.append(tfc.PruneTree(0.8, levels=("filter", "weight"), remove=remove).apply(start, fit()))
        outputs.append(found[-1](DATA.model_inputs(DATA.test.inputs[:64])).numpy())
    np.testing.assert_allclose(outputs[1], outputs[0], atol=1e-4 * np.abs(outputs[0]).max())
    assert count_parameters(found[1]) < 0.7 * count_parameters(found[0])


def test_a_layer_goes_whole_where_there_is_a_way_round_it():
    model = scaled(residual(), {"branch1": 1e-3, "branch2": 1e-3})
    sparse = tfc.PruneTree(None, 0.01, levels=("layer",), remove=False).apply(model, still())
    shares = {name: zero_share(kernel) for name, kernel in kernels(sparse).items()}
    assert shares == {"stem/kernel": 0, "branch1/kernel": 1, "branch2/kernel": 1, "logits/kernel": 0}


def test_a_layer_that_there_is_no_way_round_keeps_its_largest_filter():
    model = scaled(network(), {"conv2": 1e-6})
    sparse = tfc.PruneTree(None, 0.01, remove=False).apply(model, still())
    left = kernels(sparse)["conv2/kernel"] != 0
    assert left.sum() == 1  # one weight, in the filter that had to stay


def test_a_node_of_the_users_goes_with_all_its_layers():
    # branch1 alone scores above the threshold, branch2 under it; together under it.
    model = scaled(residual(), {"branch1": 0.0, "branch2": 0.0})
    model.get_layer("branch1").kernel.assign(np.full((3, 3, 4, 4), 0.11))
    model.get_layer("branch2").kernel.assign(np.full((3, 3, 4, 4), 0.01))
    alone = tfc.PruneTree(None, 0.1, levels=("layer",), remove=False).apply(model, still())
    assert zero_share(kernels(alone)["branch1/kernel"]) == 0.0
    tree = {"stem": ("stem",), "block": ("branch*",)}  # sqrt((0.11^2 + 0.01^2) / 2) = 0.078
    together = tfc.PruneTree(None, 0.1, levels=("layer",), tree=tree, remove=False).apply(model, still())
    assert zero_share(kernels(together)["branch1/kernel"]) == 1.0


def test_per_layer_comparison_is_blind_to_the_scale_of_a_layer():
    shares = []
    for factor in (1.0, 100.0):
        set_seed(0)
        model = scaled(network(), {"conv2": factor})
        sparse = tfc.PruneTree(0.5, comparison="per layer", remove=False).apply(model, still())
        shares.append({name: zero_share(kernel) for name, kernel in kernels(sparse).items()})
    assert shares[0] == pytest.approx(shares[1])


def test_the_lasso_is_in_the_loss_until_the_last_cut():
    losses = []
    for strength in (0.0, 1e-3):
        set_seed(0)

        class Recording:
            steps = 24

            def __call__(self, model, callbacks=()):
                done = fit(3, 1e-12)(model, callbacks)
                losses.append(done.history["loss"])
                return done

        schedule = tfc.Compounding(at=(0.5,))
        tfc.PruneTree(0.5, strength=strength, schedule=schedule, remove=False).apply(scaled(network(), {}), Recording())
    assert losses[1][0] > losses[0][0] + 0.1
    assert losses[1][2] == pytest.approx(losses[0][2])


def test_works_under_a_teacher():
    smaller = tfc.PruneTree(0.8).apply(network(), tfc.distilled(fit(), network()))
    assert count_parameters(smaller) < count_parameters(network())


def test_the_files_are_smaller_raw_and_zipped(trained, digits, tmp_path):
    smaller = tfc.PruneTree(0.9).apply(trained, tfc.KerasFit(digits, epochs=2))
    before = tfc.Float32().convert(trained, digits, tmp_path / "before.tflite")
    after = tfc.Float32().convert(smaller, digits, tmp_path / "after.tflite")
    assert after.raw_bytes < 0.4 * before.raw_bytes
    assert after.zipped_bytes < 0.3 * before.zipped_bytes


def test_the_drawing_tells_what_went():
    model = scaled(network(), {"conv1": 9, "hidden": 9})
    sparse = tfc.PruneTree(None, 0.2, levels=("filter",), keep=("logits",)).apply(model, still())
    tree = {"body": ("conv*",), "head": ("hidden", "logits")}
    branch = pruned_tree(model, sparse, tree)
    lines = branch.draw().splitlines()
    assert lines[0].startswith("network: ")
    assert lines[1].startswith("├── body: ")
    assert lines[3] == "│   └── conv2/kernel: 87.5 % of 576 weights gone; 7 of 8 filters removed"
    # hidden reads 16 positions of 8 channels, of which one is left: 112 of its 128 inputs went.
    assert lines[5] == "    ├── hidden/kernel: 87.5 % of 2,048 weights gone; 112 of 128 inputs removed"
    assert branch.num_gone == 7 * 72 + 112 * 16


def test_nothing_under_the_threshold_is_an_error_that_says_the_lowest_score():
    with pytest.raises(tfc.NothingHappened, match="with 2 cuts; the lowest score is"):
        tfc.PruneTree(None, 1e-12, levels=("layer", "filter")).apply(network(), still())


def test_a_share_beyond_reach_says_the_most_possible():
    with pytest.raises(tfc.InvalidValue, match="must be at most 0.8"):
        tfc.PruneTree(0.95, levels=("filter",), schedule=tfc.ConstantSparsity()).apply(network(), still())


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"threshold": 0.1}, "threshold"),
        ({"final_sparsity": None}, "threshold"),
        ({"final_sparsity": 1.0}, "final_sparsity"),
        ({"final_sparsity": None, "threshold": 0.0}, "threshold"),
        ({"levels": ("row",)}, "levels"),
        ({"levels": ()}, "levels"),
        ({"comparison": "all"}, "comparison"),
        ({"strength": -1.0}, "strength"),
        ({"keep": (3,)}, "keep"),
    ],
)
def test_bad_values_name_their_field(settings, field):
    with pytest.raises(tfc.InvalidValue, match=f"PruneTree.{field}"):
        tfc.PruneTree(**settings)
