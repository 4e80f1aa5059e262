"""A .tflite on a terminal: its operations, its tensors if wanted, totals, and what the GPU delegate refuses."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console

from ..columns import Column
from ..page import gpu_rank, head, print_table, print_wrapped
from ..text import clusters_text, count_text, gpu_line, names_text, reasons, share_text, status_text, whole_shape
from ..values import OperatorRow, TensorRow, TfliteFile
from .metadata import notes_lines


def print_tflite(file: TfliteFile, out: Console, with_tensors: bool) -> None:
    """Prints the operations of a .tflite, and with `with_tensors` its tensors too."""
    head(out, f"{file.file} (TensorFlow Lite, schema {file.version})", _file_facts(file))
    for title, indices in (("in ", file.inputs), ("out", file.outputs)):
        for index in indices:
            out.print(_end(title, file.tensor(index), out.width), soft_wrap=True)
    for line in notes_lines(file.notes):
        print_wrapped(out, line)
    out.print()
    print_table(out, _operator_columns(file))
    if with_tensors:
        print_table(out, _tensor_columns(file))
    for line in (
        *_tflite_totals(file),
        *file.hints,
        *reasons("GPU", [(f"{row.op} {row.index}", row.gpu) for row in file.operators]),
    ):
        print_wrapped(out, line)


def scales_text(tensor: TensorRow) -> str:
    """How a tensor is quantized: its scale and zero point, or over its channels their range.

    >>> scales_text(TensorRow(0, "x", "int8", (1, 4), 0, "per-tensor", 1, (0.5,), (-128,)))
    'scale 0.5, zero point -128'
    """
    if not tensor.scale or not tensor.scheme:
        return ""
    scales = " to ".join("?" if scale is None else f"{scale:.3g}" for scale in tensor.scale)
    points = " to ".join(map(str, tensor.zero_point)) or "0"
    count = "" if tensor.num_scales == 1 else f"{tensor.num_scales} scales, "
    return f"{count}{'scale ' if not count else ''}{scales}, zero point {points}"


def _end(title: str, tensor: TensorRow, width: int) -> str:
    """An input or output; a name that is longer than the line is wide ends in dots."""
    facts = ", ".join(filter(None, (f"{whole_shape(tensor.shape)} {tensor.dtype}", scales_text(tensor))))
    name = tensor.name.partition(";")[0]
    room = max(16, width - len(title) - len(facts) - 4)
    return f"{title}  {facts}  {name if len(name) <= room else name[: room - 1] + '…'}"


def _file_facts(file: TfliteFile) -> str:
    runtime = next((entry["text"] for entry in file.metadata if entry["name"] == "min_runtime_version"), "")
    needs = f", needs TFLite {runtime}" if runtime else ""
    return f"{file.raw_bytes:,} bytes, {file.zipped_bytes:,} zipped{needs}"


def _operator_columns(file: TfliteFile) -> list[Column]:
    rows = file.operators
    several = file.totals["num_graphs"] > 1

    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(row) for row in rows), **options)

    def output(row: OperatorRow) -> TensorRow | None:
        return file.tensor(row.outputs[0], row.graph) if row.outputs else None

    def inputs(row: OperatorRow) -> str:
        given = [file.tensor(index, row.graph) for index in row.inputs if index >= 0]
        return ", ".join(whole_shape(tensor.shape) for tensor in given if not tensor.constant_bytes)

    def made(row: OperatorRow) -> str:
        tensors = [file.tensor(index, row.graph) for index in row.outputs]
        return ", ".join(whole_shape(tensor.shape) for tensor in tensors)

    def numbers(row: OperatorRow) -> str:
        """What it computes in; of a conversion, from what to what."""
        made = output(row)
        if row.arithmetic != "conversion" or made is None or not row.inputs or row.inputs[0] < 0:
            return row.arithmetic
        return f"{file.tensor(row.inputs[0], row.graph).dtype} to {made.dtype}"

    def weights(row: OperatorRow) -> TensorRow | None:
        return None if row.weights is None else file.tensor(row.weights, row.graph)

    def scales(row: OperatorRow) -> str:
        tensor = weights(row)
        return tensor.scheme if tensor else ""

    def clusters(row: OperatorRow) -> str:
        tensor = weights(row)
        return clusters_text(row.distinct_values, math.prod(tensor.shape), row.sparsity) if tensor else ""

    return [
        column("graph", lambda row: str(row.graph) if several else "", right=True),
        column("#", lambda row: str(row.index), right=True),
        column("operation", lambda row: row.op, least=14),
        column("inputs", inputs, rank=4),
        column("output", made, least=14),
        column("computes in", numbers),
        column("bytes", lambda row: count_text(row.constant_bytes), right=True),
        column("MACs", lambda row: count_text(row.num_macs), right=True),
        column("weights", scales, rank=2),
        column("weights' scales", lambda row: scales_text(tensor) if (tensor := weights(row)) else "", rank=6),
        column("output's scale", lambda row: scales_text(tensor) if (tensor := output(row)) else "", rank=5),
        column("zeros", lambda row: share_text(row.sparsity), right=True),
        column("values", clusters, rank=1, right=True),
        column("GPU", lambda row: status_text(row.gpu), rank=gpu_rank(rows)),
    ]


def _tensor_columns(file: TfliteFile) -> list[Column]:
    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(row) for row in file.tensors), **options)

    several = file.totals["num_graphs"] > 1
    return [
        column("graph", lambda row: str(row.graph) if several else "", right=True),
        column("#", lambda row: str(row.index), right=True),
        column("tensor", lambda row: row.name, least=24),
        column("dtype", lambda row: row.dtype),
        column("shape", lambda row: whole_shape(row.shape)),
        column("bytes", lambda row: count_text(row.constant_bytes), right=True),
        column("quantization", scales_text, least=20),
        column("encoding", lambda row: "sparse" if row.is_sparse else "", rank=1),
    ]


def _tflite_totals(file: TfliteFile) -> list[str]:
    totals = file.totals
    uncounted = totals["uncounted_operators"]
    counted = f"; MACs of {names_text(uncounted)} not counted" if uncounted else ""
    zeros = f", {share_text(totals['sparsity'])} zeros in kernels" if totals["num_weights"] else ""
    lines = [
        f"{totals['num_operators']} operations, {totals['constant_bytes']:,} bytes of constants, "
        f"{totals['num_macs']:,} MACs{zeros}{counted}"
    ]
    if totals["num_graphs"] > 1:
        lines.append(
            f"{totals['num_graphs']} graphs; operations are counted in the main one, MACs as often as its loops run"
        )
    if totals["int8_share"] is not None:
        left = ", ".join(f"{name} ({count})" for name, count in totals["float_operators"].items())
        lines.append(f"int8 {share_text(totals['int8_share'])} of operations" + (f"; in float: {left}" if left else ""))
    return [*lines, gpu_line(file.gpu)]
