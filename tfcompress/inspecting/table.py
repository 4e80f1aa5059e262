"""An inspection on a terminal: a heading, a table, totals, and the reasons for each "no"."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from .columns import Column, lines
from .text import (
    answer_text,
    clusters_text,
    count_text,
    gpu_line,
    names_text,
    reasons,
    shape_text,
    share_text,
    whole_shape,
)
from .values import NO, NOT_ASKED, YES, KerasFile, LayerRow, OperatorRow, TensorRow, TfliteFile

PIPED_WIDTH = 100  # columns, where there is no terminal that has its own


def console() -> Console:
    """Standard output: as wide as the terminal, or 100 columns; no escape codes where it is none."""
    found = Console(highlight=False, markup=False, emoji=False)
    return found if found.is_terminal else Console(width=PIPED_WIDTH, highlight=False, markup=False, emoji=False)


def print_keras(file: KerasFile, out: Console) -> None:
    """Prints the layers of a Keras model."""
    _head(out, f"{file.file} ({_version(file.origin)})", f"{file.raw_bytes:,} bytes, model {file.model!r}")
    for title, ends in (("in ", file.inputs), ("out", file.outputs)):
        for end in ends:
            out.print(f"{title}  {end['name']}  {shape_text(end['shape'])} {end['dtype']}")
    out.print()
    _print_table(out, _layer_columns(file.layers))
    for line in (*_keras_totals(file), *_keras_reasons(file)):
        _print_wrapped(out, line)


def print_tflite(file: TfliteFile, out: Console, with_tensors: bool) -> None:
    """Prints the operations of a .tflite, and with `with_tensors` its tensors too."""
    _head(out, f"{file.file} (TensorFlow Lite, schema {file.version})", _file_facts(file))
    for title, indices in (("in ", file.inputs), ("out", file.outputs)):
        for index in indices:
            tensor = file.tensor(index)
            out.print(
                f"{title}  {tensor.name}  {whole_shape(tensor.shape)} {tensor.dtype}  {scales_text(tensor)}".rstrip()
            )
    out.print()
    _print_table(out, _operator_columns(file))
    if with_tensors:
        _print_table(out, _tensor_columns(file))
    for line in (
        *_tflite_totals(file),
        *reasons("GPU", [(f"{row.op} {row.index}", row.gpu) for row in file.operators]),
    ):
        _print_wrapped(out, line)


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


def _head(out: Console, name: str, facts: str) -> None:
    fits = len(name) + 2 + len(facts) <= out.width
    out.print(Text.assemble((name, "bold"), "  " if fits else "\n", facts), soft_wrap=True)


def _print_table(out: Console, columns: Sequence[Column]) -> None:
    for line in lines(columns, out.width):
        out.print(line, soft_wrap=True)
    out.print()


def _print_wrapped(out: Console, line: str) -> None:
    for part in textwrap.wrap(line, out.width, subsequent_indent="    ", break_long_words=False):
        out.print(part, soft_wrap=True)


def _version(origin: str) -> str:
    """ "Keras 3", of "model.keras (Keras 3)"."""
    return origin.rpartition("(")[2].rstrip(")")


def _layer_columns(rows: Sequence[LayerRow]) -> list[Column]:
    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(row) for row in rows), **options)

    def figure(heading: str, cell: Any, rank: int = 0) -> Column:
        return column(heading, cell, rank=rank, right=True)

    return [
        column("layer", lambda row: row.name, least=16),
        column("type", lambda row: row.type, least=13),
        column("output", lambda row: shape_text(row.output_shape), least=12),
        figure("params", lambda row: count_text(row.num_parameters)),
        figure("MACs", lambda row: count_text(row.num_macs)),
        figure("float32 bytes", lambda row: count_text(row.float32_bytes), rank=4),
        column("dtype", lambda row: row.dtype, rank=3),
        figure("zeros", lambda row: share_text(row.sparsity)),
        figure("values", _layer_clusters, rank=1),
        column("fake quantization", _ranges, rank=2),
        column("prune", lambda row: answer_text(row.pruning)),
        column("QAT", lambda row: answer_text(row.qat)),
        column("GPU", lambda row: answer_text(row.gpu), rank=_gpu_rank(rows)),
    ]


def _gpu_rank(rows: Sequence[LayerRow] | Sequence[OperatorRow]) -> int:
    """A column of nothing but "not asked" is the first to go; a line below the table says it too."""
    return 9 if all(row.gpu.answer == NOT_ASKED for row in rows) else 0


def _layer_clusters(row: LayerRow) -> str:
    """Of several kernels the one with the most values: clusters are for all of them or for none."""
    found = [(kernel.distinct_values, _size(kernel.shape)) for kernel in row.kernels]
    return clusters_text(*max(found)) if found else ""


def _size(shape: Sequence[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _ranges(row: LayerRow) -> str:
    return "; ".join(f"{fake.of} {fake.bits} bit [{fake.minimum:.3g}, {fake.maximum:.3g}]" for fake in row.quantization)


def _keras_totals(file: KerasFile) -> list[str]:
    totals = file.totals
    uncounted = totals["uncounted_layers"]
    counted = f"; MACs of {names_text(uncounted)} not counted" if uncounted else ""
    zeros = f", {share_text(totals['sparsity'])} zeros in kernels" if totals["num_weights"] else ""
    lines = [
        f"{totals['num_layers']} layers, {totals['num_parameters']:,} parameters ({totals['float32_bytes']:,} bytes in "
        f"float32), {totals['num_macs']:,} MACs{zeros}{counted}"
    ]
    if totals["num_weights"]:
        share = totals["num_prunable_weights"] / totals["num_weights"]
        lines.append(
            f"prune takes {totals['num_prunable_layers']} of {totals['num_layers_with_kernels']} layers with kernels, "
            f"{share_text(share)} of their weights"
        )
    whole = "takes the model" if file.qat.answer == YES else file.qat.reason
    lines.append(f"QAT {'cannot take it: ' if file.qat.answer == NO else ''}{whole}")
    return [*lines, gpu_line(file.gpu)]


def _keras_reasons(file: KerasFile) -> list[str]:
    return [
        line
        for title, name in (("prune", "pruning"), ("QAT", "qat"), ("GPU", "gpu"))
        for line in reasons(title, [(row.name, getattr(row, name)) for row in file.layers])
    ]


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
        return clusters_text(row.distinct_values, _size(tensor.shape)) if tensor else ""

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
        column("GPU", lambda row: answer_text(row.gpu), rank=_gpu_rank(rows)),
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
            f"{totals['num_graphs']} graphs; totals are of the main one, and the others run as often as it says"
        )
    if totals["int8_share"] is not None:
        left = ", ".join(f"{name} ({count})" for name, count in totals["float_operators"].items())
        lines.append(f"int8 {share_text(totals['int8_share'])} of operations" + (f"; in float: {left}" if left else ""))
    return [*lines, gpu_line(file.gpu)]
