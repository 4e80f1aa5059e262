"""Multiply-accumulates of one call of a layer, from shapes: a kernel's entry counts once each time it is used.

Shapes are those of Keras, the batch first; None is a length that is not known. Biases, activations, gates and masks
multiply nothing by a kernel, and are not counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

Shape = Sequence[int | None]


def product(lengths: Iterable[int | None]) -> int | None:
    """The product of lengths; None where one is not known."""
    known = tuple(lengths)
    return None if None in known else math.prod(known)


def recurrent(inputs: Shape, kernels: Iterable[Shape], time_major: bool = False) -> int | None:
    """Each entry of the kernels and the recurrent kernels is used at each step: T * sum of their entries.

    >>> recurrent((None, 5, 2), [(2, 12), (3, 12)])  # an LSTM of 3 units over 5 steps of 2: 5 * (24 + 36)
    300
    """
    steps = product(inputs[:1] if time_major else inputs[1:-1])
    return None if steps is None else steps * sum(math.prod(kernel) for kernel in kernels)


def einsum(equation: str, inputs: Shape, kernel: Shape) -> int | None:
    """Each entry is used once for each index of an input that the kernel does not have; the batch is one.

    >>> einsum("abc,cd->abd", (None, 5, 2), (2, 6)), einsum("...x,xy->...y", (None, 5, 4, 2), (2, 6))
    (60, 240)
    """
    of_input, of_kernel = equation.replace(" ", "").split("->")[0].split(",")
    before, _, after = of_input.partition("...")
    letters = [*before, *"." * (len(inputs) - len(before) - len(after)), *after] if "..." in of_input else of_input
    times = product(n for letter, n in zip(letters[1:], inputs[1:], strict=True) if letter not in of_kernel)
    return None if times is None else times * math.prod(kernel)


def attention(
    *shapes: Shape, num_heads: int, key_dim: int, value_dim: int, width: int, axes: Sequence[int] | None = None
) -> int | None:
    """Four projections, the scores, and the mean of the values that they weigh.

    With T places of the query and S of key and value, H heads, and d the lengths of their last axes:
    T d_q H k + S d_k H k + S d_v H v, the projections in; T S H k, the scores; T S H v, the means; T H v d_o, out.
    Places along axes that attention does not run over (`axes`, None: all) multiply T S once.

    >>> attention((None, 3, 4), (None, 5, 4), (None, 5, 4), num_heads=2, key_dim=2, value_dim=2, width=4)
    376
    """
    query, value, key = shapes
    places = [product(shape[1:-1]) for shape in shapes]
    if None in places or None in (query[-1], value[-1], key[-1]):
        return None
    apart = 1 if axes is None else math.prod(n for axis, n in enumerate(query[1:-1], 1) if axis not in axes)
    pairs = places[0] * places[1] // apart
    into = places[0] * query[-1] * key_dim + places[2] * key[-1] * key_dim + places[1] * value[-1] * value_dim
    return num_heads * (into + pairs * (key_dim + value_dim) + places[0] * value_dim * width)
