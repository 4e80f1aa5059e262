"""Figures of one operation of a .tflite: how much it multiplies, and in which numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "DENSIFY", "CAST")  # they move values from one type to another
_INTEGERS = ("INT8", "UINT8", "INT16", "INT4")
_FLOATS = ("FLOAT32", "FLOAT16", "BFLOAT16", "FLOAT64")

# They multiply by weights in ways that are not counted here.
_UNCOUNTED = (
    *("LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM", "RNN", "BIDIRECTIONAL_SEQUENCE_RNN"),
    *("SVDF", "LSH_PROJECTION", "WHILE", "IF", "CALL", "CALL_ONCE"),
)
# Where the kernels are among the inputs of an operation that has several: those of the input, then those of the state.
KERNELS = {"UNIDIRECTIONAL_SEQUENCE_LSTM": range(1, 9), "UNIDIRECTIONAL_SEQUENCE_RNN": range(1, 3)}

Shape = Sequence[int]


def num_macs(
    op: str, inputs: Sequence[Shape | None], outputs: Sequence[Shape], transposed: tuple[bool, bool] = (False, False)
) -> int | None:
    """Multiply-accumulates of an operation, all of its batch; None for one whose formula is not known here.

    Args:
      op: its name.
      inputs: shapes of its inputs, in the schema's order; None where one is left out.
      outputs: shapes of its outputs.
      transposed: of BATCH_MATMUL, whether its first and its second operand are.

    >>> num_macs("CONV_2D", [(1, 9, 9, 2), (5, 3, 3, 2), (5,)], [(1, 4, 4, 5)])  # 16 positions, 90 kernel entries
    1440
    >>> num_macs("FULLY_CONNECTED", [(1, 7), (3, 7), None], [(1, 3)])
    21
    >>> num_macs("UNIDIRECTIONAL_SEQUENCE_RNN", [(1, 6, 2), (3, 2), (3, 3), (3,), (1, 3)], [(1, 6, 3)])  # 6 steps of 15
    90
    """
    if op in _UNCOUNTED:
        return None
    if op in ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_3D"):  # each kernel entry once at each position of the output
        return math.prod(outputs[0][:-1]) * _size(inputs[1])
    if op == "TRANSPOSE_CONV":  # and here at each position of the input, which is its third
        return math.prod((inputs[2] or ())[:-1]) * _size(inputs[1])
    if op == "FULLY_CONNECTED":
        units, depth = inputs[1] or (1, 1)
        return _size(inputs[0]) // max(1, depth) * units * depth
    if op in KERNELS:  # each kernel once at each step of each sequence
        return math.prod((inputs[0] or ())[:2]) * sum(_size(inputs[place]) for place in KERNELS[op])
    if op == "BATCH_MATMUL":
        first = inputs[0] or ()
        return _size(outputs[0]) * (first[-2] if transposed[0] else first[-1])
    return 0


def arithmetic(op: str, inputs: Sequence[str], outputs: Sequence[str], weights: str | None) -> str:
    """The numbers that an operation computes in, by the types of its tensors.

    Returns:
      The type, in small letters, of an operation whose inputs and outputs agree; "hybrid" for float activations with
      integer weights; "conversion" for QUANTIZE and the like; "mixed" for what is none of these.

    >>> arithmetic("CONV_2D", ["FLOAT32"], ["FLOAT32"], "INT8")
    'hybrid'
    """
    if op in CONVERSIONS:
        return "conversion"
    floats = [dtype for dtype in outputs if dtype in _FLOATS]
    if floats:
        return "hybrid" if weights in _INTEGERS else floats[0].lower()
    if any(dtype in _FLOATS for dtype in inputs):
        return "mixed"
    return outputs[0].lower() if outputs else "mixed"


def integer_share(kinds: Sequence[str]) -> float | None:
    """The share of 8-bit operations among those that are no conversion; None when there are none.

    >>> integer_share(["conversion", "int8", "int8", "float32"])
    0.6666666666666666
    """
    counted = [kind for kind in kinds if kind != "conversion"]
    return sum(kind in ("int8", "uint8") for kind in counted) / len(counted) if counted else None


def float_operations(named: Sequence[tuple[str, str]]) -> Mapping[str, int]:
    """How often each operation computes in float, from (name, arithmetic) of each.

    >>> float_operations([("CONV_2D", "int8"), ("SOFTMAX", "float32"), ("CONV_2D", "hybrid")])
    {'SOFTMAX': 1, 'CONV_2D': 1}
    """
    counts: dict[str, int] = {}
    for name, kind in named:
        if kind in ("hybrid", "mixed") or kind.startswith(("float", "bfloat")):
            counts[name] = counts.get(name, 0) + 1
    return counts


def _size(shape: Shape | None) -> int:
    return math.prod(shape or (0,))
