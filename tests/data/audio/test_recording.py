"""Sound files of every kind that users have, and what is no sound file: samples, or one clear line."""

import io
import struct
import sys
import wave

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfcompress.core.errors import DataCorrupt, MissingExtra
from tfcompress.data.audio.recording import read_recording

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def write(path, samples, rate=RATE, num_bytes=2):
    """A WAV file of PCM, whatever its bits, by Python's own module; samples (n,) or (n, channels) in [-1, 1]."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(num_bytes)
        file.setframerate(rate)
        whole = np.round(samples * (2 ** (8 * num_bytes - 1) - 1)).astype("<i4")
        parts = whole.reshape(-1, 1).view("u1")[:, :num_bytes]
        file.writeframes((parts ^ 0x80 if num_bytes == 1 else parts).tobytes())
    return path


@pytest.mark.parametrize("num_bytes", [1, 2, 3, 4])
def test_samples_of_any_width_are_the_same_sound(tmp_path, num_bytes):
    found = read_recording(write(tmp_path / "a.wav", TONE, num_bytes=num_bytes), RATE)
    assert found.dtype == np.float32 and len(found) == RATE
    np.testing.assert_allclose(found, TONE, atol=2.0 ** (2 - 8 * min(num_bytes, 3)))


def test_channels_are_averaged(tmp_path):
    found = read_recording(write(tmp_path / "a.wav", np.stack([TONE, 0 * TONE], axis=1)), RATE)
    np.testing.assert_allclose(found, TONE / 2, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192_000])
def test_another_rate_is_resampled(tmp_path, rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    found = read_recording(write(tmp_path / "a.wav", tone, rate), RATE)
    assert len(found) == RATE
    np.testing.assert_allclose(found[200:-200], TONE[200:-200], atol=0.01)  # the filter rings at the ends


def test_floats_are_read(tmp_path):
    from scipy.io import wavfile

    wavfile.write(tmp_path / "a.wav", RATE, TONE.astype("float32"))
    np.testing.assert_allclose(read_recording(tmp_path / "a.wav", RATE), TONE, atol=1e-6)


def wav_bytes():
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"\1\0" * 100)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot"),
        (b"no sound at all", "File format b'no s' not understood"),
        (wav_bytes()[:100], "cannot"),  # cut off
        (wav_bytes()[:46], "cannot"),
        (wav_bytes()[:20], "cannot"),
    ],
    ids=["empty", "text", "cut in the sound", "one sample", "cut in the header"],
)
def test_what_is_no_whole_sound_file_is_one_line_that_names_it(tmp_path, content, words):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataCorrupt, match=r"Mend it or take it out\.$") as caught:
        read_recording(path, RATE)
    said = str(caught.value)
    assert str(path) in said and words in said and "\n" not in said


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_are_refused(tmp_path, count):
    with pytest.raises(DataCorrupt, match=f"it has {count} samples"):
        read_recording(write(tmp_path / "a.wav", TONE[:count]), RATE)


def test_samples_that_are_no_numbers_are_refused(tmp_path):
    from scipy.io import wavfile

    wavfile.write(tmp_path / "a.wav", RATE, np.array([0, np.nan, 0], "float32"))
    with pytest.raises(DataCorrupt, match="no finite numbers"):
        read_recording(tmp_path / "a.wav", RATE)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 43), byte=st.integers(0, 255), length=st.integers(0, 244))
@example(place=24, byte=0, length=244)
@example(place=34, byte=24, length=244)
def test_a_damaged_file_is_sound_or_one_line(tmp_path_factory, place, byte, length):
    content = bytearray(wav_bytes())
    content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.wav"
    path.write_bytes(bytes(content[:length]))
    try:
        found = read_recording(path, RATE)
    except DataCorrupt as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(found).all() and np.abs(found).max(initial=0) <= 1


def test_flac_without_soundfile_is_told_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"\.flac files needs soundfile\. .*tfcompress\[audio\]"):
        read_recording(tmp_path / "a.flac", RATE)


def test_flac_is_read(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed: pip install 'tfcompress[audio]'")
    soundfile.write(tmp_path / "a.flac", TONE, RATE)
    np.testing.assert_allclose(read_recording(tmp_path / "a.flac", RATE), TONE, atol=1e-4)


def test_a_rate_of_zero_is_refused(tmp_path):
    content = bytearray(wav_bytes())
    content[24:28] = struct.pack("<I", 0)
    (tmp_path / "a.wav").write_bytes(bytes(content))
    with pytest.raises(DataCorrupt):
        read_recording(tmp_path / "a.wav", RATE)
