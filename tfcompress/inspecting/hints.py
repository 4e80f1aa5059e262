"""What the table of operations (docs/operations.md) has to say of a model file, before anything is exported or run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..measuring.operation_table import OperationTable, table
from .text import names_text
from .values import LayerRow, OperatorRow

# What an operation computes in says in which of the table's modes it was written.
_MODES = {"int8": "int8", "int16": "int16x8", "hybrid": "dynamic_range", "float32": "float32", "float16": "float16"}


def of_tflite(operators: Iterable[OperatorRow], known: OperationTable | None = None) -> tuple[str, ...]:
    """Of a file: operations that TFLite has no int8 form of, and those that the GPU delegate was seen to refuse.

    >>> row = OperatorRow(0, "SIN", 1, (0,), (1,), "float32", 0, 0)
    >>> of_tflite([row, OperatorRow(1, "CONV_2D", 1, (1, 2), (3,), "int8", 0, 0)])[0]
    'TFLite has no int8 form of SIN (docs/operations.md)'
    """
    known = known or table()
    rows = list(operators)
    hints = []
    if any(row.arithmetic in ("int8", "int16") for row in rows):
        mode = "int8" if any(row.arithmetic == "int8" for row in rows) else "int16x8"
        left = {row.op for row in rows if row.arithmetic == "float32"} & known.stays_float(mode)
        if left:
            hints.append(f"TFLite has no {mode} form of {names_text(sorted(left))} (docs/operations.md)")
    refused = {
        row.op: reasons[0]
        for row in rows
        if (seen := _MODES.get(row.arithmetic))
        and known.is_refused(row.op, seen, "gpu")
        and (reasons := known.refusals(row.op, seen, "gpu"))
    }
    return (*hints, *_grouped("the GPU delegate was seen to refuse", refused, known))


def of_layers(layers: Iterable[LayerRow], known: OperationTable | None = None) -> tuple[str, ...]:
    """Of a Keras model: the layers that have operations in float in an int8 file."""
    found = (known or table()).surely_float({row.name: row.type for row in layers}, "int8")
    if not found:
        return ()
    names = sorted({op for each in found.values() for op in each})
    return (
        f"in an int8 file {names_text(list(found))} will be float, all or in part: TFLite has no int8 form of "
        f"{names_text(names)} (docs/operations.md)",
    )


def _grouped(said: str, refused: Mapping[str, str], known: OperationTable) -> list[str]:
    groups: dict[str, list[str]] = {}
    for op, reason in refused.items():
        groups.setdefault(reason, []).append(op)
    version = known.versions.get("ai-edge-litert", "")
    return [f"{said} {names_text(ops)}: {reason} (LiteRT {version})" for reason, ops in groups.items()]
