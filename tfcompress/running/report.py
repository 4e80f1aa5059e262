"""The report of a run: sizes, accuracy, speed and checks of each file, for people (report.md) and programs (.json)."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.tasks.task import MetricKind, drop_allowed
from ..core.types import CHANNELS, CLUSTERS, LEVELS, Advice, Agreement, Finding
from .contents import write_manifest
from .records import FileRecord, StageRecord, file_from_json, stage_from_json, to_json
from .store import Store
from .versions import ONE_THREAD

SAID = 3  # pieces of advice under the table; report.md and report.json have all
OFFER = "next budget"  # the cause of advice that is an offer, and no fault
SIZES = ("raw bytes", "zipped bytes", "parameters", "MACs", "sparsity")


@dataclasses.dataclass(frozen=True)
class Report:
    """All of a run."""

    recipe: str
    title: str
    data: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    command: str
    seconds: float
    stages: tuple[StageRecord, ...]
    files: tuple[FileRecord, ...]
    max_drop: float | str | None = None  # of the headline metric, of a file against the first stage
    request: str | None = None  # a name for everything that was asked for
    data_key: str | None = None  # a name for what the data was
    advice: tuple[Advice, ...] = ()  # what to do next, the most telling first

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the verdict is "fail", a line each.

        A GPU that refuses an operation is named in the table and fails nothing, as the CPU runs the file. Wrong
        outputs fail it wherever they come from.
        """
        broken = [
            f"{owner}: promised {verdict.kind} {'<=' if verdict.kind in (CLUSTERS, LEVELS) else '>='} "
            f"{verdict.promised:.4g}, measured {verdict.measured:.4g}"
            for owner, verdicts in (
                *((stage.name, stage.verdicts) for stage in self.stages),
                *((file.path, file.verdicts) for file in self.files),
            )
            for verdict in verdicts
            if not verdict.kept
        ]
        failed = [
            f"{file.path}: {finding.check}: {finding.reason}"
            for file in self.files
            for finding in file.findings.values()
            if finding.status == "fail" and not finding.refusals
        ]
        return (*broken, *failed, *self._dropped())

    def _headline_metrics(self) -> Iterator[tuple[FileRecord, float]]:
        """The headline metric of each file: as the first check ran it, else that of its Keras model."""
        name, stages = _kinds(self)[0].name, {stage.name: stage for stage in self.stages}
        for file in self.files:
            seen = _first(file)
            found = (seen.metrics if seen else stages[file.stage].metrics).get(name)
            if found is not None:
                yield file, found

    def _dropped(self) -> Iterator[str]:
        if self.max_drop is None:
            return
        kind = _kinds(self)[0]
        before = self.stages[0].metrics[kind.name]
        for file, found in self._headline_metrics():
            if kind.drop(before, found) > drop_allowed(self.max_drop, before):
                yield (
                    f"{file.path}: {kind.name} {kind.text(found)} is further from {self.stages[0].name}'s "
                    f"{kind.text(before)} than max_drop={self.max_drop} allows"
                )

    @property
    def without_limit(self) -> str:
        """What the verdict does not look at: how much of the headline metric is lost, where no max_drop says so."""
        if self.max_drop is not None or not self.stages:
            return ""
        kind = _kinds(self)[0]
        before = self.stages[0].metrics[kind.name]
        worst = max(self._headline_metrics(), key=lambda each: kind.drop(before, each[1]), default=None)
        if worst is None or kind.drop(before, worst[1]) <= 0 or kind.text(worst[1]) == kind.text(before):
            return ""
        file, found = worst
        return (
            f"Without a limit: {kind.name}, of which {file.variant} has {kind.text(found)} and {self.stages[0].name} "
            f"{kind.text(before)}; the verdict looks at it when max_drop is set."
        )

    @property
    def not_judged(self) -> tuple[str, ...]:
        """The files of which no check that was asked for could say anything, and why, a line each."""
        return tuple(f"{file.path}: {'; '.join(file.not_run)}" for file in self.files if not file.is_judged)

    @property
    def verdict(self) -> str:
        """ "pass", "fail", or "not judged" where nothing failed, and a file could not be judged."""
        return "fail" if self.failures else "not judged" if self.not_judged else "pass"

    @property
    def said(self) -> tuple[Advice, ...]:
        """The advice that stands under the table: at most three faults."""
        return tuple(each for each in self.advice if each.cause != OFFER)[:SAID]

    @property
    def _notes(self) -> tuple[str, ...]:
        """What is said under the table: what was gained, the verdict, and its reasons."""
        return (
            *filter(None, (headline(self), self.without_limit, f"Verdict: {self.verdict}")),
            *(*self.failures, *self.not_judged),
            *(f"Advice: {each.sentence}" for each in self.said),
        )

    def __str__(self) -> str:
        lines = [headings(self), *rows(self)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
        return "\n".join([*("  ".join(line).rstrip() for line in padded), *self._notes])

    def _repr_html_(self) -> str:
        """The table, as notebooks show it."""
        head, *body = [[html.escape(cell) for cell in line] for line in (headings(self), *rows(self))]
        names = "".join(f"<th>{cell}</th>" for cell in head)
        drawn = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in body)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes)
        return f"<table><thead><tr>{names}</tr></thead><tbody>{drawn}</tbody></table>{notes}"


