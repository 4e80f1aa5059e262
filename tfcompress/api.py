"""The five lines: a trained model, data and techniques in; the compressed model, its files and a report out."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from .advising.of_runs.run_advice import with_advice
from .backend.noise import LOG, noise_to
from .backend.tensorflow import import_quietly
from .core.contracts import trusts_code
from .core.disk import output_errors
from .core.errors import InvalidValue
from .core.progress import Printed, Progress, Silent
from .core.tasks.task import Task
from .core.temporaries import sweep, temporary_folder
from .core.types import INT8_RANGES, Check, Data, Exporter, Fit, Recipe, Stage, Technique
from .distillation.distilled import distilled
from .fitting import CosineDecay, KerasFit
from .fitting.evaluate_only import Unchanged
from .measuring.targets.target import Target
from .reporting.finishing import write_reports
from .reporting.notebook import ReportWithPage
from .running.finished import note_asked
from .running.order.following import require_order
from .running.report import Report
from .running.run import run
from .running.store import Store
from .searching.budget import Budget
from .searching.found.outcome import Outcome
from .targeting import as_target, checks_for, expect_taken, exporters_for, for_target, recipe_for

ORIGINAL = "original"  # the stage of the model that comes in
TITLE = "A trained model, compressed"
LEARNING_RATE = 5e-4  # of Adam at the start of each training: the model is a trained one, which a large step undoes


@dataclasses.dataclass(frozen=True)
class Compressed:
    """What `compress` gives.

    Attributes:
      report: the measured figures; prints as a table, and notebooks show its page (report.html in `folder`).
      folder: of the run: models of all stages, files, checks and the report. Without `out` it lasts as long as this.
      last: the name of the last stage.
    """

    report: Report
    folder: Path
    last: str
    _original: Any = dataclasses.field(repr=False)

    @cached_property
    def model(self) -> Any:
        """The compressed tf_keras model, uncompiled."""
        from .models_io.loading.opening import open_saved

        (path,) = self.folder.glob(f"*-{self.last}/model.*")
        return open_saved(path, safe_mode=False)  # it is the user's own, or made of it

    @property
    def files(self) -> dict[str, Path]:
        """The exported files by stage and mode: "quantize_aware int8"."""
        return {file.variant: self.folder / file.path for file in self.report.files}

    def save(self, folder: str | Path) -> Path:
        """Writes model.keras, the .tflite files, the report and card.md into `folder`, which is made; gives its path.

        Raises:
          OutputNotWritable, OutputFull: when it cannot be written.
        """
        target = Path(folder)
        with output_errors(target):
            target.mkdir(parents=True, exist_ok=True)
            (model,) = self.folder.glob(f"*-{self.last}/model.*")
            for path in (model, *self.files.values(), *self.folder.glob("report.*"), *self.folder.glob("card.md")):
                shutil.copyfile(path, target / path.name)
        return target

    def keras3(self) -> Any:
        """The compressed model as one of Keras 3 again. Raises `UnsupportedModel` where it has no such form."""
        from .models_io.returning.keras3_model import to_keras3

        return to_keras3(self.model, self._original)


def compress(
    model: Any,
    data: Data,
    techniques: Sequence[Any],
    *,
    epochs: int = 1,
    fit: Fit | None = None,
    task: Task | None = None,
    exports: Sequence[Exporter] | None = None,
    checks: Sequence[Check] | None = None,
    distil: bool = False,
    teacher: Any = None,
    max_drop: float | str | None = None,
    target: Target | str | None = None,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    out: str | Path | None = None,
    verbose: int | Progress = 1,
    name: str = "model",
    command: str = "tfcompress.compress(...)",
    request: str | None = None,
) -> Compressed:
    """Applies techniques to a trained model, one after another, exports it, and checks and measures the files.

    Underneath it is a `Recipe`: the model as it is, then a stage a technique. After each the model is evaluated on
    the test split, and held to what the technique promises; files are run on CPU and GPU delegates, and compared with
    the Keras model.

    Args:
      model: a trained model of `keras` or `tf_keras`, or the path of its file. It stays as it is.
      data: what `dataset` makes of your examples, or another `Data`.
      techniques: in their order, such as [PruneChannels(0.3), QuantizeAware()].
      epochs: of the training that each technique brings, at least 1, with Adam and cross-entropy or the task's loss.
        Defaults to 1.
      fit: how to train instead: a `KerasFit`, or what `tfcompress.fit` makes of your own function. Defaults to None.
      task: what is asked of the model. Defaults to None: what the data says, else what the model was compiled with.
      exports: the files that are made of the compressed model. Defaults to None: float32 and static int8, or int8 alone
        after quantization-aware training.
      checks: what the files are run on. Defaults to None: three kernel sets of the CPU, and the GPU delegate.
      distil: whether the model that comes in teaches each training. Defaults to False.
      teacher: another model to teach, or its path; `distil` then need not be said. Defaults to None.
      max_drop: how much worse than the model that comes in a file's headline metric may be: a number in the metric's
        own unit (0.02), or a share of it ("2%"). Beyond it the verdict is "fail". Defaults to None: what the task says,
        which may be nothing; the report then tells what was lost, and that the verdict does not look at it.
      target: the device that files are for: "cpu", "gpu", "npu", "mcu", or a `Target`. It says which files are made,
        where `exports` does not, and how they are checked, where `checks` does not; and what it does not take fails
        (docs/targets.md). Defaults to None: float32 and static int8, on CPU and GPU.
      learning_rate: of Adam at the start of each training; it falls to 0 as a cosine. Defaults to 5e-4, small, as the
        model is a trained one.
      seed: of the order of examples and of all else that is drawn. Defaults to 0.
      out: the run folder; the same call again continues an interrupted run. Defaults to None: a temporary one, so that
        nothing is kept but what `save` writes.
      verbose: 1 prints a line for each piece of work, 0 nothing; or a `Progress` of your own. Defaults to 1.
      name: the files' names begin with it. Defaults to "model".
      command: what was typed, for the report.
      request: a name for all of these arguments, under which a command line finds the finished run. Defaults to None.

    Returns:
      A `Compressed`: `model`, `files`, `report`, `save(folder)`, and for a model of Keras 3 `keras3()`.

    Raises:
      InvalidValue: before anything is trained, when model, data and task do not fit each other, or nobody says what is
        asked of the model.
      InvalidRecipe: before anything is trained, when a technique would destroy what an earlier one made.
      UnsupportedModel, ConversionFailed, PromiseBroken: as techniques and exporters raise them.

    Example:

    >>> import tfcompress as tfc
    >>> model, data = tfc.simple_cnn((8, 8, 1)), tfc.Digits(num_examples=640)  # yours is a trained one
    >>> small = tfc.compress(model, data, [tfc.PruneLowMagnitude(0.5)], checks=[tfc.CpuXnnpack()], verbose=0)
    >>> list(small.files)
    ['original float32', 'prune_low_magnitude float32', 'prune_low_magnitude int8']
    """
    from .models_io.copying import copy_model
    from .models_io.loading.door import load_model

    expect_data(data)
    import_quietly()
    _expect_all(techniques, "techniques", Technique, "[PruneChannels(0.3), QuantizeAware()]")
    _expect_all(exports or (), "exports", Exporter, "[Float32(), Int8()]")
    _expect_all(checks or (), "checks", Check, "[CpuXnnpack()]")
    if target is not None:
        device = as_target(target)
        expect_taken(exports or (), device)
        exports = exporters_for(device) if exports is None else [for_target(each, device) for each in exports]
        checks = checks_for(device) if checks is None else checks
    arrived = load_model(model)
    asked = task_for(arrived, data, task)
    if max_drop is not None:
        asked = dataclasses.replace(asked, max_drop=max_drop)
    trained = _fit(fit, data, asked, epochs, learning_rate, seed)
    if distil or teacher is not None:
        trained = distilled(trained, ORIGINAL if teacher is None else load_model(teacher))
    stages = [
        Stage(ORIGINAL, Unchanged(), start=functools.partial(copy_model, arrived)),
        *(
            Stage(name, technique, trained if technique.takes == "fit" else None)
            for name, technique in zip(_names(techniques), techniques, strict=True)
        ),
    ]
    recipe = Recipe(data, tuple(stages), _exports(stages, exports), _checks(checks), seed, asked)
    if target is not None and stages[-1].name != ORIGINAL:
        recipe = dataclasses.replace(recipe, exports=recipe_for(recipe, target).exports)
    require_order(recipe)
    return _run(recipe, model, out, verbose, name, command, request)


def search(
    model: Any,
    data: Data,
    budget: Budget,
    *,
    num_trials: int = 20,
    hours: float | None = None,
    task: Task | None = None,
    oracle: Any = "optuna",
    validation_share: float = 0.2,
    seed: int = 0,
    strategy: str | None = None,
    out: str | Path = "saved_models/model-search",
    verbose: int | Progress = 1,
    name: str = "model",
    **settings: Any,
) -> Outcome:
    """Finds the combination of techniques that keeps a budget, by trying some and measuring their exported files.

    Each trial removes channels, sets weights to zero, clusters and trains with int8's rounding, as far as it chooses to
    (the recipe own_model). Trials are scored on validation examples: the data's own, or a share of the training
    examples, which no trial trains on. The test split is looked at once, at the end.

    The same script in several processes, each with keras-tuner's environment variables, is one search: a chief, and
    workers, whose outcome is what they see of the chief's (docs/search.md).

    Args:
      model: a trained model of `keras` or `tf_keras`, or the path of its file. It stays as it is.
      data: what `dataset` makes of your examples, or another `Data`.
      budget: what a file may cost, and what is to be least.
      num_trials: all of them, at least 1; the same call again goes on where it was left. Defaults to 20.
      hours: of work, those of earlier calls too. Defaults to None: no limit.
      task: what is asked of the model. Defaults to None: what the data says, else what the model was compiled with.
      oracle: what proposes: "optuna", "random", "bayesian", "hyperband", or a keras_tuner.Oracle of your own, whose
        objective is keras_tuner.Objective("score", "min"). Defaults to "optuna".
      validation_share: of the training examples, in (0, 0.9], where the data has no validation split. Defaults to 0.2.
      seed: of what is proposed and of the trainings. Defaults to 0.
      strategy: under which trials train: "mirrored", or "mirrored:2". Defaults to None: one device.
      out: the folder of the search. Defaults to "saved_models/model-search".
      verbose: 1 prints a line for each piece of work, 0 nothing; or a `Progress` of your own. Defaults to 1.
      name: the files' names begin with it. Defaults to "model".
      **settings: of the recipe own_model, which then are not searched, such as epochs=1.

    Returns:
      An `Outcome`; `outcome.best` is None where no trial kept the budget, and `outcome.best.file` lies in `out`.

    Raises:
      ImpossibleBudget: before anything is trained, when no file can be as small as that.
      InvalidValue: when model, data and task do not fit each other.
      MissingExtra: when keras-tuner or Optuna is not installed.

    Example:

    >>> import tfcompress as tfc
    >>> model, budget = tfc.simple_cnn((8, 8, 1)), tfc.Budget(max_zipped_bytes=12_000, max_drop=0.01)
    >>> outcome = tfc.search(model, tfc.Digits(), budget, epochs=0)  # yours is a trained model
    Traceback (most recent call last):
    ...
    tfcompress.core.errors.InvalidValue: epochs must be at least 1. Received: 0. Use --set epochs=1 or more.
    """
    from .models_io.loading.door import load_model
    from .searching.general import general_settings, general_subject
    from .searching.search import run_search
    from .searching.space import space_of

    expect_data(data, "search")
    base = general_settings(settings, seed, "search")
    space = space_of(base, frozenset(settings), "search")
    arrived = load_model(model)
    return run_search(
        general_subject(arrived, data, task_for(arrived, data, task), name, base),
        space,
        budget,
        Path(out),
        num_trials=num_trials,
        progress=(Printed() if verbose else Silent()) if isinstance(verbose, int) else verbose,
        hours=hours,
        oracle=oracle,
        share=validation_share,
        seed=seed,
        strategy=strategy,
        command="tfcompress.search(...)",
    )


def expect_data(data: Any, owner: str = "compress") -> None:
    """Refuses what is no `Data`. Raises `InvalidValue`."""
    if not (hasattr(data, "train") and hasattr(data, "title")):
        raise InvalidValue(
            f"{owner}.data must be a training and a test split. Received: a {type(data).__name__}. Give "
            "tfc.dataset(train, test)."
        )


def _expect_all(values: Any, field: str, kind: type, example: str) -> None:
    """Refuses what is no list of `kind`: one without a list around it, or a class. Raises `InvalidValue`."""
    listed = isinstance(values, list | tuple)
    wrong = [each for each in (values if listed else [values]) if isinstance(each, type) or not isinstance(each, kind)]
    if wrong or not listed:
        raise InvalidValue(
            f"compress.{field} must be a list of {kind.__name__}s. Received: {(wrong or [values])[0]!r}. Use {example}."
        )


def task_for(model: Any, data: Data, task: Task | None) -> Task:
    """What is asked of the model, by whoever says it first: the caller, the data, the compiled model.

    Raises:
      InvalidValue: when nobody does.
    """
    from .models_io.compiled.compiled_task import compiled_task

    found = task or data.task or compiled_task(model)
    if found is None:
        raise InvalidValue(
            "compress.task must say what is asked of the model, as it is not compiled, and neither does the data say "
            "it. Received: None. Use task=Classification(), Regression(), or Task(loss=..., metrics=[...])."
        )
    return found


def _fit(fit: Any, data: Data, task: Task, epochs: int, learning_rate: float, seed: int) -> Fit:
    if fit is None:
        rate = CosineDecay(learning_rate)
        return KerasFit(data, epochs, learning_rate=rate, optimizer="adam", seed=seed + 1, task=task)
    if isinstance(fit, KerasFit):
        return fit if fit.task or fit.data.task else dataclasses.replace(fit, task=task)
    if not isinstance(fit, Fit):
        given = getattr(fit, "__name__", type(fit).__name__)
        raise InvalidValue(
            f"compress.fit must be a Fit. Received: {given}. Use KerasFit(data, epochs=3), or "
            f"tfc.fit({given if callable(fit) else 'train'}, steps=...) for a function of your own."
        )
    return fit


def _names(techniques: Sequence[Any]) -> list[str]:
    """Stages' names, from the techniques' classes: "prune_channels", "prune_channels_2".

    >>> class PruneMe: ...
    >>> _names([PruneMe(), PruneMe()])
    ['prune_me', 'prune_me_2']
    """
    names: list[str] = []
    for technique in techniques:
        kind = type(technique).__name__
        plain = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).strip("_")
        count = sum(name == plain or name.startswith(f"{plain}_") for name in names)
        names.append(plain if not count else f"{plain}_{count + 1}")
    return names


def _exports(stages: Sequence[Stage], exports: Sequence[Exporter] | None) -> Mapping[str, tuple[Exporter, ...]]:
    from .export.float32 import Float32
    from .export.int8 import Int8

    last = stages[-1]
    if exports is None:
        aware = any(INT8_RANGES in stage.technique.makes for stage in stages)
        exports = (Int8(),) if aware else (Float32(), Int8())
    if last.name == ORIGINAL:
        return {ORIGINAL: tuple(exports)}
    return {ORIGINAL: (Float32(),), last.name: tuple(exports)}


def usual_checks(target: Target | str | None = None) -> tuple[Check, ...]:
    """What `compress` runs files on where `checks` does not say it.

    >>> [check.name for check in usual_checks("mcu")]
    ['cpu-reference', 'microcontroller', 'target-mcu']
    """
    return _checks(None if target is None else checks_for(as_target(target)))


def _checks(checks: Sequence[Check] | None) -> tuple[Check, ...]:
    from .delegates.cpu import CpuBuiltin, CpuCompiledModel, CpuReference, CpuXnnpack
    from .delegates.gpu import GpuDelegate

    return (
        (CpuXnnpack(), CpuBuiltin(), CpuReference(), CpuCompiledModel(), GpuDelegate())
        if checks is None
        else tuple(checks)
    )


def usual_techniques(
    pruning_ratio: float | None = None,
    final_sparsity: float | None = None,
    num_clusters: int | None = None,
    quantize_aware: bool = False,
) -> list[Any]:
    """The techniques that are asked for, in the order in which each keeps what those before it made.

    >>> [type(technique).__name__ for technique in usual_techniques(0.3, quantize_aware=True)]
    ['PruneChannels', 'QuantizeAware']
    """
    from .pruning.channels import PruneChannels
    from .pruning.magnitude import PruneLowMagnitude
    from .quantization.clustering import Cluster
    from .quantization.training.aware import QuantizeAware

    return [
        *([] if pruning_ratio is None else [PruneChannels(pruning_ratio)]),
        *([] if final_sparsity is None else [PruneLowMagnitude(final_sparsity)]),
        *([] if num_clusters is None else [Cluster(num_clusters)]),
        *([QuantizeAware()] if quantize_aware else []),
    ]


def _run(
    recipe: Recipe,
    original: Any,
    out: str | Path | None,
    verbose: int | Progress,
    name: str,
    command: str,
    request: str | None,
) -> Compressed:
    from .publishing.card import write_card

    if out == "":
        raise InvalidValue("compress.out must name a folder. Received: ''. Leave it out, or use out='runs/mine'.")
    sweep()
    folder = temporary_folder("run") if out is None else Path(out)
    store, is_finished = Store(folder), False
    try:
        progress: Progress = (Printed() if verbose else Silent()) if isinstance(verbose, int) else verbose
        store.open(command=command)
        note_asked(store, name, request)
        with noise_to(store.root / LOG):
            report = run(recipe, store, name, TITLE, command=command, progress=progress)
            if report is None:
                raise InvalidValue(
                    "compress runs in one process. Received: one of several workers. Use tfcompress recipe."
                )
            report = with_advice(report, recipe, store.root, progress)
            write_card(report, recipe.data, store, recipe.task)
            write_reports(report, store, not trusts_code(recipe))
        is_finished = True
    finally:
        store.close(is_finished)
        if out is None and not is_finished:
            _remove(folder)
    found = Compressed(ReportWithPage.of(report, folder), folder, recipe.stages[-1].name, original)
    if out is None:
        weakref.finalize(found, _remove, folder)
    return found


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # a temporary folder is the system's to clear, where this cannot
