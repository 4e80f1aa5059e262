"""Walks a recipe: stages, exports, checks, and the report of them. What was finished by an earlier run is not repeated."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .core import tflite
from .core.describe import describe, fingerprint, short
from .core.errors import InvalidRecipe, PromiseBroken
from .core.keras import keras, load_model, model_suffix, save_model, set_seed
from .core.machine import machine, versions
from .core.measure import kernels, measure
from .core.progress import Progress, Silent
from .core.promises import judge_file, judge_model
from .core.records import FileRecord, Report, StageRecord, finding_from_json, stage_from_json, to_json
from .core.store import Store, output_errors
from .core.types import Artifact, Exporter, Finding, Fit, Recipe, Stage

if TYPE_CHECKING:
    import numpy as np


def run(
    recipe: Recipe, store: Store, name: str = "recipe", title: str = "", settings: Mapping[str, Any] | None = None,
    command: str = "", progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Runs `recipe` in the folder of `store`, which is open, and gives its report.

    Raises:
      InvalidRecipe: before anything is trained, when a stage would destroy what an earlier one made.
      PromiseBroken: when a stage did not make or keep what it promised.
    """
    require_order(recipe)
    started = time.monotonic()
    walk = _Walk(recipe, store, name, progress or Silent())
    stages = tuple(walk.stage(index, stage) for index, stage in enumerate(recipe.stages, start=1))
    files = tuple(
        walk.file(record, exporter) for record in stages for exporter in recipe.exports.get(record.name, ())
    )
    return Report(
        recipe=name,
        title=title,
        data=recipe.data.title,
        settings=dict(settings or {}),
        versions=versions(),
        machine=machine(),
        command=command,
        seconds=round(time.monotonic() - started, 1),
        stages=stages,
        files=files,
    )


def require_order(recipe: Recipe) -> None:
    """Refuses a recipe whose stages cannot follow each other. Raises `InvalidRecipe`."""
    names = [stage.name for stage in recipe.stages]
    if not names or len(set(names)) < len(names):
        raise InvalidRecipe(f"Recipe.stages must have names of their own, at least one. Received: {names}. Rename one.")
    made: dict[str, frozenset[str]] = {}
    for position, stage in enumerate(recipe.stages):
        start = start_name(recipe, position)
        for needed in (*getattr(stage.fit, "needs", ()), *((start,) if start else ())):
            if needed not in made:
                raise InvalidRecipe(
                    f"Stage {stage.name!r} must ask for an earlier stage's model. Received: {needed!r}. "
                    f"Use one of: {', '.join(made) or 'none is earlier'}."
                )
        before = made[start] if start else frozenset()
        lost = before - stage.technique.keeps - stage.technique.makes
        if lost:
            raise InvalidRecipe(
                f"Stage {stage.name!r} ({type(stage.technique).__name__}) would destroy the {', '.join(sorted(lost))} "
                f"that an earlier stage made. Put it before that stage, or use a technique that keeps it."
            )
        made[stage.name] = before | stage.technique.makes
    for name in recipe.exports:
        if name not in made:
            raise InvalidRecipe(f"Recipe.exports must name stages. Received: {name!r}. Use one of: {', '.join(made)}.")


def start_name(recipe: Recipe, position: int) -> str | None:
    """The stage whose model `recipe.stages[position]` starts from; None when it builds a new one."""
    start = recipe.stages[position].start
    if start is None:
        if position == 0:
            raise InvalidRecipe("The first stage's start must build a model. Received: None. Give a builder.")
        return recipe.stages[position - 1].name
    return start if isinstance(start, str) else None