def headings(report: Report) -> tuple[str, ...]:
    """Those of `rows`: the headline metric stands for the Keras model and for the file."""
    name = _kinds(report)[0].name
    return ("variant", f"{name}, Keras", f"{name}, TFLite", *SIZES, "latency, ms (p90)", "CPU", "GPU")


def write(
    report: Report,
    store: Store,
    more: Mapping[str, Any] | None = None,
    page: Callable[[Mapping[str, Any]], str] | None = None,
) -> None:
    """Writes the reports into the run folder, and its manifest, which makes it a finished one.

    Args:
      report: of the run.
      store: its folder.
      more: what else report.json says. Defaults to None: nothing.
      page: makes report.html of what report.json says. Defaults to None: none is written.
    """
    value = {"verdict": report.verdict, "failures": list(report.failures), **to_json(report), **(more or {})}
    store.write_json("report.json", value)
    store.write_text("report.md", to_markdown(report))
    if page is not None:
        store.write_text("report.html", page(value))
    about = {
        **{"recipe": report.recipe, "command": report.command, "settings": report.settings},
        **{"versions": report.versions, "machine": report.machine, "verdict": report.verdict},
    }
    data = {"title": report.data, "key": report.data_key}
    write_manifest(store, report.stages, report.files, (report.request, data, about, report.seconds))


def report_from_json(value: Any) -> Report | None:
    """The report that was written as `value`; None for what `write` did not write."""
    try:
        fields = {field.name: value[field.name] for field in _always_there()}
        fields["advice"] = tuple(Advice(**each) for each in value.get("advice", ()))
    except (KeyError, TypeError):
        return None
    stages = tuple(map(stage_from_json, fields["stages"]))
    files = tuple(map(file_from_json, fields["files"]))
    if None in stages or None in files:
        return None
    return Report(**{**fields, "stages": stages, "files": files})


def _always_there() -> list[dataclasses.Field[Any]]:
    """The fields that reports of all versions have."""
    return [field for field in dataclasses.fields(Report) if field.name != "advice"]


def rows(report: Report) -> list[tuple[str, ...]]:
    """The table of the report: a row a file, under `headings`."""
    stages = {stage.name: stage for stage in report.stages}
    return [_row(file, stages[file.stage]) for file in report.files]


