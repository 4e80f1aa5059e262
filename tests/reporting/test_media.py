import base64
import io
import wave

import numpy as np
import pytest
from PIL import Image

from tfcompress.reporting.page.media import line, picture, recording, spectrogram


def content(address):
    return io.BytesIO(base64.b64decode(address.partition("base64,")[2]))


def test_a_small_picture_is_enlarged_pixel_by_pixel():
    values = np.zeros((8, 8, 1), "uint8")
    values[0, 1] = 255
    image = Image.open(content(picture(values)))
    assert image.size == (96, 96)
    assert [image.getpixel(at) for at in ((0, 0), (13, 3), (23, 11), (24, 12))] == [0, 255, 255, 0]


def test_a_large_picture_keeps_its_colours_and_its_form():
    values = np.zeros((400, 200, 3), "uint8")
    values[..., 0] = 200
    image = Image.open(content(picture(values)))
    assert image.size == (80, 160)
    assert image.getpixel((40, 80)) == (200, 0, 0)


@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_floats_and_counts_are_stretched_over_all_shades(scale):
    values = np.linspace(0, scale, 64).reshape(8, 8, 1).astype("float32")
    image = Image.open(content(picture(values)))
    assert image.getextrema() == (0, 255)


def test_time_of_a_spectrogram_runs_to_the_right():
    levels = np.full((20, 10, 1), -1.0)
    levels[15, 0] = 1.0  # late, and in the lowest band
    image = Image.open(content(spectrogram(levels)))
    width, height = image.size
    assert width == 2 * height
    assert sum(image.getpixel((int(width * 15.5 / 20), height - 1))) > 600
    assert sum(image.getpixel((2, 2))) < 100


def test_a_recording_is_a_wav_of_its_samples():
    samples = np.array([0, 1000, -1000], "int16")
    with wave.open(content(recording(samples, 8000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == samples.tolist()


def test_a_line_goes_up_where_numbers_do():
    drawn = line(np.array([0.0, 1.0]))
    assert 'points="2.0,68.0 238.0,4.0"' in drawn
    assert "from 0 to 1" in drawn
    assert line(np.zeros((5, 9))).count("<polyline") == 4


def test_a_long_recording_is_a_short_line_with_its_peaks():
    samples = np.zeros(100_000)
    samples[77_000] = 1.0
    drawn = line(samples)
    assert len(drawn) < 8_000
    assert ",4.0" in drawn
