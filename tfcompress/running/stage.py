"""One stage of a run: its model trained, measured, held to its promises and saved, or taken from an earlier run."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..backend.archive import forget_dates
from ..backend.tensorflow import keras, set_seed
from ..core.contracts import needs_of, resolved, trusts_code
from ..core.describe import describe, short
from ..core.errors import Diverged, InvalidRecipe, PromiseBroken, WorkerLost
from ..core.identity import NoIdentity, fingerprint
from ..core.progress import Progress, resumable
from ..core.remarks import collecting, remark
from ..core.tasks.task import Task
from ..core.types import CLUSTERS, LEVELS, CalibratedTransform, Data, Fit, Recipe, Stage, TrainedTransform, Transform
from ..measuring.evaluation import bound, evaluate, kept_predictions, predict, require_examples, targets_of
from ..measuring.measure import kernels, measure
from ..measuring.promises import Verdict, judge_model
from ..models_io.copying import save_model
from .folder.seals import digests, sealed
from .foreseen import foreseen_float, require_operations
from .keys import StageKey
from .order.following import order_remarks
from .records import MODEL, StageRecord, stage_from_json, to_json
from .space import require_space, say_memory
from .store import Store
from .team import Team
from .versions import machine

if TYPE_CHECKING:
    import numpy as np

OUTPUTS = "outputs"  # the folder of a stage's predictions
ADVANCE_EVERY = 20  # steps, after which progress is shown
PATIENCE_SECONDS = 30  # until a worker sees what the chief wrote: a network disk may be slow


@dataclasses.dataclass
class RunContext:
    """A run at work: what it was asked for, and the stages it has finished, by name."""

    recipe: Recipe
    store: Store
    name: str
    progress: Progress
    keys: Mapping[str, StageKey]
    team: Team = dataclasses.field(default_factory=Team)
    records: dict[str, StageRecord] = dataclasses.field(default_factory=dict)
    folders: dict[str, str] = dataclasses.field(default_factory=dict)

    def model(self, stage: str) -> Any:
        """A finished stage's model, read from its folder."""
        from ..models_io.loading.opening import open_saved  # which imports TensorFlow

        return open_saved(self.store.root / self.folders[stage] / MODEL, safe_mode=not trusts_code(self.recipe))

    def models_of(self, stage: Stage, start: str | None) -> dict[str, str]:
        """The SHA-256 of the models that a stage is made from: of the one that it starts from, and its teachers'."""
        wanted = (*((start,) if start else ()), *needs_of(stage.technique, stage.fit))
        return {name: self.records[name].model for name in dict.fromkeys(wanted)}

    @cached_property
    def task(self) -> Task:
        """What is asked of the models. Raises `InvalidRecipe` when neither the recipe nor its data says it."""
        found = self.recipe.task or self.recipe.data.task
        if found is None:
            raise InvalidRecipe(
                f"Recipe.task must say what is asked of the models, as {self.recipe.data.title} does not. Received: "
                "None. Give task=..., such as Regression(), or Task(loss=..., metrics=[...])."
            )
        return found

    @cached_property
    def task_key(self) -> str | None:
        """A name for all that makes the metrics what they are; None for what nobody can compare, a connection, say."""
        try:
            return fingerprint(self.task)
        except NoIdentity:
            return None

    def outputs(self, stage: str) -> dict[str, np.ndarray]:
        """A finished stage's outputs on the test split by name, (N, ...) each, mapped from disk."""
        return kept_predictions(self.store.root / self.folders[stage] / OUTPUTS, self.records[stage].outputs)


