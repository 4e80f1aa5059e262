"""Log-mel spectrograms, held to sums written out and to what a tone must give."""

import numpy as np
import pytest

import tfcompress as tfc
from tfcompress.core.errors import DataCorrupt

FORM = tfc.LogMel(8000, seconds=0.25, num_mels=20)


def tone(hz, gain=1.0, rate=8000, seconds=0.25):
    return gain * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def test_a_spectrogram_is_the_formula():
    clip = np.random.default_rng(0).normal(0, 0.1, FORM.num_samples)
    n = np.arange(256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 256)
    levels = np.empty(FORM.shape[:2])
    for t in range(FORM.shape[0]):
        frame = clip[128 * t : 128 * t + 256] * window
        bins = [abs((frame * np.exp(-2j * np.pi * k * n / 256)).sum() * 2 / window.sum()) ** 2 for k in range(129)]
        levels[t] = 10 * np.log10(np.array(bins) @ FORM.filters())
    expected = np.maximum(levels - levels.max(), -60) / 30 + 1
    np.testing.assert_allclose(FORM.features(clip[None])[0, :, :, 0], expected, atol=1e-5)


def test_filters_are_triangles_of_equal_width_in_mel():
    filters = FORM.filters()
    assert filters.shape == (129, 20) and filters.min() == 0 and filters.max() <= 1
    # mel(f) = 2595 log10(1 + f / 700): the middles are equal steps from mel(60) to mel(4000).
    middles = np.linspace(*2595 * np.log10(1 + np.array([60, 4000]) / 700), 22)[1:-1]
    hz = 700 * (10 ** (middles / 2595) - 1)
    assert (abs(filters.argmax(0) * 8000 / 256 - hz) < 8000 / 256).all()
    assert (tfc.LogMel(16000, num_mels=64).filters().sum(0) > 0).all()  # each listens to something


@pytest.mark.parametrize("hz", [500, 1000, 3000])
def test_a_tone_is_in_its_band(hz):
    spectrogram = FORM.features(tone(hz)[None])[0, :, :, 0]
    band = FORM.filters()[round(hz * 256 / 8000)].argmax()
    assert (abs(spectrogram.argmax(1) - band) <= 1).all() and spectrogram.max() == 1


def test_gain_changes_nothing_and_silence_is_silent():
    loud, quiet = (FORM.features(tone(700, gain)[None]) for gain in (0.9, 0.02))
    np.testing.assert_allclose(loud, quiet, atol=1e-4)
    assert (FORM.features(np.zeros((1, FORM.num_samples))) == -1).all()


def test_clips_have_the_middle_of_a_recording():
    assert FORM.clip(np.arange(2010)).tolist() == list(range(5, 2005))
    short = FORM.clip(np.ones(1000))
    assert len(short) == 2000 and short[500:1500].all() and not short[:500].any()
    assert FORM.clip(np.ones(3))[998:1001].all()


def test_it_is_a_transform_of_recordings_with_their_labels():
    samples = np.round(tone(700) * 32767).astype("int64")  # as tensorflow-datasets gives them
    spectrogram, label = FORM(samples, 3)
    assert label == 3 and spectrogram.shape == FORM.shape
    np.testing.assert_allclose(spectrogram, FORM.features(tone(700)[None])[0], atol=0.02)
    with pytest.raises(DataCorrupt, match="finite"):
        FORM(np.array([np.nan] * 2000), 0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample_rate": 100}, "LogMel.sample_rate must be in 1,000 to 192,000"),
        ({"seconds": 0}, "LogMel.seconds must be above 0"),
        ({"step_ms": 40}, "LogMel.step_ms must be above 0, at most 32"),
        ({"seconds": 0.01}, "LogMel.frame_ms must give 16 samples at least, and fit"),
        ({"num_mels": 0}, "LogMel.num_mels must be 1 to"),
        ({"lowest_hz": 9000}, "LogMel.lowest_hz must be below half the rate"),
        ({"range_db": 0}, "LogMel.range_db must be above 0"),
    ],
)
def test_a_value_out_of_range_is_refused(settings, words):
    with pytest.raises(tfc.InvalidValue, match=words):
        tfc.LogMel(**settings)
