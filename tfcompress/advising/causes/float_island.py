"""Operations that stay in float in an integer file: a conversion before, one behind, and no integer-only hardware."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence, FileOp

LEAST = 0.05  # of all numbers that the file computes: less is no part of its time
# What computes the same, or serves as well, in int8.
INSTEAD = {
    "ELU": "relu, or swish",
    "SQUARE": "Multiply()([x, x])",
    "POW": "Multiply",
    "NEG": "a product with -1",
    "ADD_N": "Add of two at a time",
    "SIN": "a small Dense layer or a table",
    "COS": "a small Dense layer or a table",
}


def float_island(evidence: Evidence) -> Advice | None:
    """Names the operations, their layer, and what has an int8 form.

    >>> ops = [FileOp(0, "CONV_2D", "int8", numbers=100), FileOp(1, "DEQUANTIZE", "conversion", outputs=(5,))]
    >>> ops += [FileOp(2, "ELU", "float32", "act", 100, inputs=(5,), outputs=(6,))]
    >>> ops += [FileOp(3, "QUANTIZE", "conversion", inputs=(6,), numbers=100), FileOp(4, "MEAN", "int8", numbers=1)]
    >>> float_island(Evidence(operations=tuple(ops))).layer
    'act'
    """
    if not evidence.is_integer:
        return None
    islands = [op for op in evidence.operations if op.arithmetic.startswith("float") and op.numbers]
    if not islands or not _is_between(islands, evidence.operations):
        return None
    total = sum(op.numbers for op in evidence.operations)
    if sum(op.numbers for op in islands) < LEAST * total:
        return None
    names = sorted({op.op for op in islands})
    layers = list(dict.fromkeys(op.layer for op in islands if op.layer))
    conversions = [op for op in evidence.operations if op.op in ("QUANTIZE", "DEQUANTIZE")]
    where = f" of {', '.join(map(repr, layers[:3]))}{' and others' if len(layers) > 3 else ''}" if layers else ""
    instead = next((INSTEAD[name] for name in names if name in INSTEAD), "an operation that has an int8 form")
    return Advice(
        "float island",
        f"{len(islands)} of {len(evidence.operations)} operations stay in float in the {evidence.mode or 'integer'} "
        f"file, {', '.join(names)}{where}, between {len(conversions)} conversions: slower on built-in kernels, and "
        "nothing that integer-only hardware runs.",
        layers[0] if layers else None,
        None,
        f"put {instead} in its place and train on (docs/operations.md has what int8 knows)",
    )


def _is_between(islands: list[FileOp], operations: tuple[FileOp, ...]) -> bool:
    """Whether something is converted to float before them and to integers behind: the end of a file may be in float."""
    before = {tensor for op in operations if op.op == "DEQUANTIZE" for tensor in op.outputs}
    behind = {tensor for op in operations if op.op == "QUANTIZE" for tensor in op.inputs}
    return any(before & set(op.inputs) for op in islands) and any(behind & set(op.outputs) for op in islands)