def do_stage(context: RunContext, number: int, stage: Stage, start: str | None) -> None:
    """Does a stage, or finds it done by the same settings. `start` is the stage it begins from, None for a new model.

    Raises:
      PromiseBroken: when the model does not have what the stage, or one before it, promised.
    """
    folder = f"{number}-{stage.name}"
    key = context.keys[stage.name].name
    context.folders[stage.name] = folder
    if context.team.chief_says(lambda: _is_finished(context, stage, start, folder)):
        record = _for_this_task(context, _written(context, folder, key), folder)
        context.progress.say(f"{stage.name}: finished by an earlier run, {record.headline}")
    else:
        record = _train(context, stage, start, folder) or _written(context, folder, key)
        context.progress.say(f"{stage.name}: {record.headline} after {record.seconds:.0f} s")
    context.records[stage.name] = record


def _for_this_task(context: RunContext, record: StageRecord, folder: str) -> StageRecord:
    """A finished stage's record with the metrics that this run asks for: its outputs are kept, and evaluated again."""
    if record.task is not None and record.task == context.task_key:
        return record
    kept = kept_predictions(context.store.root / folder / OUTPUTS, record.outputs)
    task = bound(context.task, context.model(record.name))
    found = dataclasses.replace(
        record,
        metrics=evaluate(task, kept, targets_of(context.recipe.data, task)),
        metric_kinds=tuple(metric.kind for metric in task.metrics),
        task=context.task_key,
    )
    if context.team.is_chief:
        context.store.write_json(f"{folder}/stage.json", to_json(found))
    return found


def _is_finished(context: RunContext, stage: Stage, start: str | None, folder: str) -> bool:
    """Whether an earlier run finished the stage; what was made from something else is moved out of the way."""
    key = context.keys[stage.name]
    found = stage_from_json(context.store.read_json(f"{folder}/stage.json"))
    why = key.why_again(found.made_from if found else {})
    if found is not None and key.name is not None and found.key == key.name:
        why = _fault(context, stage, start, folder, found)
        if not why:
            return True
    elif found is None and os.path.lexists(context.store.root / folder / "stage.json"):
        why = f"computed again, as {folder}/stage.json is not what a run of this version wrote"
    if why:
        context.progress.say(f"{stage.name}: {why}")
    context.store.retire(folder)
    return False


def _fault(context: RunContext, stage: Stage, start: str | None, folder: str, found: StageRecord) -> str:
    """Why a stage of the right key cannot be used, empty when it can; outputs alone are made again of the model."""
    models = context.models_of(stage, start)
    other = [name for name, model in models.items() if found.models.get(name) != model]
    if other:
        return f"computed again, as it was made from another model of the stage {' and '.join(other)}"
    wrong = context.store.not_as_written(folder, found.files)
    if not wrong:
        return ""
    damaged = f"{folder}/{wrong[0]}{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}"
    damaged += " is damaged or missing" if len(wrong) == 1 else " are damaged or missing"
    if not all(name.startswith(f"{OUTPUTS}/") for name in wrong):
        return f"computed again, as {damaged}"
    context.progress.say(f"{stage.name}: {damaged}: predicted again by its model")
    _predict_again(context, folder, found)
    return ""


def _predict_again(context: RunContext, folder: str, found: StageRecord) -> None:
    data, model = context.recipe.data, context.model(found.name)
    with context.store.writing(f"{folder}/{OUTPUTS}") as partial:
        partial.mkdir()
        outputs = predict(model, data, data.test, partial)
        files = {f"{OUTPUTS}/{name}": sha for name, sha in digests(partial).items()}
        task = bound(context.task, model)
        metrics = evaluate(task, outputs, targets_of(data, task))
    kinds = tuple(metric.kind for metric in task.metrics)
    record = dataclasses.replace(
        found, files={**found.files, **files}, metrics=metrics, metric_kinds=kinds, task=context.task_key
    )
    context.store.write_json(f"{folder}/stage.json", to_json(record))


