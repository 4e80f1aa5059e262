import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import keras, tf
from tfcompress.core.errors import InvalidValue
from tfcompress.fitting.augmentation.draws import below, uniform
from tfcompress.fitting.examples import Views

PICTURES = np.random.default_rng(0).integers(1, 256, (40, 9, 8, 3)).astype("uint8")
INDICES = np.arange(40)
ALL = [tfc.Flip(), tfc.ShiftedCrop(3), tfc.Cutout(4)]


def changed(change, key=(0, 0), at=slice(None)):
    return change(tf.constant(PICTURES[at]), key, tf.constant(INDICES[at])).numpy()


def test_draws_are_even_and_independent():
    numbers = [uniform(name, (seed, 3), tf.range(20_000)).numpy() for name, seed in (("a", 0), ("b", 0), ("a", 1))]
    for drawn in numbers:
        assert drawn.min() >= 0 and drawn.max() < 1
        # Standard errors: 1 / sqrt(12 n) = 0.002 of the mean; a tenth holds n / 10 +- sqrt(0.09 n) = 42.
        assert drawn.mean() == pytest.approx(0.5, abs=0.008)
        np.testing.assert_allclose(np.histogram(drawn, 10, (0, 1))[0], 2000, atol=180)
    assert np.abs(np.corrcoef(numbers) - np.eye(3)).max() < 0.03
    assert abs(np.corrcoef(numbers[0][:-1], numbers[0][1:])[0, 1]) < 0.03  # neighbours
    assert set(below(5, "a", (0, 0), tf.range(1000)).numpy()) == set(range(5))


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
def test_a_view_belongs_to_its_example_whatever_the_batch(change):
    whole = changed(change)
    np.testing.assert_array_equal(changed(change, at=slice(7, 9)), whole[7:9])
    np.testing.assert_array_equal(changed(change), whole)
    assert whole.shape == PICTURES.shape and whole.dtype == PICTURES.dtype


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
@pytest.mark.parametrize("key", [(0, 1), (1, 0)], ids=["epoch", "seed"])
def test_another_epoch_or_seed_is_another_view(change, key):
    assert (changed(change) != changed(change, key)).any()


def test_flip_mirrors_about_half_of_the_pictures():
    mirrored = (changed(tfc.Flip()) == PICTURES[:, :, ::-1]).all((1, 2, 3))
    same = (changed(tfc.Flip()) == PICTURES).all((1, 2, 3))
    assert (mirrored | same).all() and 8 <= mirrored.sum() <= 32


def test_a_shifted_picture_is_a_part_of_the_mirrored_one():
    wide = np.pad(PICTURES, [(0, 0), (3, 3), (3, 3), (0, 0)], mode="reflect")
    parts = [wide[:, y : y + 9, x : x + 8] for y in range(7) for x in range(7)]
    found = changed(tfc.ShiftedCrop(3))
    matches = np.array([(found == part).all((1, 2, 3)) for part in parts])
    assert (matches.sum(0) == 1).all() and matches.any(1).sum() > 10  # each one shift, and many kinds of them


def test_a_shift_as_large_as_the_picture_is_refused():
    with pytest.raises(InvalidValue, match="ShiftedCrop.most must be below the sides 9 x 8. Received: 8. Use 1."):
        changed(tfc.ShiftedCrop(8))


def test_cutout_takes_a_square():
    zeros = changed(tfc.Cutout(4)) == 0
    assert (zeros.all(-1) == zeros.any(-1)).all()  # all channels
    counts = zeros[..., 0].sum((1, 2))
    assert counts.max() == 16 and counts.min() >= 4  # at a corner a quarter of it is inside


def test_mixup_draws_partners_and_shares_by_example():
    mix, many = tfc.Mixup(alpha=0.4), np.arange(20_000)
    others, share = (drawn.numpy() for drawn in mix.partners(50, (0, 3), tf.constant(many)))
    alone = [drawn.numpy() for drawn in mix.partners(50, (0, 3), tf.constant(many[7:9]))]
    np.testing.assert_array_equal(alone, [others[7:9], share[7:9]])
    assert set(others) == set(range(50)) and abs(np.corrcoef(others, share)[0, 1]) < 0.03
    # Beta(a, a) has mean 1/2 and variance 1 / (4 (2a + 1)) = 0.1389; n = 20,000 tells both to 0.003.
    assert share.mean() == pytest.approx(0.5, abs=0.01) and share.var() == pytest.approx(0.1389, abs=0.005)
    assert (mix.partners(50, (0, 4), tf.constant(many))[0].numpy() != others).any()


