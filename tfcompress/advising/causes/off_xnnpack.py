"""Operations of an integer file that XNNPACK does not take: built-in kernels run them, and the file is in parts."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence
from .words import percent

LEAST = 0.1  # of all numbers that the file computes
# Of others nothing else serves: of a lookup, or of the picking of every other pixel.
INSTEAD = {
    "HARD_SWISH": "relu6, or swish, which XNNPACK has tables for",
    "GELU": "swish, which XNNPACK has tables for",
    "AVERAGE_POOL_2D": "GlobalAveragePooling2D where the window is the whole image, else MaxPooling2D or a stride",
    "MINIMUM": "relu6, which a convolution has built in,",
    "SELECT": "elu or swish in place of selu",
    "EXP": "swish in place of what is made of exponentials",
    "LOG": "swish in place of what is made of logarithms",
}


def off_xnnpack(evidence: Evidence) -> Advice | None:
    """Names the operations that XNNPACK leaves, where they are a good part of the file.

    >>> from tfcompress.advising.evidence import FileOp
    >>> conv = FileOp(0, "CONV_2D", "int8", "c", 100, on_xnnpack=True)
    >>> gelu = FileOp(1, "GELU", "int8", "g", 100, on_xnnpack=False)
    >>> off_xnnpack(Evidence(operations=(conv, gelu))).follow
    'put swish, which XNNPACK has tables for in their place and train on'
    """
    computing = [op for op in evidence.operations if op.arithmetic != "conversion"]
    left = [op for op in computing if op.on_xnnpack is False and op.op in INSTEAD]
    if not evidence.is_integer or not any(op.on_xnnpack for op in computing):
        return None
    given = {tensor: op.numbers for op in evidence.operations for tensor in op.outputs}
    moved = sum(max([op.numbers, *(given.get(tensor, 0) for tensor in op.inputs)]) for op in left)
    total = sum(op.numbers for op in computing)
    if not left or moved < LEAST * total:
        return None
    names = sorted({op.op for op in left})
    layers = list(dict.fromkeys(op.layer for op in left if op.layer))
    where = f" of {', '.join(map(repr, layers[:3]))}{' and others' if len(layers) > 3 else ''}" if layers else ""
    return Advice(
        "off XNNPACK",
        f"XNNPACK takes {len(computing) - len(left)} of {len(computing)} operations: {', '.join(names)}{where} run on "
        f"built-in kernels, over {percent(min(1.0, moved / total))} of the numbers.",
        layers[0] if layers else None,
        None,
        f"put {INSTEAD[names[0]]} in their place and train on",
    )