def _written(context: RunContext, folder: str, key: str | None) -> StageRecord:
    """The record that the chief wrote. Raises `WorkerLost` in a worker that does not see it."""
    patience = time.monotonic() + (0 if context.team.is_chief else PATIENCE_SECONDS)
    while (record := _finished(context.store, folder, key)) is None:
        if time.monotonic() >= patience:
            raise WorkerLost(
                f"Every worker must see the chief's run folder, and run the same recipe. Received: no stage of these "
                f"settings in {context.store.root / folder}. Give all workers one folder on a shared disk (--out)."
            )
        time.sleep(0.5)
    return record


def _finished(store: Store, folder: str, key: str | None) -> StageRecord | None:
    saved = store.read_json(f"{folder}/stage.json")
    record = stage_from_json(saved)
    return record if record is not None and record.key == key else None


def _train(context: RunContext, stage: Stage, start: str | None, folder: str) -> StageRecord | None:
    """Trains, measures and saves; None in a worker that only trains."""
    started = time.monotonic()
    key, alone = context.keys[stage.name].name, context.team.strategy is None
    keras.backend.clear_session()
    set_seed(context.recipe.seed)
    with contextlib.ExitStack() as stack:
        remarks = stack.enter_context(collecting(lambda said: context.progress.say(f"{stage.name}: {said}")))
        with context.team.scope():
            build: Any = stage.start  # a builder where there is no stage to begin from: `require_order` has seen to it
            model = context.model(start) if start else build()
            require_examples(model, context.recipe.data, bound(context.task, model))
        if not start:
            # Out of the scope: the converter has nothing for the variables of several devices.
            require_operations(context.recipe, stage.name, context.team.plain(model))
            remark(*foreseen_float(context.recipe, stage.name, model))
        stack.enter_context(context.team.scope())
        if not context.records and context.team.is_chief:
            require_space(context.store.root, context.recipe, model)
        say_memory(model, stage.fit)
        remark(*order_remarks(context.recipe).get(stage.name, ()))
        promises = (*(context.records[start].promises if start else ()), *stage.technique.promises(model))
        models = {name: context.model(name) for name in needs_of(stage.technique, stage.fit)}
        technique, fit = resolved(stage.technique, models), resolved(stage.fit, models)
        kept = context.store.training(folder, [key, context.models_of(stage, start)]) if key and alone else None
        task = context.progress.task(stage.name, None if fit is None else fit.steps)
        with task as advance, resumable(kept):
            watched = None if fit is None else _Watched(context, stage.name, fit, advance)
            model = applied(technique, model, context.recipe.data, watched)
    record = {
        "name": stage.name,
        "key": context.keys[stage.name].name,
        "made_from": context.keys[stage.name].made_from,
        "models": context.models_of(stage, start),
        "num_cores": machine()["num_cores"],
        "technique": short(stage.technique, defaults=True),
        "fit": describe(stage.fit),
        "start": start or short(stage.start),
        "steps": 0 if fit is None else fit.steps,
        "promises": promises,
        "history": {} if watched is None else watched.history,
        "remarks": tuple(remarks),
    }
    plain = context.team.plain(model)
    return context.team.chief_alone(lambda: _judge_and_save(context, folder, plain, record, started))


def applied(
    technique: Transform | CalibratedTransform | TrainedTransform, model: Any, data: Data, fit: Fit | None = None
) -> Any:
    """The model that `technique` gives, with as much of the rest as it takes. Raises `InvalidRecipe`."""
    if technique.takes == "nothing":
        return technique.apply(model)
    if technique.takes == "data":
        return technique.apply(model, data)
    if fit is None:
        raise InvalidRecipe(
            f"Stage.fit must be given, as {type(technique).__name__} trains. Received: None. Use KerasFit(data)."
        )
    return technique.apply(model, fit)


