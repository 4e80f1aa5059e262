"""swish, x sigmoid(x), is two operations of a file, where ReLU is built into the convolution."""

from __future__ import annotations

from ...core.types import Advice
from ..evidence import Evidence, FileOp
from .words import percent

MACS_A_NUMBER = 5.0  # that LOGISTIC and MUL take together in int8 on XNNPACK (seen: 0.11 ns, and 0.02 ns a MAC)
LEAST = 0.1  # of the file's time, estimated so


def swish(evidence: Evidence) -> Advice | None:
    """Counts them, and says which share of the time they take."""
    found = list(_swishes(evidence.operations))
    macs = sum(op.macs for op in evidence.operations)
    cost = MACS_A_NUMBER * sum(op.numbers for op in found)
    if not found or not evidence.is_integer or cost < LEAST * (cost + macs):
        return None
    layers = list(dict.fromkeys(op.layer for op in found if op.layer))
    where = f" ({', '.join(map(repr, layers[:3]))}{' and others' if len(layers) > 3 else ''})" if layers else ""
    return Advice(
        "swish",
        f"swish{where} is two operations a time, LOGISTIC and MUL over {sum(op.numbers for op in found):,} numbers, "
        "where ReLU is built into the convolution and costs nothing.",
        layers[0] if layers else None,
        f"about {percent(cost / (cost + macs))} of the time, estimated at {MACS_A_NUMBER:.0f} multiply-accumulates a "
        "number",
        "put relu6 in its place and train on; hard_swish is one operation, which XNNPACK does not take in int8",
    )


def _swishes(operations: tuple[FileOp, ...]) -> list[FileOp]:
    """The products of a tensor and its own sigmoid, each for both operations."""
    sigmoids = {op.outputs[0]: op.inputs[0] for op in operations if op.op == "LOGISTIC" and op.inputs and op.outputs}
    return [
        op
        for op in operations
        if op.op == "MUL" and any(sigmoids.get(one) in op.inputs for one in op.inputs if one in sigmoids)
    ]
