"""What a run remembers, as JSON on disk and as values in memory: stages, files, and the report made of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.types import CLUSTERS, LEVELS, Agreement, Finding, Latency, Promise, Refusal
from ..measuring.measure import Measurement
from ..measuring.promises import Verdict


@dataclasses.dataclass(frozen=True)
class StageRecord:
    """A finished stage: what made it, what it promised, and what was measured."""

    name: str
    key: str | None  # of all that made it; None for one that is never reused
    technique: str  # as one would type it, all of its settings
    fit: Any  # as JSON
    start: str  # the stage or builder it started from
    steps: int
    seconds: float
    accuracy: float  # of the Keras model, on the test split
    num_examples: int
    measurement: Measurement
    kernel_sizes: Mapping[str, int]
    promises: tuple[Promise, ...]  # in force after this stage: its own, and those of earlier stages
    verdicts: tuple[Verdict, ...]  # one a promise
    history: Mapping[str, Sequence[float]]  # of training, by epoch
    remarks: tuple[str, ...] = ()  # what was said of this model while it was made, a sentence each
    made_from: Mapping[str, str] = dataclasses.field(default_factory=dict)  # the keys of the parts of `key`


@dataclasses.dataclass(frozen=True)
class FileRecord:
    """An exported file: its sizes, what its tensors hold of the promises, and what the checks found."""

    stage: str
    mode: str
    path: str  # relative to the run folder
    key: str | None  # None for one that is never reused
    sha256: str
    raw_bytes: int
    zipped_bytes: int
    sparsity: float
    verdicts: tuple[Verdict, ...]
    findings: Mapping[str, Finding]  # by a name for the check and its settings, in the order of the checks
    remarks: tuple[str, ...] = ()  # what was said while it was written, a sentence each

    @property
    def variant(self) -> str:
        """As the report's table names it."""
        return f"{self.stage} {self.mode}"


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
        return (*broken, *failed)

    @property
    def verdict(self) -> str:
        """ "pass" or "fail"."""
        return "fail" if self.failures else "pass"


def stage_from_json(value: Any) -> StageRecord | None:
    """The inverse of `to_json` for a stage; None for what it did not write, such as an older version's record."""
    try:
        return _stage(value)
    except (AttributeError, KeyError, TypeError):
        return None


def findings_from_json(value: Any) -> dict[str, Finding]:
    """The inverse of `to_json` for the findings of a file; empty for what it did not write."""
    try:
        return {name: _finding(item) for name, item in value["findings"].items()}
    except (AttributeError, KeyError, TypeError):
        return {}


def _stage(value: Mapping[str, Any]) -> StageRecord:
    return StageRecord(
        **{
            **value,
            "measurement": Measurement(
                **{**value["measurement"], "uncounted_layers": tuple(value["measurement"]["uncounted_layers"])}
            ),
            "promises": tuple(Promise(**{**item, "kernels": tuple(item["kernels"])}) for item in value["promises"]),
            "verdicts": tuple(Verdict(**item) for item in value["verdicts"]),
            "remarks": tuple(value["remarks"]),
            "made_from": value["made_from"],
        }
    )


def _finding(value: Mapping[str, Any]) -> Finding:
    return Finding(
        **{
            **value,
            "agreement": {name: Agreement(**item) for name, item in value["agreement"].items()},
            "latency": Latency(**value["latency"]) if value["latency"] else None,
            "refusals": tuple(Refusal(**item) for item in value["refusals"]),
        }
    )


def to_json(value: Any) -> Any:
    """Records as JSON: all fields, but for the outputs of a finding, which are an array."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: to_json(item) for name, item in named if name != "outputs"}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
