"""A Keras model on a terminal: its layers, totals, and the reasons for each "no"."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from ..columns import Column
from ..page import gpu_rank, head, print_table, print_wrapped
from ..text import clusters_text, count_text, gpu_line, names_text, reasons, shape_text, share_text, status_text
from ..values import NO, NOTHING_TO_DO, PARTLY, YES, KerasFile, LayerRow

MOST_WORDS = 240  # characters of a reason; --json has all of it
_QAT_WORDS = {
    YES: "takes the model",
    PARTLY: "takes the model: ",
    NO: "cannot take the model: ",
    NOTHING_TO_DO: "has nothing to do: it ",
}


def print_keras(file: KerasFile, out: Console) -> None:
    """Prints the layers of a Keras model."""
    head(out, f"{file.file} ({_version(file.origin)})", f"{file.raw_bytes:,} bytes, model {file.model!r}")
    for title, ends in (("in ", file.inputs), ("out", file.outputs)):
        for end in ends:
            out.print(f"{title}  {end['name']}  {shape_text(end['shape'])} {end['dtype']}")
    out.print()
    print_table(out, _layer_columns(file.layers))
    if any(row.quantization for row in file.layers):
        print_table(out, _range_columns(file))
    for line in (*_keras_totals(file), *file.hints, *_keras_reasons(file)):
        print_wrapped(out, line)


def _version(origin: str) -> str:
    """ "Keras 3", of "model.keras (Keras 3)"."""
    return origin.rpartition("(")[2].rstrip(")")


def _layer_columns(rows: Sequence[LayerRow]) -> list[Column]:
    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(row) for row in rows), **options)

    all_float32 = all(row.dtype == "float32" for row in rows)

    def figure(heading: str, cell: Any, rank: int = 0) -> Column:
        return column(heading, cell, rank=rank, right=True)

    return [
        column("layer", lambda row: row.name, least=16),
        column("type", lambda row: row.type, least=13),
        column("output", lambda row: shape_text(row.output_shape), least=12),
        figure("params", lambda row: count_text(row.num_parameters)),
        figure("MACs", lambda row: count_text(row.num_macs)),
        figure("float32 bytes", lambda row: count_text(row.float32_bytes), rank=4),
        column("dtype", lambda row: "" if all_float32 else row.dtype, rank=3),
        figure("zeros", lambda row: share_text(row.sparsity)),
        figure("values", _layer_clusters, rank=1),
        column("prune", lambda row: status_text(row.pruning)),
        column("QAT", lambda row: status_text(row.qat)),
        column("GPU", lambda row: status_text(row.gpu), rank=gpu_rank(rows)),
    ]


def _layer_clusters(row: LayerRow) -> str:
    """Of several kernels the one with the most values: clusters are for all of them or for none."""
    found = [(kernel.distinct_values, math.prod(kernel.shape), kernel.sparsity) for kernel in row.kernels]
    return clusters_text(*max(found)) if found else ""


def _range_columns(file: KerasFile) -> list[Column]:
    """tfmot's fake quantizers, one a row."""
    rows = [(row.name, fake) for row in file.layers for fake in row.quantization]

    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(fake) for _, fake in rows), **options)

    return [
        Column("layer", tuple(name for name, _ in rows)),
        column("fake-quantized", lambda fake: fake.of),
        column("bits", lambda fake: str(fake.bits), right=True),
        column("scales", lambda fake: "per-channel" if fake.per_channel else "per-tensor"),
        column("least", lambda fake: f"{fake.minimum:.4g}", right=True),
        column("largest", lambda fake: f"{fake.maximum:.4g}", right=True),
    ]


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
    lines.append(f"QAT {_QAT_WORDS[file.qat.status]}{file.qat.reason}")
    if file.qat.status == NO:
        lines.append(f"QuantizeAware, which goes layer by layer, {_layerwise(file)}")
    return [*lines, gpu_line(file.gpu)]


def _layerwise(file: KerasFile) -> str:
    left = list(file.stays_in_float)
    if file.quantize_aware.status == NO:
        return f"cannot take it either: {textwrap.shorten(file.quantize_aware.reason, MOST_WORDS, placeholder=' ...')}"
    if left:
        return f"takes it and leaves {len(left)} of {len(file.layers)} layers in float ({names_text(left)})"
    return "takes it"


def _keras_reasons(file: KerasFile) -> list[str]:
    return [
        line
        for title, name in (("prune", "pruning"), ("QAT", "qat"), ("GPU", "gpu"))
        for line in reasons(title, [(row.name, getattr(row, name)) for row in file.layers])
    ]
