"""Quantization error on a terminal: a row a layer, and in words where it hurts most."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console

from ..columns import Column
from ..page import head, print_table, print_wrapped
from ..text import count_text, names_text, share_text
from .error_values import Errors, LayerErrors


def print_errors(errors: Errors, out: Console) -> None:
    """Prints the table and what it comes to."""
    accuracy = "" if errors.accuracy is None else f", accuracy {share_text(errors.accuracy)}"
    beside = f"{errors.file} against {errors.against}"
    head(out, beside, f"{errors.num_examples:,} examples ({errors.measured_on}){accuracy}")
    out.print()
    print_table(out, _columns(errors))
    for line in (*_lines(errors), *(f"Advice: {each}" for each in errors.advice)):
        print_wrapped(out, line)


def decibels(ratio: float | None) -> str:
    """A ratio of powers; nothing where it was not measured.

    >>> decibels(41.26), decibels(math.inf), decibels(None)
    ('41.3', 'exact', '')
    """
    if ratio is None:
        return ""
    return "exact" if ratio == math.inf else f"{ratio:.1f}"


def cosine_text(cosine: float | None) -> str:
    """A cosine; what is almost one does not read as one.

    >>> cosine_text(0.98765), cosine_text(0.999999), cosine_text(1.0), cosine_text(None)
    ('0.9877', '>0.9999', '1', '')
    """
    if cosine is None:
        return ""
    return "1" if cosine == 1 else ">0.9999" if cosine >= 0.99995 else f"{cosine:.4f}"


def _columns(errors: Errors) -> list[Column]:
    rows = errors.layers

    def column(heading: str, cell: Any, **options: Any) -> Column:
        return Column(heading, tuple(cell(row) for row in rows), **options)

    def figure(heading: str, cell: Any, rank: int = 0) -> Column:
        return column(heading, cell, rank=rank, right=True)

    def alone(field: str, text: Any) -> Any:
        return lambda row: "" if row.alone is None else text(getattr(row.alone, field))

    def measured(field: str, text: Any) -> Any:
        """Of the file where there is one, else of the layer alone."""
        return lambda row: text(getattr(row.in_file or (None if errors.predictions else row.alone), field, None))

    return [
        column("layer", lambda row: row.name, least=16),
        column("type", lambda row: row.type, rank=2, least=8),
        figure("weights", lambda row: count_text(row.num_weights), rank=3),
        column("stored", lambda row: row.in_file.stored_as if row.in_file else ""),
        figure("kernel dB", measured("kernel_sqnr_db", decibels)),
        figure("kernel cos", measured("kernel_cosine", cosine_text), rank=5),
        figure("output dB", measured("output_sqnr_db", decibels)),
        figure("cosine", measured("output_cosine", cosine_text)),
        figure("alone: dB", alone("predictions_sqnr_db", decibels)),
        figure("top-1", alone("top_1_agreement", share_text)),
        figure("accuracy", alone("accuracy", share_text)),
    ]


def _lines(errors: Errors) -> list[str]:
    lines = [_file_line(errors), _alone_line(errors.layers), *_reasons(errors)]
    worst = errors.worst()
    if worst:
        named = ", ".join(f"{row.name} ({decibels(row.alone.predictions_sqnr_db)} dB)" for row in worst if row.alone)
        lines.append(f"It hurts most in {named}, by the error of the predictions when this layer alone is quantized.")
    return [line for line in lines if line]


def _file_line(errors: Errors) -> str:
    found = errors.predictions
    if found is None:
        return "kernel and output dB: SQNR of the kernel, and of what it then gives on the same input."
    agreement = "" if found.top_1_agreement is None else f", top-1 agreement {share_text(found.top_1_agreement)}"
    accuracy = "" if found.accuracy is None else f", accuracy {share_text(found.accuracy)}"
    return (
        f"The file's predictions: SQNR {decibels(found.sqnr_db)} dB, cosine {cosine_text(found.cosine)}"
        f"{agreement}{accuracy}. Kernel and output dB are of what the file stores and computes (on {found.num_kept} "
        "examples); an output has the errors of all before it."
    )


def _alone_line(rows: tuple[LayerErrors, ...]) -> str:
    alone = [row.alone for row in rows if row.alone is not None]
    if not alone:
        return "No layer is stored in integers, so none was tried alone."
    bits = " or ".join(str(each) for each in sorted({each.bits for each in alone}))
    outputs = alone[0].output_bits
    rounded = f" and its output {outputs}" if outputs else ""
    return (
        f"alone: the float model with this layer alone quantized (in Keras), its kernels to {bits} bits{rounded}: "
        "SQNR of its predictions in dB, their top-1 agreement with the float model's, and their accuracy."
    )


def _reasons(errors: Errors) -> list[str]:
    """Why a layer was not compared."""
    if errors.predictions is None:
        return []
    groups: dict[str, list[str]] = {}
    for row in errors.layers:
        reason = "no operation of the file is named after it" if row.in_file is None else row.in_file.reason
        if reason:
            groups.setdefault(reason, []).append(row.name)
    return [f"Not compared: {reason} ({names_text(names)})." for reason, names in groups.items()]
