"""card.md: what a run hands on, for which inputs, measured on what, by which commands, and its limits.

Its front matter is what model hubs read. Every figure is the report's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ..backend.native import captured_stderr
from ..core.examples.notes import Notes, TensorNotes
from ..core.tasks.presets import Classification, Reconstruction, Regression, Segmentation
from ..core.tasks.task import PERCENT, Task
from ..core.types import Data
from ..export.metadata.usage import python_lines, tensor_table
from ..export.metadata.with_metadata import notes_of
from ..measuring.file_run import FileRun
from ..running.records import FileRecord
from ..running.report import OFFER, Report, headings, headline, markdown_table, rows
from ..running.store import Store

CARD = "card.md"
SHOWN = 16  # characters of a SHA-256


def write_card(report: Report, data: Data, store: Store, task: Task | None = None) -> None:
    """Writes card.md into the run folder, before the manifest.

    Args:
      report: of the run.
      data: says what inputs and outputs mean.
      store: the run folder, which has the files.
      task: what is asked of the model. Defaults to None: the data's.
    """
    if report.files:
        store.write_text(CARD, card(report, data, store.root, task))


def card(report: Report, data: Data, root: Path, task: Task | None = None) -> str:
    """The card of a run's files, in Markdown with YAML in front."""
    best = min(report.files, key=lambda file: file.zipped_bytes)
    notes = notes_of(data)
    with captured_stderr():
        run = FileRun((root / best.path).read_bytes(), states=best.states)
    name = PurePosixPath(best.path).name
    parts = [
        front_matter(report, _pipeline(task or data.task, run, notes)),
        f"# {report.recipe}",
        _what_it_is(report),
        "## Files",
        _files(report),
        headline(report),
        "## Inputs and outputs",
        f"Of {name}, the smallest file:",
        tensor_table(run, notes),
        f"```python\n{python_lines(name, run, notes)}\n```",
        "## Measured on",
        _measured_on(report),
        "## Made by",
        f"```\n{report.command}\n```",
        "## Limits",
        "\n".join(f"- {line}" for line in limits(report)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def front_matter(report: Report, pipeline: str | None = None) -> str:
    """The YAML in front of a card: what it is, and the headline metric of each file that ran.

    Args:
      report: of the run.
      pipeline: the hub's word for the task. Defaults to None: nobody knows it.
    """
    modes = dict.fromkeys(file.mode for file in report.files)
    tags = ["tflite", "litert", "tfcompress", *modes]
    kind = report.stages[0].metric_kinds[0]
    lines = ["---", "library_name: litert", *([f"pipeline_tag: {pipeline}"] if pipeline else []), "tags:"]
    lines += [f"- {_quoted(tag)}" for tag in tags]
    lines += ["metrics:", f"- {_quoted(kind.name)}"]
    lines += ["model-index:", f"- name: {_quoted(report.recipe)}", "  results:"]
    for file in report.files:
        found = next((each.metrics.get(kind.name) for each in file.findings.values() if each.metrics), None)
        if found is not None:
            lines += _result(report, file, pipeline, kind.name, 100 * found if kind.unit == PERCENT else found)
    if lines[-1] == "  results:":
        lines[-1] = "  results: []"
    return "\n".join([*lines, "---"])


def _result(report: Report, file: FileRecord, pipeline: str | None, metric: str, value: float) -> list[str]:
    return [
        "  - task:",
        f"      type: {pipeline or 'other'}",
        "    dataset:",
        "      type: other",
        f"      name: {_quoted(report.data)}",
        "    metrics:",
        f"    - type: {_quoted(metric)}",
        f"      name: {_quoted(f'{metric}, {file.variant}, on the CPU')}",
        f"      value: {value:.6g}",
    ]


def _quoted(text: str) -> str:
    """A text as YAML takes it, whatever is in it: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)


def _pipeline(task: Task | None, run: FileRun, notes: Notes) -> str | None:
    """The hub's word for the task, where inputs and task leave no doubt."""
    if len(run.inputs) != 1:
        return None
    ((name, kind),) = run.inputs.items()
    about: TensorNotes = notes.of_input(name)
    images = len(kind.shape) == 4 and kind.shape[-1] in (1, 3, 4)
    if isinstance(task, Segmentation):
        return "image-segmentation" if images else None
    if isinstance(task, Classification):
        if "log_mel" in about.settings or about.sample_rate:
            return "audio-classification"
        if about.vocabulary:
            return "text-classification"
        return "image-classification" if images else None
    if isinstance(task, Regression | Reconstruction) and len(kind.shape) == 3:
        return "time-series-forecasting" if isinstance(task, Regression) else None
    return None


def _what_it_is(report: Report) -> str:
    stages = "; ".join(f"{number}. {each.name}: {each.technique}" for number, each in enumerate(report.stages, 1))
    last = report.stages[-1]
    return (
        f"{(report.title or 'A compressed model').rstrip('.')}. {last.measurement.num_parameters:,} parameters, "
        f"{last.measurement.num_macs:,} multiply-accumulates for one example. Stages: {stages}. Verdict of the checks: "
        f"{report.verdict}."
    )


def _files(report: Report) -> str:
    names = [PurePosixPath(file.path).name for file in report.files]
    sums = [file.sha256[:SHOWN] for file in report.files]
    lines = [(name, *row, sha) for name, row, sha in zip(names, rows(report), sums, strict=True)]
    return markdown_table(("file", *headings(report), "SHA-256 begins"), lines)


def _measured_on(report: Report) -> str:
    kind, count = report.stages[0].metric_kinds[0], report.stages[-1].num_examples
    latency = next((f.latency for file in report.files for f in file.findings.values() if f.latency), None)
    timing = f" Latency: one example, XNNPACK, {latency.num_threads} thread(s), median." if latency else ""
    facts = ", ".join(f"{name} {value}" for name, value in {**report.machine, **report.versions}.items())
    return f"{kind.capitalized}: {report.data}, {count:,} test examples.{timing} With {facts}."


def limits(report: Report) -> Iterable[str]:
    """What a reader must not take for granted: checks that failed or were not run, what was lost, what was said."""
    yield from (f"Fails: {reason}" for reason in report.failures)
    yield from (f"Not judged: {reason}" for reason in report.not_judged)
    not_run: dict[str, str] = {}
    for file in report.files:
        for finding in file.findings.values():
            if finding.status == "not run":
                not_run.setdefault(finding.reason, finding.check)
            if finding.refusals:
                ops = ", ".join(dict.fromkeys(refusal.op for refusal in finding.refusals))
                yield f"{finding.check} does not take {file.variant}: it refuses {ops}"
    yield from (f"Not run: {check}, as {reason}" for reason, check in not_run.items())
    if report.without_limit:
        yield report.without_limit
    yield from (f"{file.variant}: {remark.partition(chr(10))[0]}" for file in report.files for remark in file.remarks)
    yield from (each.sentence for each in report.advice if each.cause != OFFER)
    yield "The figures are those of the test split named above, and say nothing of other data."
    yield "No licence is named here: that of the data and of the model is for whoever hands it on to say."
