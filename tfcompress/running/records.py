"""What a run remembers of stages and files, as JSON on disk and as values in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.tasks.task import MetricKind, OutputSpec
from ..core.types import Agreement, Finding, Latency, Promise, Refusal
from ..measuring.measure import Measurement
from ..measuring.promises import Verdict

MODEL = "model.keras"  # a stage's model, in its folder
KERNELS = "kernels"  # the check that compares a file's with the model's: it runs nothing


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
    metrics: Mapping[str, float]  # of the Keras model on the test split, the headline first
    num_examples: int
    measurement: Measurement
    kernel_sizes: Mapping[str, int]
    promises: tuple[Promise, ...]  # in force after this stage: its own, and those of earlier stages
    verdicts: tuple[Verdict, ...]  # one a promise
    history: Mapping[str, Sequence[float]]  # of training, by epoch
    remarks: tuple[str, ...] = ()  # what was said of this model while it was made, a sentence each
    metric_kinds: tuple[MetricKind, ...] = ()  # of `metrics`, in their order
    outputs: tuple[str, ...] = ()  # the names of the model's outputs
    made_from: Mapping[str, str] = dataclasses.field(default_factory=dict)  # the keys of the parts of `key`
    task: str | None = None  # the key of what `metrics` are of; None for one that nobody can compare
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)  # SHA-256 of all others in the stage's folder
    models: Mapping[str, str] = dataclasses.field(default_factory=dict)  # likewise, of the models that it was made from
    num_cores: int = 0  # on which it was made: with another number sums have another order

    @property
    def model(self) -> str:
        """The SHA-256 of the model's file."""
        return self.files.get(MODEL, "")

    @property
    def headline(self) -> str:
        """The headline metric and its value, in words."""
        kind = self.metric_kinds[0]
        return f"{kind.name} {kind.text(self.metrics[kind.name])}"


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
    inputs: tuple[str, ...] = ()  # the Keras model's names for them, in its order
    outputs: tuple[OutputSpec, ...] = ()
    arrays: Mapping[str, str] = dataclasses.field(default_factory=dict)  # SHA-256 of the first check's kept outputs
    needs_reset: bool = False  # whether an app must reset its variables before each call
    states: tuple[tuple[str, str], ...] = ()  # inputs that take what outputs gave in the call before, in pairs by name
    is_raw: bool = False  # whether it takes inputs as they are stored
    activation: str = ""  # that was added behind the model's output
    beside: Mapping[str, str] = dataclasses.field(default_factory=dict)  # SHA-256 of what the exporter wrote beside it

    @property
    def variant(self) -> str:
        """As the report's table names it."""
        return f"{self.stage} {self.mode}"

    @property
    def not_run(self) -> tuple[str, ...]:
        """Why checks could not be run, each reason once."""
        return tuple(dict.fromkeys(each.reason for each in self.findings.values() if each.status == "not run"))

    @property
    def is_judged(self) -> bool:
        """Whether a check that ran the file could judge it, or none was asked to.

        One that passes and looked at no example ran nothing: it compared kernels, or estimated.
        """
        asked = [
            finding.status
            for name, finding in self.findings.items()
            if name != KERNELS and (finding.num_examples or finding.status != "pass")
        ]
        return not asked or any(status != "not run" for status in asked)


def stage_from_json(value: Any) -> StageRecord | None:
    """The inverse of `to_json` for a stage; None for what it did not write, such as an older version's record."""
    try:
        return _stage(value)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def file_from_json(value: Any) -> FileRecord | None:
    """The inverse of `to_json` for a file; None for what it did not write."""
    try:
        return FileRecord(
            **{
                **value,
                "verdicts": tuple(Verdict(**item) for item in value["verdicts"]),
                "findings": {name: _finding(item) for name, item in value["findings"].items()},
                "remarks": tuple(value["remarks"]),
                "inputs": tuple(value["inputs"]),
                "states": tuple((given, made) for given, made in value["states"]),
                "outputs": tuple(OutputSpec(**{**item, "shape": tuple(item["shape"])}) for item in value["outputs"]),
            }
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def findings_from_json(value: Any) -> dict[str, Finding]:
    """The inverse of `to_json` for the findings of a file; empty for what it did not write."""
    try:
        return {name: _finding(item) for name, item in value["findings"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
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
            "metric_kinds": tuple(MetricKind(**item) for item in value["metric_kinds"]),
            "outputs": tuple(value["outputs"]),
            "made_from": value["made_from"],
            **{name: value[name] for name in ("task", "files", "models", "num_cores")},
        }
    )


def _finding(value: Mapping[str, Any]) -> Finding:
    return Finding(
        **{
            **value,
            "agreement": {
                run: {output: Agreement(**item) for output, item in by_output.items()}
                for run, by_output in value["agreement"].items()
            },
            "latency": _latency(value["latency"]) if value["latency"] else None,
            "refusals": tuple(Refusal(**item) for item in value["refusals"]),
        }
    )


def _latency(value: Mapping[str, Any]) -> Latency:
    return Latency(**{**value, "quantiles_ms": tuple(value.get("quantiles_ms", ()))})


def to_json(value: Any) -> Any:
    """Records as JSON: all fields, but for the outputs of a finding, which are arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: to_json(item) for name, item in named if not (name == "outputs" and isinstance(value, Finding))}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value