def _row(file: FileRecord, stage: StageRecord) -> tuple[str, ...]:
    first = _first(file)
    latency = first.latency if first else None
    kind = stage.metric_kinds[0]
    found = first.metrics.get(kind.name) if first else None
    return (
        file.variant,
        kind.text(stage.metrics[kind.name]),
        "not available" if found is None else kind.text(found),
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
    on_cpu = [finding for finding in findings if finding.check.startswith("cpu")]
    bad = [
        f"{finding.check.removeprefix('cpu-')} {verdict_of(finding)}" for finding in on_cpu if finding.status != "pass"
    ]
    return ", ".join(bad) or (f"pass ({len(on_cpu)} of {len(on_cpu)})" if on_cpu else "not run")


def verdict_of(finding: Finding) -> str:
    """What a check came to, in a word: "pass", "fail", "not run", or "refused" by a delegate that lacks operations.

    A refusal says nothing of a file's numbers, and fails no run (`Report.failures`).
    """
    return "refused" if finding.refusals else finding.status


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
    kind = _kinds(report)[0]
    before, after = (seen.metrics.get(kind.name) if (seen := _first(file)) else None for file in (first, small))
    change = "" if before is None or after is None else f", {kind.name} {kind.change(before, after)}"
    return (
        f"{small.variant} against {first.variant}: {_times(first.raw_bytes, small.raw_bytes)}, "
        f"{_times(first.zipped_bytes, small.zipped_bytes)} zipped{change}"
    )


def _times(before: int, after: int) -> str:
    """How much smaller or larger a size became, or that one does not see it."""
    smaller = f"{before / after:.1f}x smaller" if before >= after else f"{after / before:.1f}x larger"
    return "as large" if smaller.startswith("1.0x") else smaller


def _kinds(report: Report) -> tuple[MetricKind, ...]:
    return report.stages[0].metric_kinds


def to_markdown(report: Report) -> str:
    """The whole of report.md."""
    parts = [
        f"# {report.recipe}: {report.verdict}",
        report.title,
        markdown_table(headings(report), rows(report)),
        headline(report),
        report.without_limit,
        _legend(report),
        *_reasons("## Why the verdict is fail", report.failures),
        *_reasons("## What could not be judged", report.not_judged),
        *_reasons("## What to do next", [str(each) for each in report.advice]),
        "## Checks",
        *(_checks(file, _kinds(report)) for file in report.files),
        "## Settings",
        markdown_table(("setting", "value"), [(name, str(value)) for name, value in report.settings.items()]),
        "## Versions and machine",
        markdown_table(("what", "value"), [(k, str(v)) for k, v in {**report.versions, **report.machine}.items()]),
        f"Made by `{report.command}` in {report.seconds:.0f} s. The same command gives the same bits with these "
        f"versions on such a processor{'' if ONE_THREAD in report.machine else ' with as many cores'}.",
        "## Training",
        markdown_table(
            ("stage", "from", "technique", "steps", "seconds"), [_training(stage) for stage in report.stages]
        ),
        "\n".join(_remark(stage.name, remark) for stage in report.stages for remark in stage.remarks),
        "## Promised and measured",
        _promises(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _reasons(heading: str, reasons: Sequence[str]) -> list[str]:
    return [heading, "\n".join(f"- {reason}" for reason in reasons)] if reasons else []


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
        f"{_kinds(report)[0].capitalized}: {report.data}, {count:,} test examples. Sparsity: zeros among the kernel "
        "entries in the file. Zipped: DEFLATE, level 9. MACs: multiply-accumulates of kernels for one example, zeros "
        f"included.{timing}"
    )


def _checks(file: FileRecord, kinds: Sequence[MetricKind]) -> str:
    against = ("top-1 agreement", "SQNR, dB", "largest difference")
    headings = (
        *("check", "status", *(kind.name for kind in kinds), *(f"{what}, Keras" for what in against)),
        *("top-1 agreement, CPU", "median ms (p90), threads", "peak memory", "ops run here", "where"),
    )
    lines = [_check_row(finding, kinds) for finding in file.findings.values()]
    shown = [number for number in range(len(headings)) if any(line[number] != "-" for line in lines)]
    table = markdown_table([headings[n] for n in shown], [[line[n] for n in shown] for line in lines])
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


def _check_row(finding: Finding, kinds: Sequence[MetricKind]) -> tuple[str, ...]:
    keras, cpu = finding.agreement.get("keras", {}), finding.agreement.get("cpu", {})
    latency = finding.latency
    return (
        finding.check,
        verdict_of(finding),
        *(kind.text(finding.metrics[kind.name]) if kind.name in finding.metrics else "-" for kind in kinds),
        _by_output(keras, lambda seen: None if seen.top_1_agreement is None else f"{seen.top_1_agreement:.2%}"),
        _by_output(keras, lambda seen: f"{seen.sqnr_db:.1f}"),
        _by_output(keras, lambda seen: f"{seen.largest_difference:.2g}"),
        _by_output(cpu, lambda seen: None if seen.top_1_agreement is None else f"{seen.top_1_agreement:.2%}"),
        "-" if latency is None else f"{latency.median_ms:.3f} ({latency.p90_ms:.3f}), {latency.num_threads}",
        "-" if finding.peak_memory_bytes is None else f"{finding.peak_memory_bytes / 2**20:.1f} MiB",
        "-" if finding.num_delegated_ops is None else f"{finding.num_delegated_ops} of {finding.num_ops}",
        finding.device or "-",
    )


def _by_output(found: Mapping[str, Agreement], text: Callable[[Agreement], str | None]) -> str:
    """A figure of each output, with its name where there are several."""
    words_of = {name: words for name, seen in found.items() if (words := text(seen)) is not None}
    return ", ".join(words if len(found) == 1 else f"{name} {words}" for name, words in words_of.items()) or "-"


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
