"""Random numbers that belong to an example: the same for the same (seed, epoch, example), in whatever batch it is.

So a view of an example can be made again alone, by a teacher for one, and an interrupted training sees what an
uninterrupted one would have seen.
"""

from __future__ import annotations

import zlib
from typing import Any

from ...backend.tensorflow import tf

_FINE = 1 << 24  # float32 resolves so many numbers in [0, 1)


def uniform(name: str, key: Any, indices: Any) -> Any:
    """One number in [0, 1) for each example.

    Args:
      name: what it is for; other names give independent numbers.
      key: (seed, epoch), two whole numbers.
      indices: of the examples, shape (batch,).

    >>> numbers = uniform("flip", (0, 3), tf.constant([5, 9]))
    >>> bool(tf.reduce_all(numbers == uniform("flip", (0, 3), tf.constant([5, 9, 1]))[:2]))
    True
    """
    mixed = tf.constant(zlib.crc32(name.encode()), tf.uint32)
    for part in (*tf.unstack(tf.cast(tf.convert_to_tensor(key), tf.uint32), num=2), tf.cast(indices, tf.uint32)):
        mixed = _mix(_xor(mixed, _mix(part + tf.constant(0x9E3779B9, tf.uint32))))
    return tf.cast(_shifted(mixed, 8), tf.float32) / _FINE


def below(limit: int, name: str, key: Any, indices: Any) -> Any:
    """One whole number in [0, limit) for each example, as int32."""
    return tf.minimum(tf.cast(uniform(name, key, indices) * limit, tf.int32), limit - 1)


def _mix(x: Any) -> Any:
    """An integer hash in which each bit of the input changes half the bits of the output.

    Source: C. Wellons, "Prospecting for hash functions" (lowbias32), 2018,
    https://nullprogram.com/blog/2018/07/31/
    """
    x = _xor(x, _shifted(x, 16)) * tf.constant(0x7FEB352D, tf.uint32)
    x = _xor(x, _shifted(x, 15)) * tf.constant(0x846CA68B, tf.uint32)
    return _xor(x, _shifted(x, 16))


def _xor(x: Any, y: Any) -> Any:
    return tf.bitwise.bitwise_xor(x, y)


def _shifted(x: Any, num_bits: int) -> Any:
    return tf.bitwise.right_shift(x, tf.constant(num_bits, tf.uint32))
