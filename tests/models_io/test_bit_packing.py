import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcompress.models_io.bit_packing import bits_for, decode, encode, inflate, pack, unpack


def test_packing_by_hand():
    # 5 = 101, 2 = 010, 7 = 111, from the lowest bit on: 101 010 11|1 is 0b11010101 and 0b1
    assert pack(np.array([5, 2, 7]), 3) == bytes([0b11010101, 0b1])
    assert unpack(bytes([0b11010101, 0b1]), 3, 3).tolist() == [5, 2, 7]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 16).flatmap(lambda bits: st.tuples(st.just(bits), st.lists(st.integers(0, 2**bits - 1)))))
def test_packing_comes_back_in_the_fewest_whole_bytes(bits_and_indices):
    bits, indices = bits_and_indices
    packed = pack(np.array(indices, int), bits)
    assert len(packed) == -(-len(indices) * bits // 8)
    assert unpack(packed, bits, len(indices)).tolist() == indices


def test_more_than_a_chunk_comes_back():
    indices = np.random.default_rng(0).integers(0, 32, (1 << 18) + 12345)
    np.testing.assert_array_equal(unpack(pack(indices, 5), 5, len(indices)), indices)


def test_the_wrong_number_of_bytes_is_refused():
    with pytest.raises(ValueError, match="3 bytes for 4 indices of 4 bits"):
        unpack(b"abc", 4, 4)


random = np.random.default_rng(0)
ARRAYS = {
    "floats that are halves": (random.normal(size=(50, 3)).astype("f2").astype("f4"), "half deflate"),
    "floats beyond halves": (np.array([1.0, 1e6, 0.1], "f4"), None),
    "floats": (random.normal(size=(50, 3)).astype("f4"), "deflate"),
    "sixteen equally often": (random.permutation(np.repeat(np.arange(16, dtype="f4"), 64)).reshape(32, 32), "packed"),
    "mostly zeros": ((random.random((64, 64)) < 0.05).astype("f4") * random.integers(1, 9, (64, 64)), None),
    "a repeated row": (np.tile(random.integers(0, 9, 100), (200, 1)).astype("f4"), "packed deflate"),
    "three hundred values": (random.integers(0, 300, 5000).astype("f4"), None),
    "one value": (np.full((3, 3), -0.0, "f4"), None),
    "a scalar": (np.array(7, "i8"), None),
    "nothing": (np.empty((0, 4), "f4"), None),
    "not a number": (np.array([np.nan, -0.0, 0.0, np.inf, np.nan, -0.0, 0.0, np.inf], "f4"), None),
    "whole numbers": (np.arange(100, dtype="i8") % 3, None),
    "true and false": (np.arange(100) % 3 == 0, None),
    "halves": (np.linspace(0, 1, 100).astype("f2"), None),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_to_the_bit(name):
    values, coding = ARRAYS[name]
    described, coded = encode(values)
    again = decode(described, coded)
    assert (again.dtype, again.shape) == (values.dtype, values.shape)
    assert again.tobytes() == values.tobytes()
    assert described["num_bytes"] == len(coded)
    assert coding in (None, described["coding"])


def test_half_precision_takes_two_bytes_a_number():
    # The fraction's random bits do not shrink, and of a float16 they are ten of sixteen.
    described, _ = encode(random.normal(size=10_000).astype("f2").astype("f8"))
    assert 10_000 * 10 / 8 < described["num_bytes"] < 10_000 * 2


def test_sixteen_values_take_four_bits_and_skewed_ones_their_entropy():
    even = ARRAYS["sixteen equally often"][0]
    assert encode(even)[0]["num_bytes"] == even.size // 2 + 16 * 4
    skewed = random.choice(16, 20_000, p=[0.85] + [0.01] * 15).astype("f4")
    described, coded = encode(skewed)
    share = np.bincount(skewed.astype(int)) / skewed.size
    entropy_bytes = -(share * np.log2(share)).sum() * skewed.size / 8
    assert entropy_bytes < len(coded) < 1.35 * entropy_bytes  # a Huffman code spends a whole bit on the most frequent
    assert described["num_bytes"] < skewed.size * 4 // 8


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"coding": "magic"}, "magic"),
        ({"dtype": "object"}, "object"),
        ({"shape": [4096]}, "bytes"),
        ({"num_values": 15}, "bytes"),
        ({"num_values": 2}, "bytes"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(change, match):
    described, coded = encode(ARRAYS["sixteen equally often"][0])
    with pytest.raises(ValueError, match=match):
        decode(described | change, coded)


def test_an_index_beyond_the_codebook_is_refused():
    described = {"dtype": "float32", "shape": [300], "coding": "packed", "num_values": 3}
    codebook = np.arange(3, dtype="<f4").tobytes()
    assert decode(described, codebook + bytes(75)).tolist() == [0] * 300
    with pytest.raises(ValueError, match="beyond the codebook"):
        decode(described, codebook + b"\xff" * 75)


def test_what_would_unpack_to_more_is_stopped():
    import zlib

    with pytest.raises(ValueError, match="11 bytes instead of 10"):
        inflate(zlib.compress(bytes(10_000_000)), 10)


def test_bits_for_a_number_of_values():
    assert [bits_for(number) for number in (0, 1, 2, 3, 256, 257, 65536)] == [0, 0, 1, 2, 8, 9, 16]
