"""Which operations of an integer file compute in float all the same, and why: TFLite knows no integer form of some."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...core.remarks import remark
from ...measuring.operation_table import CONTROL, MOVING, mode_in_table, table
from ...measuring.tflite import op_name, text_of

CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "DENSIFY", "CAST")
MOST_NAMES = 4


def say_float_operations(content: bytes, mode: str, layers: Collection[str]) -> None:
    """Remarks the operations of an integer file that compute in float, with their layers and the reason.

    What only moves numbers computes nothing.

    Args:
      content: of the file.
      mode: of the exporter.
      layers: the names of the model's layers.
    """
    found = {op: named for op, named in float_operations(content, layers).items() if op not in MOVING}
    without_form = table().stays_float(mode_in_table(mode))
    why = {
        "TFLite has no integer form of them": {op: named for op, named in found.items() if op in without_form},
        "no range of their inputs or outputs is known": {
            op: named for op, named in found.items() if op not in without_form
        },
    }
    for reason, operations in why.items():
        if operations:
            listed = ", ".join(f"{op}{_in(named)}" for op, named in operations.items())
            remark(f"The {mode} file computes in float: {listed}, as {reason}.")


def float_operations(content: bytes, layers: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The operations of a file that give float32, conversions apart, and the layers that they are of, as far as known.

    Args:
      content: of the file.
      layers: the names of the model's layers.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    found: dict[str, dict[str, None]] = {}
    for graph in model.subgraphs:
        for operator in graph.operators if graph.operators is not None else ():
            name = op_name(model.operatorCodes[operator.opcodeIndex])
            results = [graph.tensors[index] for index in operator.outputs]
            if name in (*CONVERSIONS, *CONTROL) or not any(each.type == schema.TensorType.FLOAT32 for each in results):
                continue
            layer = _layer(text_of(results[0].name), layers)
            found.setdefault(name, {}).update({layer: None} if layer else {})
    return {op: list(named) for op, named in found.items()}


def _layer(tensor: str, layers: Collection[str]) -> str:
    """The layer that a tensor's name names last, before what was fused into it.

    >>> _layer("net/conv1/Relu;net/bn/FusedBatchNormV3", {"conv1", "bn"})
    'conv1'
    """
    parts = re.split("[/:]", tensor.partition(";")[0])
    return next((part for each in reversed(parts) if (part := each.removeprefix("quant_")) in layers), "")


def _in(named: Sequence[Any]) -> str:
    """The layers in brackets, the first ones of many."""
    rest = len(named) - MOST_NAMES
    return f" ({', '.join(named[:MOST_NAMES])}{f' and {rest} more' if rest > 0 else ''})" if named else ""
