"""Changes of spectrograms and of words: what each does, and that it belongs to its example."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.backend.tensorflow import tf

SOUNDS = np.random.default_rng(0).uniform(-1, 1, (40, 20, 12, 1)).astype("float32")
SOUNDS[:, 5, 5] = 1  # the loudest band, as in LogMel
WORDS = np.random.default_rng(0).integers(0, 50, (40, 16)).astype("int32")
INDICES = np.arange(40)
OF_SOUNDS = [tfc.TimeShift(3), tfc.SpecAugment(6, 4, 2), tfc.MelStretch(0.2), tfc.BackgroundNoise(0.9)]


def changed(change, key=(0, 0), at=slice(None)):
    given = WORDS if isinstance(change, tfc.WordDropout) else SOUNDS
    return change(tf.constant(given[at]), key, tf.constant(INDICES[at])).numpy()


@pytest.mark.parametrize("change", [*OF_SOUNDS, tfc.WordDropout()], ids=lambda change: type(change).__name__)
def test_a_view_belongs_to_its_example_and_another_epoch_is_another_view(change):
    whole = changed(change)
    np.testing.assert_allclose(changed(change, at=slice(7, 9)), whole[7:9], atol=1e-6)
    given = WORDS if isinstance(change, tfc.WordDropout) else SOUNDS
    assert whole.shape == given.shape and whole.dtype == given.dtype
    assert (whole != changed(change, (0, 1))).any() and (whole != changed(change, (1, 0))).any()


def test_a_shifted_sound_is_a_part_of_the_sound_between_silence():
    wide = np.pad(SOUNDS, [(0, 0), (3, 3), (0, 0), (0, 0)], constant_values=-1)
    matches = np.array([(changed(tfc.TimeShift(3)) == wide[:, n : n + 20]).all((1, 2, 3)) for n in range(7)])
    assert (matches.sum(0) == 1).all() and matches.any(1).all()


def test_bands_of_time_and_of_frequency_become_silent():
    silent = changed(tfc.SpecAugment(6, 4))[..., 0] == -1
    rows, columns = silent.all(2), silent.all(1)
    np.testing.assert_array_equal(silent, rows[:, :, None] | columns[:, None])
    for places, most in ((rows, 6), (columns, 4)):
        widths = places.sum(1)
        assert widths.max() == most and widths.min() == 0
        assert (abs(np.diff(np.pad(places, [(0, 0), (1, 1)]).astype(int))).sum(1) <= 2).all()  # one band


def test_a_stretched_tone_is_another_tone():
    tones = np.full((200, 9, 41, 1), -1, "float32")
    tones[:, :, 20] = 1
    found = tfc.MelStretch(0.25)(tf.constant(tones), (0, 0), tf.range(200)).numpy()
    # The value at m is the one at m f, so that a tone at 20 comes to 20 / f, f in [0.75, 1.25].
    loudest = found[:, 4, :, 0].argmax(1)
    assert loudest.min() == 16 and 26 <= loudest.max() <= 27 and found.max() <= 1
    assert (abs(found[:, :1] - found) < 1e-5).all()  # alike in time


def test_noise_adds_its_power():
    silence, loud = np.full((64, 30, 20, 1), -1, "float32"), np.ones((64, 30, 20, 1), "float32")
    noise = tfc.BackgroundNoise(1.0, loudest_db=30, quietest_db=30)
    # A full band stays where it is: noise 30 dB below adds 10 log10(1.001) = 0.004 dB, and at most some 0.1.
    assert abs(noise(tf.constant(loud), (0, 0), tf.range(64)).numpy() - 1).max() < 0.02
    quiet = np.array(silence)
    quiet[:, 0, 0] = 1
    found = (noise(tf.constant(quiet), (0, 0), tf.range(64)).numpy() - 1) * 30  # in dB below the loudest
    # Exponential power of mean 1 has a mean of -2.5 dB in decibels; the tilt takes off as much as it adds.
    assert found[:, 1:].mean() == pytest.approx(-32.5, abs=1)
    assert found.max() == 0
    assert (changed(tfc.BackgroundNoise(0.0)) == SOUNDS).all()


def test_words_become_unknown_and_padding_stays():
    found = changed(tfc.WordDropout(0.3))
    is_word = WORDS != 0
    assert (found[~is_word] == 0).all() and (found[(found != WORDS)] == 1).all()
    assert (found != WORDS)[is_word].mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tfc.TimeShift(0), "TimeShift.most must be at least 1"),
        (lambda: tfc.SpecAugment(-1), "SpecAugment.frames must be at least 0"),
        (lambda: tfc.SpecAugment(num_bands=0), "SpecAugment.num_bands must be at least 1"),
        (lambda: tfc.MelStretch(0.5), "MelStretch.most must be in"),
        (lambda: tfc.BackgroundNoise(2), "BackgroundNoise.probability must be in"),
        (lambda: tfc.BackgroundNoise(0.5, 70, 60), "BackgroundNoise.loudest_db must be in"),
        (lambda: tfc.WordDropout(1), "WordDropout.probability must be in"),
    ],
)
def test_a_value_out_of_range_is_refused(make, words):
    with pytest.raises(tfc.InvalidValue, match=words):
        make()