def test_a_mixed_view_is_the_sum_of_two_and_so_is_its_label():
    data = tfc.Digits(num_examples=40)
    views = Views(data, (tfc.Flip(), tfc.Mixup(1.0)), seed=5)
    indices = tf.range(40)
    others, share = (drawn.numpy() for drawn in tfc.Mixup(1.0).partners(40, (5, 2), indices))
    flipped = Views(data, (tfc.Flip(),), seed=5).inputs(2, indices).numpy()
    share = share[:, None]
    expected = share[..., None, None] * flipped + (1 - share[..., None, None]) * flipped[others]
    inputs, targets = views.examples(2, indices)
    np.testing.assert_allclose(inputs, expected, atol=1e-6)
    one_hot = np.eye(10)[data.train.targets]
    np.testing.assert_allclose(targets, share * one_hot + (1 - share) * one_hot[others], atol=1e-6)


def test_training_on_mixed_examples_learns():
    data = tfc.Digits(num_examples=256)
    keras.utils.set_random_seed(0)
    fit = tfc.KerasFit(data, epochs=15, batch_size=16, augment=(tfc.Mixup(),))
    model = tfc.Train().apply(tfc.simple_cnn((8, 8, 1), width=8, hidden_units=16), fit)
    answers = model.predict(data.model_inputs(data.train.inputs), verbose=0).argmax(-1)
    assert (answers == data.train.targets).mean() > 0.5


def test_training_sees_the_views(monkeypatch):
    seen = []

    def watch(inputs, key, indices):
        seen.append(1)
        return inputs

    tfc.KerasFit(tfc.Digits(num_examples=64), epochs=1, augment=(watch, tfc.Flip()))(tfc.simple_cnn((8, 8, 1), width=2))
    assert seen


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tfc.Flip(1.5), "Flip.probability must be in"),
        (lambda: tfc.ShiftedCrop(0), "ShiftedCrop.most must be at least 1"),
        (lambda: tfc.Cutout(0), "Cutout.size must be at least 1"),
        (lambda: tfc.Mixup(0), "Mixup.alpha must be above 0"),
    ],
)
def test_a_value_out_of_range_is_refused(make, words):
    with pytest.raises(InvalidValue, match=words):
        make()


@pytest.mark.parametrize(
    "change", [tfc.Flip(), tfc.Flip(vertical=True), tfc.ShiftedCrop(3)], ids=["flip", "vertical", "shift"]
)
@pytest.mark.parametrize("axes", [3, 4])
def test_masks_move_as_their_pictures_do(change, axes):
    masks = PICTURES[..., 0] if axes == 3 else PICTURES[..., :1]
    both = tfc.WithMasks(change)
    pixels = both(tf.constant(PICTURES), (0, 1), tf.constant(INDICES)).numpy()
    moved = both.moved_targets(tf.constant(masks), (0, 1), tf.constant(INDICES)).numpy()
    np.testing.assert_array_equal(moved, pixels[..., 0] if axes == 3 else pixels[..., :1])
    assert (moved != masks).any()


@pytest.mark.parametrize("vertical", [False, True])
def test_boxes_move_as_their_pictures_do(vertical):
    """A bright pixel lies in its box before and after."""
    place = np.random.default_rng(1).integers(0, 8, (40, 2))
    pictures = np.zeros((40, 8, 8, 1), "uint8")
    pictures[INDICES, place[:, 0], place[:, 1]] = 1
    boxes = np.concatenate([place[:, ::-1], place[:, ::-1] + 1, np.full((40, 1), 7)], 1)[:, None] / [8, 8, 8, 8, 1]
    both = tfc.WithBoxes(tfc.Flip(vertical=vertical))
    seen = both(tf.constant(pictures), (0, 0), tf.constant(INDICES)).numpy()
    moved = both.moved_targets({"boxes": tf.constant(boxes, tf.float32)}, (0, 0), tf.constant(INDICES))["boxes"].numpy()
    _, rows, columns, _ = np.nonzero(seen)
    np.testing.assert_allclose(moved[:, 0, :4] * 8, np.stack([columns, rows, columns + 1, rows + 1], 1), atol=1e-5)
    assert (moved[..., 4] == 7).all() and 8 <= (moved[:, 0, :4] != boxes[:, 0, :4]).any(1).sum() <= 40


def test_what_says_nothing_of_masks_or_boxes_is_refused():
    with pytest.raises(InvalidValue, match="WithMasks.change must move masks too"):
        tfc.WithMasks(tfc.Cutout())
    with pytest.raises(InvalidValue, match="WithBoxes.change must move boxes too"):
        tfc.WithBoxes(tfc.ShiftedCrop())


def test_views_move_targets_with_their_inputs():
    data = tfc.dataset((PICTURES[:, :8], PICTURES[:, :8, :, 0]), (PICTURES[:1, :8], PICTURES[:1, :8, :, 0]))
    views = Views(data, (tfc.WithMasks(tfc.ShiftedCrop(2)), tfc.WithMasks(tfc.Flip()), tfc.Cutout(2)), seed=0)
    pixels, masks = (part.numpy() for part in views.examples(3, tf.constant(INDICES)))
    kept = pixels[..., 0] > 0  # Cutout is of the image alone
    assert (pixels[..., 0] == masks)[kept].all() and (masks != PICTURES[:, :8, :, 0]).any() and not kept.all()
