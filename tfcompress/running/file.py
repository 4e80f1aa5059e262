"""One exported file of a run: written, held to the promises, and checked, as far as an earlier run has not done it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
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
from .folder.seals import digests
from .records import KERNELS, FileRecord, StageRecord, findings_from_json, to_json
from .stage import RunContext

if TYPE_CHECKING:
    import numpy as np

TFLITE = "tflite"  # the folder of the exported files


def make_file(context: RunContext, stage: StageRecord, exporter: Exporter) -> FileRecord:
    """Exports a finished stage's model and checks the file. Raises `ConversionFailed`."""
    base = f"{context.name}-{stage.name}-{exporter.mode}"
    key = stage.key and _key(context, f"export {stage.name} {exporter.mode}", [stage.key, stage.model, exporter])
    saved = context.store.read_json(f"checks/{base}.json") or {}
    artifact, remarks = _artifact(context, stage, exporter, f"{TFLITE}/{base}.tflite", key, saved)
    contents = tflite.read(artifact.path)
    same_file = saved.get("sha256") == artifact.sha256
    record = FileRecord(
        stage=stage.name,
        mode=exporter.mode,
        path=f"{TFLITE}/{base}.tflite",
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
        needs_reset=artifact.needs_reset,
        states=artifact.states,
        is_raw=artifact.is_raw,
        activation=artifact.activation,
        beside={name: context.store.digest(f"{TFLITE}/{name}") for name in artifact.beside},
    )
    known = findings_from_json(saved) if same_file else {}
    arrays = _whole_arrays(context, saved, base) if same_file else {}
    if saved.get("arrays") and not arrays:
        known = {}  # what the other checks were compared with is gone
    record = dataclasses.replace(record, arrays=arrays)
    for further in _checked(context, stage, artifact, record, known):
        record = further
        so_far = dataclasses.replace(record, findings={**known, **record.findings})
        context.store.write_json(f"checks/{base}.json", to_json(so_far))  # around each check: a kill loses one
    found = known.get(KERNELS) or kernels_finding(contents, kernels(context.model(stage.name)))
    record = dataclasses.replace(record, findings={**record.findings, KERNELS: found})
    context.store.write_json(f"checks/{base}.json", to_json(record))
    return record


def _whole_arrays(context: RunContext, saved: Mapping[str, Any], base: str) -> dict[str, str]:
    """The first check's outputs as they were noted; none where they are not what was written."""
    noted = saved.get("arrays")
    if not isinstance(noted, dict) or not noted:
        return {}
    wrong = context.store.not_as_written(f"checks/{base}", noted)
    if wrong:
        context.progress.say(f"checks/{base}/{wrong[0]} is damaged or missing: the file is checked again")
        return {}
    return dict(noted)


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
    is_whole = key is not None and saved.get("key") == key and context.store.digest(path) == saved["sha256"]
    if is_whole and not context.store.not_as_written(TFLITE, saved.get("beside") or {}):
        specs = tuple(OutputSpec(each["name"], tuple(each["shape"]), each["activation"]) for each in saved["outputs"])
        sizes = (saved["raw_bytes"], saved["zipped_bytes"], saved["sha256"])
        states = tuple((given, made) for given, made in saved.get("states", ()))
        found = Artifact(
            target, exporter.mode, *sizes, tuple(saved["inputs"]), specs, bool(saved.get("needs_reset")), states
        )
        activation = str(saved.get("activation", ""))
        beside = tuple(saved.get("beside") or ())
        found = dataclasses.replace(found, is_raw=bool(saved.get("is_raw")), activation=activation, beside=beside)
        return found, tuple(saved["remarks"])
    context.store.retire(f"checks/{target.stem}.json")  # says of the file what will not be so any more
    context.store.retire(path)
    label = f"export {stage.name} {exporter.mode}"
    listening = collecting(lambda said: context.progress.say(f"{label}: {said}"))
    with context.progress.task(label, None), output_errors(context.store.root), listening as remarks:
        target.parent.mkdir(parents=True, exist_ok=True)
        return exporter.convert(context.model(stage.name), context.recipe.data, target), tuple(remarks)


def _checked(
    context: RunContext, stage: StageRecord, artifact: Artifact, record: FileRecord, known: Mapping[str, Finding]
) -> Iterator[FileRecord]:
    """The record with the findings of the first check, of the first two, and so on, those in `known` not made again.

    Findings stand under a name for the check and its settings.
    """
    against = {"keras": context.outputs(stage.name)}
    yield record
    for position, check in enumerate(context.recipe.checks):
        label = f"check {stage.name} {artifact.mode} on {check.name}"
        parts = [check, context.task, stage.key, stage.model]
        key = _key(context, label, parts) if stage.key else None
        finding = known.get(key) if key else None
        if finding is None or finding.status == "not run":
            if position == 0 and record.arrays:
                record = dataclasses.replace(record, arrays={})
                yield record
            with context.progress.task(label, None):
                finding = check.run(artifact, context.recipe.data, against, context.task)
        record = dataclasses.replace(record, findings={**record.findings, key or f"{check.name} {position}": finding})
        if position == 0:  # the CPU that the other checks are compared with
            outputs, arrays = _first_outputs(context, stage, finding, record)
            against |= outputs
            record = dataclasses.replace(record, arrays=arrays)
        yield record


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


def _first_outputs(
    context: RunContext, stage: StageRecord, finding: Finding, record: FileRecord
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Outputs of the first check under the name "cpu", and the SHA-256 of their files.

    They are kept beside the findings, for a later run's other checks.
    """
    import numpy as np

    folder = f"checks/{Path(record.path).stem}"
    if finding.outputs is not None:
        with context.store.writing(folder) as partial:
            partial.mkdir()
            for number, values in enumerate(finding.outputs.values()):
                np.save(partial / f"{number}.npy", values)
            arrays = digests(partial)
        return {"cpu": finding.outputs}, arrays
    if not record.arrays or finding.status != "pass":
        return {}, record.arrays
    return {"cpu": kept_predictions(context.store.root / folder, stage.outputs)}, record.arrays