class _Walk:
    """One run: what it has done so far, by stage name."""

    def __init__(self, recipe: Recipe, store: Store, name: str, progress: Progress):
        self.recipe, self.store, self.name, self.progress = recipe, store, name, progress
        self.records: dict[str, StageRecord] = {}
        self.folders: dict[str, str] = {}

    # -- stages ------------------------------------------------------------------------------------------------------

    def stage(self, index: int, stage: Stage) -> StageRecord:
        """Does a stage, or takes it from the run folder when the same settings made it."""
        folder = f"{index}-{stage.name}"
        start = start_name(self.recipe, index - 1)
        key = self._stage_key(stage, start)
        self.folders[stage.name] = folder
        record = self._finished(folder, key)
        if record is None:
            self.store.retire(folder)
            record = self._do(stage, start, key, folder)
        else:
            self.progress.say(f"{stage.name}: finished by an earlier run, accuracy {record.accuracy:.2%}")
        self.records[stage.name] = record
        return record

    def _stage_key(self, stage: Stage, start: str | None) -> str:
        needs = {name: self.records[name].key for name in getattr(stage.fit, "needs", ())}
        origin = self.records[start].key if start else describe(stage.start)
        return fingerprint([stage.technique, stage.fit, origin, needs, self.recipe.data, self.recipe.seed, versions()])

    def _finished(self, folder: str, key: str) -> StageRecord | None:
        saved = self.store.read_json(f"{folder}/stage.json")
        return stage_from_json(saved) if saved and saved.get("key") == key else None

    def _do(self, stage: Stage, start: str | None, key: str, folder: str) -> StageRecord:
        started = time.monotonic()
        keras.backend.clear_session()
        set_seed(self.recipe.seed)
        model = self._model(start) if start else stage.start()
        sizes = {name: int(values.size) for name, values in kernels(model).items()}
        promises = (*(self.records[start].promises if start else ()), *stage.technique.promises(model))
        fit = stage.fit
        if getattr(fit, "needs", ()):
            fit = fit.resolve({name: self._model(name) for name in fit.needs})
        with self.progress.task(stage.name, fit.steps) as advance:
            watched = _Watched(fit, advance)
            model = stage.technique.apply(model, watched)
        measurement = measure(model)
        verdicts = tuple(judge_model(promise, measurement, sizes) for promise in promises)
        for verdict in verdicts:
            if not verdict.kept:
                raise PromiseBroken(
                    f"Stage {stage.name!r} promised {verdict.kind} of at least {verdict.promised:.4g} in every kernel. "
                    f"Received: {verdict.measured:.4g} over all of them. Its technique does not keep what it says."
                )
        outputs = self._predict(model, stage.name)
        labels = self.recipe.data.test.labels
        record = StageRecord(
            name=stage.name, key=key, technique=short(stage.technique), fit=describe(stage.fit),
            start=start or model.name, steps=fit.steps, seconds=round(time.monotonic() - started, 1),
            accuracy=float((outputs.argmax(-1) == labels).mean()), num_examples=len(labels), measurement=measurement,
            kernel_sizes=sizes, promises=promises, verdicts=verdicts, history=watched.history,
        )  # fmt: skip
        self._save(folder, model, outputs, record)
        self.progress.say(f"{stage.name}: accuracy {record.accuracy:.2%} after {record.seconds:.0f} s")
        return record

    def _save(self, folder: str, model: Any, outputs: np.ndarray, record: StageRecord) -> None:
        import json

        import numpy as np

        with self.store.writing(folder) as partial:
            partial.mkdir()
            save_model(model, partial / f"model{model_suffix(model)}")
            np.save(partial / "outputs.npy", outputs)
            (partial / "stage.json").write_text(json.dumps(to_json(record), indent=2), encoding="utf-8")

    def _model(self, stage: str) -> Any:
        return load_model(next((self.store.root / self.folders[stage]).glob("model.*")))

    def _predict(self, model: Any, label: str) -> np.ndarray:
        """The model's outputs on the test split, (N, classes)."""
        import numpy as np

        data, batch = self.recipe.data, 500
        answer = keras.backend.function(model.inputs, model.outputs)
        outputs = []
        with self.progress.task(f"{label}: test", len(data.test)) as advance:
            for begin in range(0, len(data.test), batch):
                outputs.append(answer([data.model_inputs(data.test.inputs[begin : begin + batch])])[0])
                advance(begin + batch, "")
        return np.concatenate(outputs)

    # -- exported files ----------------------------------------------------------------------------------------------

    def file(self, stage: StageRecord, exporter: Exporter) -> FileRecord:
        """Exports a stage's model and checks the file, as far as an earlier run has not done it."""
        base = f"{self.name}-{stage.name}-{exporter.mode}"
        key = fingerprint([stage.key, exporter])
        saved = self.store.read_json(f"checks/{base}.json") or {}
        artifact = self._artifact(stage, exporter, f"tflite/{base}.tflite", key, saved)
        contents = tflite.read(artifact.path)
        known = saved.get("findings", []) if saved.get("sha256") == artifact.sha256 else []
        record = FileRecord(
            stage=stage.name, mode=exporter.mode, path=f"tflite/{base}.tflite", key=key, sha256=artifact.sha256,
            raw_bytes=artifact.raw_bytes, zipped_bytes=artifact.zipped_bytes, sparsity=contents.sparsity,
            verdicts=judge_file(stage.promises, contents, stage.kernel_sizes), findings=(),
        )  # fmt: skip
        findings = self._check(stage, artifact, base, [finding_from_json(finding) for finding in known])
        record = dataclasses.replace(record, findings=findings)
        self.store.write_json(f"checks/{base}.json", to_json(record))
        return record

    def _artifact(self, stage: StageRecord, exporter: Exporter, path: str, key: str, saved: Mapping[str, Any]) -> Artifact:
        target = self.store.root / path
        if saved.get("key") == key and target.exists():
            artifact = Artifact(target, exporter.mode, saved["raw_bytes"], saved["zipped_bytes"], saved["sha256"])
            if tflite.digest(target) == artifact.sha256:
                return artifact
        self.store.retire(path)
        with self.progress.task(f"export {stage.name} {exporter.mode}", None), output_errors(self.store.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            return exporter.convert(self._model(stage.name), self.recipe.data, target)

    def _check(self, stage: StageRecord, artifact: Artifact, base: str, known: Sequence[Finding]) -> tuple[Finding, ...]:
        import numpy as np

        done = {finding.check: finding for finding in known if finding.status != "not run"}
        against = {"keras": np.load(self.store.root / self.folders[stage.name] / "outputs.npy")}
        first = self.store.root / "checks" / f"{base}.npy"  # the first check's outputs: the CPU that others are compared with
        if done and first.exists():
            against["cpu"] = np.load(first)
        findings = []
        for position, check in enumerate(self.recipe.checks):
            if check.name not in done:
                with self.progress.task(f"check {stage.name} {artifact.mode} on {check.name}", None):
                    done[check.name] = check.run(artifact, self.recipe.data, against)
            finding = done[check.name]
            if position == 0 and finding.outputs is not None:
                against["cpu"] = finding.outputs
                with self.store.writing(f"checks/{base}.npy") as partial, open(partial, "wb") as stream:
                    np.save(stream, finding.outputs)
            findings.append(finding)
        return tuple(findings)


class _Watched:
    """A fit whose progress is told, and whose history is kept."""

    def __init__(self, fit: Fit, advance: Callable[[int, str], None]):
        self.fit, self.advance = fit, advance
        self.history: dict[str, list[float]] = {}
        self.done = 0

    @property
    def steps(self) -> int:
        return self.fit.steps

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        watching = keras.callbacks.LambdaCallback(on_train_batch_end=self._batch, on_epoch_end=self._epoch)
        return self.fit(model, [*callbacks, watching])

    def _batch(self, batch: int, logs: Mapping[str, float]) -> None:
        self.done += 1
        if self.done % 20 == 0 or self.done == self.steps:
            self.advance(self.done, ", ".join(f"{name} {value:.3f}" for name, value in logs.items()))

    def _epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(round(float(value), 5))

