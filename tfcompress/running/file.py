"""One exported file of a run: written, held to the promises, and checked, as far as an earlier run has not done it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..core.disk import output_errors
from ..core.identity import NoIdentity, fingerprint
from ..core.remarks import collecting
from ..core.types import Artifact, Exporter, Finding
from ..measuring import tflite
from ..measuring.promises import judge_file
from .records import FileRecord, StageRecord, findings_from_json, to_json
from .stage import RunContext


def make_file(context: RunContext, stage: StageRecord, exporter: Exporter) -> FileRecord:
    """Exports a finished stage's model and checks the file. Raises `ConversionFailed`."""
    base = f"{context.name}-{stage.name}-{exporter.mode}"
    key = stage.key and _key(context, f"export {stage.name} {exporter.mode}", [stage.key, exporter])
    saved = context.store.read_json(f"checks/{base}.json") or {}
    artifact, remarks = _artifact(context, stage, exporter, f"tflite/{base}.tflite", key, saved)
    contents = tflite.read(artifact.path)
    same_file = saved.get("sha256") == artifact.sha256
    record = FileRecord(
        stage=stage.name,
        mode=exporter.mode,
        path=f"tflite/{base}.tflite",
        key=key,
        sha256=artifact.sha256,
        raw_bytes=artifact.raw_bytes,
        zipped_bytes=artifact.zipped_bytes,
        sparsity=contents.sparsity,
        verdicts=judge_file(stage.promises, contents, stage.kernel_sizes),
        findings={},
        remarks=remarks,
    )
    known = findings_from_json(saved) if same_file else {}
    findings = _check(context, stage, artifact, base, known)
    record = dataclasses.replace(record, findings=findings)
    context.store.write_json(f"checks/{base}.json", to_json(record))
    return record


def _key(context: RunContext, label: str, value: Any) -> str | None:
    """A name for what makes a file or a finding; None for one that is never reused."""
    try:
        return fingerprint(value)
    except NoIdentity as error:
        context.progress.say(f"{label}: computed again in every run, as {error}")
        return None


def _artifact(
    context: RunContext, stage: StageRecord, exporter: Exporter, path: str, key: str | None, saved: Mapping[str, Any]
) -> tuple[Artifact, tuple[str, ...]]:
    """The file, and what was remarked while it was written."""
    target = context.store.root / path
    if key is not None and saved.get("key") == key and target.exists() and tflite.digest(target) == saved["sha256"]:
        artifact = Artifact(target, exporter.mode, saved["raw_bytes"], saved["zipped_bytes"], saved["sha256"])
        return artifact, tuple(saved.get("remarks", ()))
    context.store.retire(path)
    label = f"export {stage.name} {exporter.mode}"
    listening = collecting(lambda said: context.progress.say(f"{label}: {said}"))
    with context.progress.task(label, None), output_errors(context.store.root), listening as remarks:
        target.parent.mkdir(parents=True, exist_ok=True)
        return exporter.convert(context.model(stage.name), context.recipe.data, target), tuple(remarks)


def _check(
    context: RunContext, stage: StageRecord, artifact: Artifact, base: str, known: Mapping[str, Finding]
) -> dict[str, Finding]:
    """The findings of all checks, by a name for the check and its settings; those in `known` are not made again."""
    against = {"keras": context.outputs(stage.name)}
    findings = {}
    for position, check in enumerate(context.recipe.checks):
        label = f"check {stage.name} {artifact.mode} on {check.name}"
        key = _key(context, label, check)
        finding = known.get(key) if key else None
        if finding is None or finding.status == "not run":
            with context.progress.task(label, None):
                finding = check.run(artifact, context.recipe.data, against)
        findings[key or f"{check.name} {position}"] = finding
        if position == 0:  # the CPU that the other checks are compared with
            against |= _first_outputs(context, finding, f"checks/{base}.npy")
    return findings


def _first_outputs(context: RunContext, finding: Finding, path: str) -> dict[str, Any]:
    """Outputs of the first check under the name "cpu": kept beside the findings, for a later run's other checks."""
    import numpy as np

    if finding.outputs is not None:
        with context.store.writing(path) as partial, open(partial, "wb") as stream:
            np.save(stream, finding.outputs)
        return {"cpu": finding.outputs}
    kept = context.store.root / path
    return {"cpu": np.load(kept)} if finding.status == "pass" and kept.exists() else {}
