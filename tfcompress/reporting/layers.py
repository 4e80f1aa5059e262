"""A .tflite operation by operation: bytes, multiply-accumulates, zeros, bits, and who computes from whose output."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..inspecting.tflite.tflite_file import look_at
from ..inspecting.values import OperatorRow, TfliteFile
from ..measuring.layer_map import layer_in, layer_ops

MOST_OPERATIONS = 400  # of a file that are listed
_BITS = {"int4": 4, "int8": 8, "uint8": 8, "int16": 16, "float16": 16, "bfloat16": 16, "float32": 32, "int2": 2}


def operations_of(
    path: Path, layers: Collection[str], kernel_db: Mapping[str, float], output_db: Mapping[int, float]
) -> dict[str, Any]:
    """The operations of the main graph of a file, as JSON.

    Args:
      path: the file.
      layers: names of the Keras model's layers.
      kernel_db: by the name of a kernel's tensor, how well it keeps the Keras model's, in dB.
      output_db: by the number of a tensor, how well it keeps the output of the Keras model's layer.

    Returns:
      `operations`, a row each, with `takes`: the numbers of the operations that it computes from; `left_out`: how many
      there are beyond the first 400; `inputs` and `outputs`: what the file takes and gives.
    """
    file = look_at(path)
    named = {each.number: each.layer for each in layer_ops(path, layers)}
    rows = [row for row in file.operators if row.graph == 0]
    makers = {index: row.index for row in rows for index in row.outputs}
    operations = [
        _operation(file, row, named.get(row.index), layers, makers, kernel_db, output_db)
        for row in rows[:MOST_OPERATIONS]
    ]
    return {
        "operations": operations,
        "left_out": max(0, len(rows) - MOST_OPERATIONS),
        "inputs": [_tensor(file, index) for index in file.inputs],
        "outputs": [_tensor(file, index) for index in file.outputs],
        "hints": list(file.hints),
    }


def _operation(
    file: TfliteFile,
    row: OperatorRow,
    layer: str | None,
    layers: Collection[str],
    makers: Mapping[int, int],
    kernel_db: Mapping[str, float],
    output_db: Mapping[int, float],
) -> dict[str, Any]:
    weights = None if row.weights is None else file.tensor(row.weights)
    output = file.tensor(row.outputs[0]) if row.outputs else None
    name = layer or layer_in(output.name if output else "", layers) or _last_part(output.name if output else "")
    return {
        "number": row.index,
        "op": row.op,
        "layer": layer,
        "name": name,
        "output_shape": [] if output is None else list(output.shape),
        "computes": row.arithmetic,
        "bytes": row.constant_bytes,
        "macs": row.num_macs,
        "sparsity": row.sparsity,
        "distinct_values": row.distinct_values,
        "kernel": None if weights is None else weights.name,
        "bits": None if weights is None else _BITS.get(weights.dtype),
        "kernel_db": None if weights is None else ratio_or_none(kernel_db.get(weights.name)),
        "output_db": ratio_or_none(output_db.get(row.outputs[0])) if row.outputs else None,
        "takes": sorted({makers[index] for index in row.inputs if index in makers}),
    }


def ratio_or_none(value: float | None) -> float | None:
    """A ratio in dB where it is one; infinite where nothing differs, as in the rest of report.json.

    >>> ratio_or_none(41.5), ratio_or_none(math.inf), ratio_or_none(-math.inf), ratio_or_none(math.nan)
    (41.5, inf, None, None)
    """
    return value if value is not None and value > -math.inf else None


def _last_part(name: str) -> str:
    """A short name for a tensor that no layer's name is in.

    >>> _last_part("model/flatten/Reshape;x"), _last_part("StatefulPartitionedCall_1:0")
    ('flatten/Reshape', 'StatefulPartitionedCall_1:0')
    """
    parts = name.partition(";")[0].split("/")
    return "/".join(parts[-2:])


def _tensor(file: TfliteFile, index: int) -> dict[str, Any]:
    row = file.tensor(index)
    return {"name": row.name, "shape": list(row.shape), "dtype": row.dtype}
