import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, set_seed, tf
from tfcompress.core.examples.source import Split
from tfcompress.core.identity import fingerprint
from tfcompress.core.types import Data
from tfcompress.fitting import CosineDecay, KerasFit, StepDecay, Train
from tfcompress.fitting.losses import shares_loss
from tfcompress.measuring.measure import measure

NUM_EXAMPLES, BATCH_SIZE = 10, 4  # two full batches an epoch, two examples left out


@dataclasses.dataclass(frozen=True)
class OneHot(Data):
    """Example i is 1 at i, so that row i of a linear model's kernel tells what was learnt from it."""

    title: str = "one-hot"
    num_train: int = NUM_EXAMPLES
    num_classes: int = 2
    input_shape: tuple[int, ...] = (NUM_EXAMPLES,)

    def load(self):
        split = Split(np.eye(NUM_EXAMPLES, dtype="uint8"), np.arange(NUM_EXAMPLES) % 2)
        return split, split


def linear():
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros", name="answer")
    return keras.Sequential([keras.Input((NUM_EXAMPLES,)), layer])


class Rows(keras.callbacks.Callback):
    """The kernel after each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        self.kernels = [*getattr(self, "kernels", []), self.model.get_layer("answer").kernel.numpy()]


def rows(epochs=1, seed=0, **settings):
    """The kernel of the linear model after each epoch of plain SGD with rate 1."""
    seen = Rows()
    fit = KerasFit(OneHot(), epochs, BATCH_SIZE, learning_rate=1.0, momentum=0.0, seed=seed, **settings)
    fit(linear(), [seen])
    return seen.kernels


def test_verbose_is_that_of_keras_and_makes_no_other_stage(capsys):
    rows()
    assert capsys.readouterr().out == ""
    rows(verbose=2)
    assert "loss: 0.6931" in capsys.readouterr().out
    assert fingerprint(KerasFit(OneHot(), verbose=2)) == fingerprint(KerasFit(OneHot()))
    assert fingerprint(KerasFit(OneHot(), epochs=2)) != fingerprint(KerasFit(OneHot()))


def test_each_example_is_seen_at_most_once_an_epoch_and_full_batches_only():
    (kernel,) = rows()
    # From zeros both classes have probability 1/2: the gradient of row i is (1/2 - 1) / 4 in its class's column, and
    # +1/8 in the other. A row that was seen twice would have moved on; one that was not seen is zero.
    answers = np.where(np.arange(2) == (np.arange(NUM_EXAMPLES) % 2)[:, None], 1 / 8, -1 / 8)
    moved = kernel.any(axis=1)
    assert moved.sum() == 2 * BATCH_SIZE
    np.testing.assert_allclose(kernel[moved], answers[moved], rtol=1e-6)


def test_what_one_epoch_leaves_out_does_not_go_into_the_next():
    first, second = rows(epochs=2)
    assert (second != first).any(axis=1).sum() == 2 * BATCH_SIZE


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch_alone():
    one, two = rows(epochs=1), rows(epochs=2)
    np.testing.assert_array_equal(one[0], two[0])
    set_seed(99)
    np.testing.assert_array_equal(rows(epochs=2)[1], two[1])


def test_another_seed_and_another_epoch_have_another_order():
    left_out = {tuple(~rows(seed=seed)[0].any(axis=1)) for seed in range(5)}
    assert len(left_out) > 1
    assert any(rows(epochs=2, seed=seed)[1].any(axis=1).sum() > 2 * BATCH_SIZE for seed in range(5))


def weights_after(epochs, digits, seed, global_seed=0):
    set_seed(global_seed)
    model = tfc.simple_cnn((8, 8, 1), width=2, hidden_units=4)
    KerasFit(digits, epochs=epochs, seed=seed)(model)
    return model.get_weights()


def test_the_same_seed_gives_the_same_weights_to_the_bit(digits):
    data = dataclasses.replace(digits, num_examples=256)
    first, again, other = (weights_after(2, data, seed) for seed in (0, 0, 1))
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert any((ours != theirs).any() for ours, theirs in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("num_train", "epochs", "batch_size", "steps"),
    [(10, 1, 4, 2), (10, 3, 4, 6), (10, 1, 10, 1), (10, 2, 64, 2), (10, 1, 1, 10), (1437, 60, 64, 1320)],
)
def test_steps(num_train, epochs, batch_size, steps):
    assert KerasFit(OneHot(num_train=num_train), epochs, batch_size).steps == steps


@pytest.mark.parametrize("batch_size", [4, 64])
def test_as_many_steps_are_taken_as_are_told(batch_size):
    fit, model = KerasFit(OneHot(), epochs=3, batch_size=batch_size), linear()
    history = fit(model)
    assert int(model.optimizer.iterations.numpy()) == fit.steps
    assert len(history.history["loss"]) == 3


def test_the_first_loss_is_that_of_a_guess():
    history = KerasFit(OneHot(), epochs=1, learning_rate=1e-9)(linear())
    assert history.history["loss"][0] == pytest.approx(math.log(2), rel=1e-5)


def rates(schedule, steps, at):
    return [float(schedule.over(steps)(step)) for step in at]


def test_step_decay_multiplies_at_its_fractions_of_training():
    # 100 steps, at 1/2 and 3/4: the rate changes after steps 50 and 75
    found = rates(StepDecay(0.1), 100, [0, 49, 50, 51, 75, 76, 99])
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rel=1e-5)


def test_step_decay_takes_any_number_of_steps_down():
    assert rates(StepDecay(1.0, 0.5, at=(0.2, 0.4, 0.6)), 10, [0, 3, 5, 9]) == pytest.approx([1, 0.5, 0.25, 0.125])


def test_cosine_decay_falls_along_half_a_cosine():
    # 0.05 * (1 + cos(pi * step / 100)) / 2; at a quarter (1 + 0.7071) / 2
    found = rates(CosineDecay(0.05), 100, [0, 25, 50, 100])
    assert found == pytest.approx([0.05, 0.05 * 0.853553, 0.025, 0.0], abs=1e-7)


def test_the_schedule_is_laid_over_this_training():
    model = linear()
    KerasFit(OneHot(), epochs=5, batch_size=BATCH_SIZE, learning_rate=CosineDecay(0.5))(model)
    # the rate of the last of 10 steps: 0.5 * (1 + cos(0.9 pi)) / 2
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01223585, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KerasFit(OneHot(), epochs=1e20), "KerasFit.epochs must be a whole number. Received: 1e.20."),
        (lambda: KerasFit(OneHot(), epochs=10**20), "KerasFit.epochs must be at most 1,000,000. Received: 1000"),
        (lambda: KerasFit(OneHot(), batch_size=1.5), "KerasFit.batch_size must be a whole number. Received: 1.5."),
        (lambda: KerasFit(OneHot(), epochs=0), "KerasFit.epochs must be at least 1. Received: 0."),
        (lambda: KerasFit(OneHot(), batch_size=0), "KerasFit.batch_size must be at least 1. Received: 0."),
        (lambda: KerasFit(OneHot(), momentum=1.0), r"KerasFit.momentum must be in \[0, 1\). Received: 1.0."),
        (lambda: KerasFit(OneHot(), momentum=-0.1), r"KerasFit.momentum must be in \[0, 1\)"),
        (lambda: KerasFit(OneHot(), learning_rate=0), "KerasFit.learning_rate must be above 0. Received: 0."),
        (lambda: StepDecay(0), "StepDecay.initial must be above 0. Received: 0."),
        (lambda: StepDecay(factor=1), r"StepDecay.factor must be in \(0, 1\). Received: 1."),
        (lambda: StepDecay(at=(0.75, 0.5)), r"StepDecay.at must be fractions of training in \(0, 1\), in order."),
        (lambda: StepDecay(at=(50, 75)), "StepDecay.at must be fractions"),
        (lambda: StepDecay(at=()), "StepDecay.at must be fractions"),
        (lambda: CosineDecay(-1), "CosineDecay.initial must be above 0. Received: -1."),
    ],
)
def test_a_bad_value_names_its_field(make, message):
    with pytest.raises(tfc.InvalidValue, match=f"^{message}"):
        make()


def test_train_leaves_the_model_that_came_in():
    model = linear()
    trained = Train().apply(model, KerasFit(OneHot(), epochs=2))
    assert not model.get_weights()[0].any()
    assert trained.get_weights()[0].any()


def test_train_promises_nothing_and_fills_zeros():
    assert (Train().makes, Train().promises(linear())) == (frozenset(), ())
    assert "sparsity" not in Train().keeps


def test_one_cycle_rises_along_a_line_and_falls_along_a_cosine():
    rate = tfc.OneCycle(peak=0.4, warm_up=0.25).over(100)
    found = [float(rate(step)) for step in (0, 10, 25, 25 + 75 / 2, 100)]
    np.testing.assert_allclose(found, [0.0, 0.16, 0.4, 0.2, 0.0], atol=1e-6)


def test_smoothed_labels_by_hand():
    # Logits (ln 3, 0): probabilities 3/4 and 1/4; the label 0 smoothed by 0.2 is (0.9, 0.1).
    loss = shares_loss(from_logits=True, label_smoothing=0.2)
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    assert float(loss(np.array([0]), np.array([[math.log(3), 0.0]], "float32"))[0]) == pytest.approx(expected, rel=1e-5)


def test_averaged_weights_are_what_the_model_has_at_the_end():
    (plain,) = rows()
    (averaged,) = rows(weights_average=0.5)  # told at the end of the epoch, before Keras puts the average in
    model = linear()
    KerasFit(OneHot(), 1, BATCH_SIZE, learning_rate=1.0, momentum=0.0, weights_average=0.5)(model)
    np.testing.assert_array_equal(plain, averaged)
    # Two steps from zero, a = 0.5 a + 0.5 w: a row that moved in step 1 has 0.25 + 0.5, in step 2 has 0.5; both over
    # 1 - 0.5^2, the share that is not the zeros before training.
    kernel = model.get_layer("answer").kernel.numpy()
    shares = {round(float(share), 6) for share in np.abs(kernel[plain.any(1)] / plain[plain.any(1)]).ravel()}
    assert shares == {1.0, 0.666667}


def test_the_average_forgets_the_weights_before_training_however_short_it_is():
    model = linear()
    model.set_weights([np.full((NUM_EXAMPLES, 2), 5.0, "float32")])
    KerasFit(OneHot(), 1, BATCH_SIZE, learning_rate=1e-6, momentum=0.0, weights_average=0.999)(model)
    np.testing.assert_allclose(model.get_weights()[0], 5.0, rtol=1e-4)  # 0.998 of it would be the first weights'
    moved = linear()
    KerasFit(OneHot(), 1, NUM_EXAMPLES, learning_rate=1.0, momentum=0.0, weights_average=0.999)(moved)
    # One step: the average is the step's weights, +-1/20 (see above, with 10 examples in the batch).
    np.testing.assert_allclose(np.abs(moved.get_weights()[0]), 1 / 20, rtol=1e-2)


@pytest.mark.parametrize("technique", [tfc.PruneLowMagnitude(0.5), tfc.PruneWeights(0.5)], ids=["tfmot", "own"])
def test_what_was_pruned_is_not_filled_by_its_average(technique, digits):
    fit = KerasFit(dataclasses.replace(digits, num_examples=128), epochs=4, batch_size=16, weights_average=0.9)
    pruned = technique.apply(tfc.simple_cnn((8, 8, 1), width=4, hidden_units=8), fit)
    assert measure(pruned).sparsity == pytest.approx(0.5, abs=0.02)


def test_mixed_examples_train_by_the_shares_of_their_classes():
    # Logits (ln 3, 0): probabilities 3/4 and 1/4; a label that is 0.6 the first class and 0.4 the second.
    loss = shares_loss(from_logits=True, label_smoothing=0.0)
    logits = np.array([[math.log(3), 0.0]], "float32")
    expected = -0.6 * math.log(0.75) - 0.4 * math.log(0.25)
    assert float(loss(np.array([[0.6, 0.4]], "float32"), logits)[0]) == pytest.approx(expected, rel=1e-5)
    assert float(loss(np.array([1]), logits)[0]) == pytest.approx(-math.log(0.25), rel=1e-5)


def test_mixing_comes_last():
    with pytest.raises(tfc.InvalidValue, match="KerasFit.augment must mix examples last, and once"):
        KerasFit(OneHot(), augment=(tfc.Mixup(), tfc.Flip()))


def test_weight_decay_takes_a_share_of_kernels_alone():
    model = keras.Sequential([keras.Input((NUM_EXAMPLES,)), keras.layers.Dense(2, kernel_initializer="ones")])
    before = model.get_weights()
    KerasFit(OneHot(), 1, NUM_EXAMPLES, learning_rate=1e-3, momentum=0.0, weight_decay=10.0)(model)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, before[0] * (1 - 10.0 * 1e-3), atol=1e-3)  # the gradient's part is below 1e-3
    np.testing.assert_allclose(bias, before[1], atol=1e-3)


def after_training(rate, dropout, way):
    """Weights of a network with Dropout(rate), and the rate it has in the end; without that layer where it is None."""
    dropping = [] if rate is None else [keras.layers.Dropout(rate)]
    answer = keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((NUM_EXAMPLES,)), *dropping, answer])
    set_seed(0)
    fit = KerasFit(OneHot(), 20, BATCH_SIZE, dropout=dropout)
    if way == "distilled":
        fit = tfc.distilled(fit, linear(), student_loss_weight=0.5)
    technique = tfc.PruneLowMagnitude(0.5) if way == "pruned" else Train()
    trained = technique.apply(model, fit)
    rates = [layer.rate for layer in trained.layers if isinstance(layer, keras.layers.Dropout)]
    return trained.get_weights()[0], rates


@pytest.mark.parametrize(
    "way", ["plain", *(pytest.param(way, marks=pytest.mark.slow) for way in ("pruned", "distilled"))]
)
def test_dropout_has_another_rate_while_a_fit_lasts(way):
    without, _ = after_training(None, None, way)
    with_none, rates = after_training(0.9, 0.0, way)
    assert rates == [0.9]
    np.testing.assert_array_equal(with_none, without)
    assert np.abs(after_training(0.9, None, way)[0] - without).max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dropout": 1.0}, "dropout must be in"),
        ({"verbose": 3}, "verbose must be 0, 1 or 2"),
        ({"label_smoothing": 1.0}, "label_smoothing must be in"),
        ({"weights_average": 1.0}, "weights_average must be in"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
    ],
)
def test_new_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(tfc.InvalidValue, match=f"KerasFit.{words}"):
        KerasFit(OneHot(), **settings)


def has_bfloat16():
    """Whether TensorFlow rewrites products for this processor."""
    path = Path("/proc/cpuinfo")
    return path.exists() and {"avx512_bf16", "amx_bf16"} & set(path.read_text().split())


@pytest.mark.skipif(not has_bfloat16(), reason="not run: this processor has no bfloat16 instructions")
def test_bfloat16_rounds_products_while_training_and_nothing_after_it(digits):
    found = {}
    for bfloat16 in (False, True):
        set_seed(0)
        model = tfc.resnet(8, input_shape=digits.input_shape)
        KerasFit(digits, epochs=1, bfloat16=bfloat16)(model)
        found[bfloat16] = model
    plain, rounded = (found[bfloat16].get_weights() for bfloat16 in (False, True))
    assert all(weights.dtype == "float32" for weights in rounded)
    assert not all(np.array_equal(*pair) for pair in zip(plain, rounded, strict=True))
    inputs = digits.model_inputs(digits.test.inputs[:8])
    np.testing.assert_allclose(found[True].predict(inputs, verbose=0), found[True](inputs), rtol=1e-4, atol=1e-5)


def test_bfloat16_ends_with_its_training_even_where_that_fails(digits):
    class Fails(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            assert tf.config.optimizer.get_experimental_options()["auto_mixed_precision_onednn_bfloat16"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        KerasFit(digits, epochs=1, bfloat16=True)(tfc.simple_cnn(digits.input_shape), [Fails()])
    assert not tf.config.optimizer.get_experimental_options()["auto_mixed_precision_onednn_bfloat16"]
