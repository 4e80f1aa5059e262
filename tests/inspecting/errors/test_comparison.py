"""What the options of a comparison mean."""

from pathlib import Path

import pytest

import tfcompress as tfc
from tfcompress.core.errors import UnreadableModel, Usage
from tfcompress.inspecting.errors.comparison import Comparison, comparison


def means(against, data=None, scaling=None, bits=None, num_examples=None):
    return comparison(str(against), data, scaling, bits, num_examples)


def test_a_tflite_is_told_by_its_bytes_or_its_name(tmp_path):
    (tmp_path / "odd.bin").write_bytes(b"\x1c\0\0\0TFL3rest")
    (tmp_path / "damaged.tflite").write_bytes(b"nothing")
    (tmp_path / "arrays.npz").write_bytes(b"PK\3\4rest")
    assert means(tmp_path / "odd.bin", data="digits") == Comparison(tmp_path / "odd.bin", "digits")
    assert means(tmp_path / "damaged.tflite").file == tmp_path / "damaged.tflite"
    assert means(tmp_path / "arrays.npz") == Comparison(None, str(tmp_path / "arrays.npz"))
    assert means(tmp_path) == Comparison(None, str(tmp_path))
    assert means("digits", bits=4, num_examples=7) == Comparison(None, "digits", None, 4, 7)


def test_what_makes_no_sense_is_refused(tmp_path):
    with pytest.raises(UnreadableModel, match="There is none of this name"):
        means(Path("none.tflite"))
    with pytest.raises(Usage, match="--data goes with --against FILE.tflite"):
        means("digits", data="cifar10")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bits": 1}, "Comparison.bits must be from 2 to 16. Received: 1"),
        ({"num_examples": 0}, "Comparison.num_examples must be at least 1"),
        ({"scaling": "0..2"}, "Comparison.scaling must be one of 0..255, 0..1"),
    ],
)
def test_a_value_out_of_range_is_refused(options, words):
    with pytest.raises(tfc.InvalidValue, match=words):
        means("digits", **options)
