"""Small whole numbers packed bit by bit, and arrays coded in whichever way is smallest; all of it without loss."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 1 << 18  # numbers spread into bits at a time, a multiple of eight
_INTEGERS = {1: "u1", 2: "<u2", 4: "<u4", 8: "<u8"}  # by bytes: to compare bit patterns, NaN and -0.0 too
DTYPES = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


def bits_for(num_values: int) -> int:
    """How many bits an index of one of `num_values` takes.

    >>> [bits_for(num_values) for num_values in (1, 2, 3, 16, 17)]
    [0, 1, 2, 4, 5]
    """
    return max(num_values - 1, 0).bit_length()


def pack(indices: np.ndarray, bits: int) -> bytes:
    """Indices of shape (N,) below 2^bits as ceil(N * bits / 8) bytes, the lowest bit of the first index first.

    >>> import numpy as np
    >>> pack(np.array([1, 0, 3]), 2).hex()  # 00 11 00 01, read from the right
    '31'
    """
    import numpy as np

    parts = []
    for begin in range(0, len(indices), _CHUNK):
        part = indices[begin : begin + _CHUNK].astype(np.uint32)
        spread = (part[:, None] >> np.arange(bits, dtype=np.uint32)) & 1
        parts.append(np.packbits(spread.astype(np.uint8), bitorder="little").tobytes())
    return b"".join(parts)


def unpack(packed: bytes, bits: int, num_indices: int) -> np.ndarray:
    """The inverse of `pack`: shape (num_indices,), uint32.

    Raises:
      ValueError: when there are too few bytes, or too many.
    """
    import numpy as np

    if len(packed) != math.ceil(num_indices * bits / 8):
        raise ValueError(f"{len(packed)} bytes for {num_indices} indices of {bits} bits")
    found = np.zeros(num_indices, np.uint32)
    raw = np.frombuffer(packed, np.uint8)
    for begin in range(0, num_indices if bits else 0, _CHUNK):
        count = min(_CHUNK, num_indices - begin)
        part = raw[begin * bits // 8 : math.ceil((begin + count) * bits / 8)]
        spread = np.unpackbits(part, count=count * bits, bitorder="little").reshape(count, bits)
        found[begin : begin + count] = spread.astype(np.uint32) @ (1 << np.arange(bits, dtype=np.uint32))
    return found


def encode(values: np.ndarray) -> tuple[dict[str, Any], bytes]:
    """An array as its description, for JSON, and its bytes: the smallest of five codings.

    "deflate": the numbers themselves by zlib. "half deflate": wider floats that are all float16 numbers, as these.
    "packed": the distinct ones (the codebook), and an index for each number, packed bit by bit. "packed deflate": these
    by zlib, which finds repetitions. "huffman": the codebook, and the indices in as many bytes as they need, by zlib's
    Huffman coding alone (Deep Compression's last stage).
    """
    import numpy as np

    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).reshape(-1)
    found = {"deflate": zlib.compress(little.tobytes(), 9)}
    half = _as_half(little)
    if half is not None:
        found["half deflate"] = zlib.compress(half.tobytes(), 9)
    codebook, indices = np.unique(little.view(_INTEGERS[values.dtype.itemsize]), return_inverse=True)
    if len(codebook) <= min(65536, max(little.size // 2, 1)):
        head, narrow = codebook.tobytes(), indices.astype("u1" if len(codebook) <= 256 else "<u2").tobytes()
        packed = pack(indices, bits_for(len(codebook)))
        found["packed"] = head + packed
        found["packed deflate"] = head + zlib.compress(packed, 9)
        coder = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
        found["huffman"] = head + coder.compress(narrow) + coder.flush()
    coding = min(found, key=lambda name: len(found[name]))
    described = {"dtype": values.dtype.name, "shape": list(values.shape), "coding": coding}
    return described | {"num_values": len(codebook), "num_bytes": len(found[coding])}, found[coding]


def _as_half(values: np.ndarray) -> np.ndarray | None:
    """Wider floats as float16, when each of them comes back to the bit."""
    import numpy as np

    if values.dtype.kind != "f" or values.dtype.itemsize <= 2:
        return None
    with np.errstate(over="ignore"):  # what is too large becomes infinity, and does not come back
        half = values.astype("<f2")
    bits = _INTEGERS[values.dtype.itemsize]
    return half if np.array_equal(half.astype(values.dtype).view(bits), values.view(bits)) else None


def decode(described: Mapping[str, Any], coded: bytes) -> np.ndarray:
    """The inverse of `encode`.

    Raises:
      KeyError, ValueError, zlib.error: for what `encode` did not write.
    """
    import numpy as np

    coding, shape = described["coding"], tuple(described["shape"])
    if described["dtype"] not in DTYPES:
        raise ValueError(f"numbers of type {described['dtype']}")
    dtype = np.dtype(described["dtype"]).newbyteorder("<")
    size = math.prod(shape)
    if coding in ("deflate", "half deflate"):
        stored = dtype if coding == "deflate" else np.dtype("<f2")
        numbers = np.frombuffer(inflate(coded, size * stored.itemsize), stored)
        return numbers.reshape(shape).astype(dtype.newbyteorder("="))
    num_values = described["num_values"]
    cut = num_values * dtype.itemsize
    codebook, rest = np.frombuffer(coded[:cut], dtype), coded[cut:]
    bits = bits_for(num_values)
    if coding == "huffman":
        narrow = np.dtype("u1" if num_values <= 256 else "<u2")
        indices = np.frombuffer(inflate(rest, size * narrow.itemsize), narrow)
    elif coding == "packed deflate":
        indices = unpack(inflate(rest, math.ceil(size * bits / 8)), bits, size)
    elif coding == "packed":
        indices = unpack(rest, bits, size)
    else:
        raise ValueError(f"a coding {coding!r}")
    if size and int(indices.max()) >= len(codebook):
        raise ValueError("an index beyond the codebook")
    return codebook[indices].reshape(shape).astype(dtype.newbyteorder("="))


def inflate(coded: bytes, num_bytes: int) -> bytes:
    """What zlib packed, which must be `num_bytes`; a stream that would unpack to more is stopped there.

    Raises:
      ValueError: when it is another number of bytes.
    """
    stream = zlib.decompressobj()
    found = stream.decompress(coded, num_bytes + 1)
    if len(found) != num_bytes or not stream.eof:
        raise ValueError(f"{len(found)} bytes instead of {num_bytes}")
    return found