def _judge_and_save(
    context: RunContext, folder: str, model: Any, record: Mapping[str, Any], started: float
) -> StageRecord:
    """The whole record of a stage whose model is trained."""
    measurement = measure(model)
    sizes = {name: int(values.size) for name, values in kernels(model).items()}  # what is left of them
    _require_numbers(record["name"], model)
    verdicts = tuple(judge_model(promise, measurement, sizes) for promise in record["promises"])
    for verdict in verdicts:
        if not verdict.kept:
            raise PromiseBroken(
                f"Stage {record['name']!r} promised {verdict.kind} of {_bound(verdict)} in every kernel. "
                f"Received: {verdict.measured:.4g} over all of them. Its technique does not keep what it says."
            )
    data, task = context.recipe.data, bound(context.task, model)
    with context.store.writing(folder) as partial:
        (partial / OUTPUTS).mkdir(parents=True)
        with context.progress.task(f"{record['name']}: test", len(data.test)) as advance:
            outputs = predict(model, data, data.test, partial / OUTPUTS, lambda done: advance(done, ""))
        save_model(model, partial / MODEL)
        forget_dates(partial / MODEL)  # equal models are equal files
        whole = StageRecord(
            **record,
            files=digests(partial),
            metrics=evaluate(task, outputs, targets_of(data, task)),
            metric_kinds=tuple(metric.kind for metric in task.metrics),
            outputs=tuple(outputs),
            task=context.task_key,
            seconds=round(time.monotonic() - started, 1),
            num_examples=len(data.test),
            measurement=measurement,
            kernel_sizes=sizes,
            verdicts=verdicts,
        )
        (partial / "stage.json").write_text(sealed(to_json(whole)), encoding="utf-8")
    context.store.forget_training(folder)
    return whole


def _require_numbers(stage: str, model: Any) -> None:
    """Raises `Diverged` for weights that are no numbers: a training of the user's own may not say its loss."""
    import numpy as np

    for weight in model.weights:
        values = weight.numpy()
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise Diverged(
                f"Stage {stage!r} must give weights that are numbers. Received: {weight.name} with "
                f"{np.count_nonzero(~np.isfinite(values)):,} of {values.size:,} that are none. Use a smaller learning "
                "rate, or look for inputs and targets that are no numbers."
            )


def _bound(verdict: Verdict) -> str:
    return f"at {'most' if verdict.kind in (CLUSTERS, LEVELS) else 'least'} {verdict.promised:.4g}"


class _Watched:
    """A fit whose progress is shown, and whose history is kept."""

    def __init__(self, context: RunContext, stage: str, fit: Fit, advance: Callable[[int, str], None]):
        self.context, self.stage, self.fit, self.advance = context, stage, fit, advance
        self.history: dict[str, list[float]] = {}
        self.done = 0

    @property
    def steps(self) -> int:
        return self.fit.steps

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        watching = keras.callbacks.LambdaCallback(on_train_batch_end=self._batch, on_epoch_end=self._epoch)
        watching.resumed = self._resumed
        return self.fit(model, [*callbacks, watching])

    def _batch(self, batch: int, logs: Mapping[str, float]) -> None:
        self.done += 1
        loss = logs.get("loss", 0.0)
        if not math.isfinite(loss):  # it stays so, in this stage and in all that begin from it
            raise Diverged(
                f"Stage {self.stage!r} must have a loss that is a number. Received: {loss} at step {self.done:,} of "
                f"{self.steps:,}. Use a smaller learning rate, or look for inputs and targets that are no numbers."
            )
        if self.done % ADVANCE_EVERY == 0 or self.done == self.steps:
            self.advance(self.done, ", ".join(f"{name} {value:.3f}" for name, value in logs.items()))

    def _resumed(self, done: int, epochs: int, history: Mapping[str, list[float]]) -> None:
        self.context.progress.say(f"{self.stage}: training goes on after epoch {done} of {epochs}")
        self.done += done * self.steps // epochs
        self.history = {name: [round(value, 5) for value in values] for name, values in history.items()}

    def _epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        self.context.store.beat()
        for name, value in logs.items():
            self.history.setdefault(name, []).append(round(float(value), 5))
