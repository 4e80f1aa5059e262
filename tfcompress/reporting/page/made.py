"""How it was made: the stages, what was promised and measured, settings, versions and machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..run_folder import RunPage
from .markup import Cell, Section, count, folded, listed, number, paragraph, percent, table, text


def made(run: RunPage) -> Section:
    """Stages, promises, remarks, settings, versions."""
    report = run.report
    stages = [
        [
            Cell(stage.name),
            Cell(stage.start),
            Cell(stage.technique, markup=f"<code>{text(stage.technique)}</code>"),
            number(count(stage.steps), stage.steps),
            number(f"{stage.seconds:,.0f}", stage.seconds),
            Cell(stage.headline),
            number(count(stage.measurement.num_parameters), stage.measurement.num_parameters),
            number(count(stage.measurement.num_macs), stage.measurement.num_macs),
            number(percent(stage.measurement.sparsity), stage.measurement.sparsity),
        ]
        for stage in report.stages
    ]
    headings = ("stage", "from", "technique", "steps", "seconds", "test split", "parameters", "MACs", "zeros")
    body = table("The stages", headings, stages)
    promises = [
        [
            Cell(owner),
            Cell(verdict.kind),
            number(f"{verdict.promised:.4g}", verdict.promised),
            number(f"{verdict.measured:.4g}", verdict.measured),
            Cell("yes" if verdict.kept else "no", kind="good" if verdict.kept else "bad"),
        ]
        for owner, verdicts in (
            *((f"{stage.name} (Keras)", stage.verdicts) for stage in report.stages),
            *((file.variant, file.verdicts) for file in report.files),
        )
        for verdict in verdicts
    ]
    if promises:
        columns = ("where", "what", "promised", "measured", "kept")
        body += folded("Promised and measured", table("Promised and measured", columns, promises))
    remarks = [f"{owner}: {remark}" for owner, said in _said(run) for remark in said]
    body += f"<h3>What was remarked</h3>{listed(remarks, 'remarks')}" if remarks else ""
    body += f'<div class="pair">{_pairs("Settings", report.settings)}'
    body += f"{_pairs('Versions and machine', {**report.versions, **report.machine})}</div>"
    command = f"Made by {report.command} in {report.seconds:,.0f} s."
    return Section("made", "How it was made", body + paragraph(command), short="Making")


def _said(run: RunPage) -> list[tuple[str, tuple[str, ...]]]:
    report = run.report
    return [
        *((stage.name, stage.remarks) for stage in report.stages),
        *((file.variant, file.remarks) for file in report.files),
    ]


def _pairs(caption: str, values: Mapping[str, Any]) -> str:
    rows = [[Cell(str(name)), Cell(str(value))] for name, value in values.items()]
    return f"<div>{table(caption, ('what', 'value'), rows)}</div>" if rows else ""
