"""One exported file of a run: written, held to the promises, and checked, as far as an earlier run has not done it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..core.disk import output_errors
from ..core.identity import NoIdentity, fingerprint
from ..core.remarks import collecting
from ..core.tasks.task import OutputSpec
from ..core.types import Artifact, Exporter, Finding
from ..measuring import tflite
from ..measuring.evaluation import kept_predictions
from ..measuring.kernel_match import LEAST_COSINE, match_kernels
from ..measuring.measure import kernels
from ..measuring.promises import judge_file
from .records import KERNELS, FileRecord, StageRecord, findings_from_json, to_json
from .stage import RunContext

if TYPE_CHECKING:
    import numpy as np


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
        remarks=tuple(dict.fromkeys((*remarks, *_moved(contents, artifact)))),
        inputs=artifact.inputs,
        outputs=artifact.outputs,
    )
    known = findings_from_json(saved) if same_file else {}
    findings = _check(context, stage, artifact, base, known)
    findings[KERNELS] = known.get(KERNELS) or kernels_finding(contents, kernels(context.model(stage.name)))
    record = dataclasses.replace(record, findings=findings)
    context.store.write_json(f"checks/{base}.json", to_json(record))
    return record


def _moved(contents: tflite.Contents, artifact: Artifact) -> Iterator[str]:
    """Says where the file has inputs or outputs in another order than the Keras model: an app may go by position."""
    ours = (artifact.inputs, tuple(spec.name for spec in artifact.outputs))
    for what, names, found in zip(("inputs", "outputs"), ours, (contents.inputs, contents.outputs), strict=True):
        if found != names and set(found) == set(names):
            yield f"{what} are {', '.join(found)} in this order, and {', '.join(names)} in the Keras model: go by name"


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
        specs = tuple(OutputSpec(each["name"], tuple(each["shape"]), each["activation"]) for each in saved["outputs"])
        sizes = (saved["raw_bytes"], saved["zipped_bytes"], saved["sha256"])
        return Artifact(target, exporter.mode, *sizes, tuple(saved["inputs"]), specs), tuple(saved["remarks"])
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
        key = _key(context, label, [check, context.task, stage.key]) if stage.key else None
        finding = known.get(key) if key else None
        if finding is None or finding.status == "not run":
            with context.progress.task(label, None):
                finding = check.run(artifact, context.recipe.data, against, context.task)
        findings[key or f"{check.name} {position}"] = finding
        if position == 0:  # the CPU that the other checks are compared with
            against |= _first_outputs(context, stage, finding, f"checks/{base}")
    return findings


def kernels_finding(contents: tflite.Contents, ours: Mapping[str, np.ndarray]) -> Finding:
    """Whether the kernels in a file are those of the Keras model that it was made of."""
    found = match_kernels(contents, ours)
    if not found:
        return Finding(
            KERNELS, "not run", "no kernel in the file is large enough and has a layer's name", device="file"
        )
    worst = min(found, key=lambda match: match.cosine)
    if worst.cosine < LEAST_COSINE:
        reason = f"the kernel of {worst.layer!r} is not the Keras model's: cosine {worst.cosine:.2f} over its channels"
        return Finding(KERNELS, "fail", reason, "Export the model again.", device="file")
    return Finding(KERNELS, "pass", device=f"file, {len(found)} kernels")


def _first_outputs(context: RunContext, stage: StageRecord, finding: Finding, folder: str) -> dict[str, Any]:
    """Outputs of the first check under the name "cpu": kept beside the findings, for a later run's other checks."""
    import numpy as np

    if finding.outputs is not None:
        with context.store.writing(folder) as partial:
            partial.mkdir()
            for number, values in enumerate(finding.outputs.values()):
                np.save(partial / f"{number}.npy", values)
        return {"cpu": finding.outputs}
    kept = context.store.root / folder
    return {"cpu": kept_predictions(kept, stage.outputs)} if finding.status == "pass" and kept.exists() else {}
