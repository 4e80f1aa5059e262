"""The report of a run: sizes, accuracy, speed and checks of each file, for people (report.md) and programs (.json)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ..core.types import CHANNELS, CLUSTERS, LEVELS, Agreement, Finding
from .records import FileRecord, Report, StageRecord, to_json
from .store import Store

HEADINGS = (
    *("variant", "accuracy, Keras", "accuracy, TFLite", "raw bytes", "zipped bytes", "parameters", "MACs", "sparsity"),
    *("latency, ms (p90)", "CPU", "GPU"),
)


def write(report: Report, store: Store) -> None:
    """Writes report.json and report.md into the run folder."""
    value = {"verdict": report.verdict, "failures": list(report.failures), **to_json(report)}
    store.write_text("report.json", json.dumps(value, indent=2) + "\n")
    store.write_text("report.md", to_markdown(report))


def rows(report: Report) -> list[tuple[str, ...]]:
    """The table of the report: a row a file, under `HEADINGS`."""
    stages = {stage.name: stage for stage in report.stages}
    return [_row(file, stages[file.stage]) for file in report.files]


def _row(file: FileRecord, stage: StageRecord) -> tuple[str, ...]:
    first = _first(file)
    latency = first.latency if first else None
    return (
        file.variant,
        f"{stage.accuracy:.2%}",
        "not available" if first is None or first.accuracy is None else f"{first.accuracy:.2%}",
        f"{file.raw_bytes:,}",
        f"{file.zipped_bytes:,}",
        f"{stage.measurement.num_parameters:,}",
        f"{stage.measurement.num_macs:,}",
        f"{file.sparsity:.1%}",
        "not available" if latency is None else f"{latency.median_ms:.3f} ({latency.p90_ms:.3f})",
        _cpu_cell(file.findings.values()),
        _gpu_cell(file.findings.values()),
    )


def _first(file: FileRecord) -> Finding | None:
    """The finding of the first check: the CPU as phones run it."""
    return next(iter(file.findings.values()), None)


def _cpu_cell(findings: Iterable[Finding]) -> str:
    on_cpu = [finding for finding in findings if finding.check != "gpu"]
    bad = [f"{finding.check.removeprefix('cpu-')} {finding.status}" for finding in on_cpu if finding.status != "pass"]
    return ", ".join(bad) or (f"pass ({len(on_cpu)} of {len(on_cpu)})" if on_cpu else "not run")


def _gpu_cell(findings: Iterable[Finding]) -> str:
    finding = next((finding for finding in findings if finding.check == "gpu"), None)
    if finding is None:
        return "not run"
    return f"refused ({len(finding.refusals)} ops)" if finding.refusals else finding.status


def headline(report: Report) -> str:
    """The smallest file beside the first one, which is the yardstick; empty when there is one file only."""
    if len(report.files) < 2:
        return ""
    first, small = report.files[0], min(report.files[1:], key=lambda file: file.zipped_bytes)
    points = _points(first, small)
    change = "" if points is None else f", accuracy {points:+.2f} points"
    return (
        f"{small.variant} against {first.variant}: {first.raw_bytes / small.raw_bytes:.1f}x smaller, "
        f"{first.zipped_bytes / small.zipped_bytes:.1f}x smaller zipped{change}"
    )


def _points(before: FileRecord, after: FileRecord) -> float | None:
    first, second = (found.accuracy if (found := _first(file)) else None for file in (before, after))
    return None if first is None or second is None else 100 * (second - first)


def to_markdown(report: Report) -> str:
    """The whole of report.md."""
    parts = [
        f"# {report.recipe}: {report.verdict}",
        report.title,
        markdown_table(HEADINGS, rows(report)),
        headline(report),
        _legend(report),
        *(["## Why the verdict is fail", *(f"- {reason}" for reason in report.failures)] if report.failures else []),
        "## Checks",
        *(_checks(file) for file in report.files),
        "## Settings",
        markdown_table(("setting", "value"), [(name, str(value)) for name, value in report.settings.items()]),
        "## Versions and machine",
        markdown_table(("what", "value"), [(k, str(v)) for k, v in {**report.versions, **report.machine}.items()]),
        f"Made by `{report.command}` in {report.seconds:.0f} s.",
        "## Training",
        markdown_table(
            ("stage", "from", "technique", "steps", "seconds"), [_training(stage) for stage in report.stages]
        ),
        "\n".join(_remark(stage.name, remark) for stage in report.stages for remark in stage.remarks),
        "## Promised and measured",
        _promises(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _legend(report: Report) -> str:
    count = report.stages[-1].num_examples if report.stages else 0
    latency = next((f.latency for file in report.files for f in file.findings.values() if f.latency), None)
    timing = (
        f" Latency: one example on the CPU with XNNPACK, {latency.num_threads} thread(s), median of "
        f"{latency.num_runs:,} runs or so."
        if latency
        else ""
    )
    return (
        f"Accuracy: {report.data}, {count:,} test examples. Sparsity: zeros among the kernel entries in the file. "
        f"Zipped: DEFLATE, level 9. MACs: multiply-accumulates of kernels for one example, zeros included.{timing}"
    )


def _checks(file: FileRecord) -> str:
    headings = (
        *("check", "status", "accuracy", "top-1 agreement with Keras", "largest difference from Keras"),
        *("top-1 agreement with CPU", "median ms (p90), threads", "peak memory", "ops run here", "where"),
    )
    table = markdown_table(headings, [_check_row(finding) for finding in file.findings.values()])
    notes = [
        f"- {finding.check}: {finding.reason}{' ' + finding.fix if finding.fix else ''}"
        for finding in file.findings.values()
        if finding.reason
    ]
    refused = [
        f"- {finding.check} refused {refusal.op}: {refusal.reason}"
        for finding in file.findings.values()
        for refusal in finding.refusals
    ]
    remarks = [_remark(file.variant, remark) for remark in file.remarks]
    return "\n\n".join(part for part in (f"### {file.path}", table, "\n".join([*remarks, *notes, *refused])) if part)


def _check_row(finding: Finding) -> tuple[str, ...]:
    keras, cpu = finding.agreement.get("keras"), finding.agreement.get("cpu")
    latency = finding.latency
    return (
        finding.check,
        finding.status,
        "-" if finding.accuracy is None else f"{finding.accuracy:.2%} of {finding.num_examples:,}",
        _agreement(keras),
        "-" if keras is None else f"{keras.largest_difference:.2g}",
        _agreement(cpu),
        "-" if latency is None else f"{latency.median_ms:.3f} ({latency.p90_ms:.3f}), {latency.num_threads}",
        "-" if finding.peak_memory_bytes is None else f"{finding.peak_memory_bytes / 2**20:.1f} MiB",
        "-" if finding.num_delegated_ops is None else f"{finding.num_delegated_ops} of {finding.num_ops}",
        finding.device or "-",
    )


def _agreement(agreement: Agreement | None) -> str:
    return "-" if agreement is None else f"{agreement.top_1_agreement:.2%}"


def _training(stage: StageRecord) -> tuple[str, ...]:
    return stage.name, stage.start, stage.technique, f"{stage.steps:,}", f"{stage.seconds:.0f}"


def _remark(what: str, text: str) -> str:
    """A remark as an item of a list; what comes after its first line is drawn as it stands."""
    sentence, _, drawing = text.partition("\n")
    block = f"\n\n```\n{drawing}\n```\n" if drawing else ""
    return f"- {what}: {sentence}{block}"


def _promises(report: Report) -> str:
    held = [
        *(
            (f"{stage.name} (Keras)", _what(promise.kind, promise.kernels), verdict)
            for stage in report.stages
            for promise, verdict in zip(stage.promises, stage.verdicts, strict=True)
        ),
        *((file.path, _what(verdict.kind), verdict) for file in report.files for verdict in file.verdicts),
    ]
    if not held:
        return "No stage promised anything."
    lines = [
        (
            where,
            what,
            _share(verdict.kind, verdict.promised),
            _share(verdict.kind, verdict.measured),
            "kept" if verdict.kept else "broken",
        )
        for where, what, verdict in held
    ]
    note = "In a file zeros are counted over all of its kernels, and the promise is over all kernels of the model."
    return markdown_table(("where", "what", "promised", "measured", ""), lines) + "\n\n" + note


def _what(kind: str, kernels: Sequence[str] = ()) -> str:
    return f"{kind} of {', '.join(kernels)}" if kernels else kind


def _share(kind: str, value: float) -> str:
    if kind in (CLUSTERS, LEVELS):
        return f"{value:.0f} values"
    if kind == CHANNELS:
        return f"{value:.1%} of weights"
    return f"{value:.2%}" if kind == "sparsity" else ("yes" if value == 1.0 else f"{value:.1%} of kernels")


def markdown_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    >>> print(markdown_table(("a", "b"), [("1", "2|3")]))
    | a | b |
    |---|---|
    | 1 | 2\\|3 |
    """
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (headings, *lines)]
    drawn = ["| " + " | ".join(line) + " |" for line in cells]
    return "\n".join([drawn[0], "|" + "---|" * len(headings), *drawn[1:]])
