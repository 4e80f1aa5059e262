"""Your own model, by any combination of techniques: what `tfcompress search job.py` chooses from."""

import functools
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tfcompress as tfc


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`job` is needed: --set job=job.py. Each technique can be left out."""

    job: str | None = tfc.setting(
        None, "a Python file with model(), train_data(), test_data(), and if wanted validation_data() and task()"
    )
    epochs: int = tfc.setting(2, "passes over the training examples, in each training", search=tfc.between(1, 6))
    learning_rate: float = tfc.setting(
        5e-4, "of Adam at the start of each training, above 0", search=tfc.between(1e-4, 2e-3, log=True)
    )
    pruning_ratio: float = tfc.setting(
        0.0, "share of channels that are removed; 0: none", search=tfc.one_of(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    )
    final_sparsity: float = tfc.setting(
        0.5, "share of zeros in each kernel; 0: none", search=tfc.one_of(0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
    )
    num_clusters: int | None = tfc.setting(
        None, "distinct values in each kernel; None: not clustered", search=tfc.one_of(None, 8, 16, 32, 64)
    )
    quantize_aware: bool = tfc.setting(
        True, "whether to train with int8's rounding; false: int8 after training only", search=tfc.one_of(False, True)
    )
    distil: bool = tfc.setting(
        True, "whether the model that comes in teaches each training", search=tfc.one_of(False, True)
    )
    temperature: float = tfc.setting(
        4.0, "a teacher's logits are divided by it before they are compared", search=tfc.between(1.0, 8.0)
    )


def recipe(settings: Settings) -> tfc.Recipe:
    """Evaluates the model of the job as it is, then compresses it."""
    if settings.job is None:
        raise tfc.InvalidValue("job must be given. Received: None. Use --set job=job.py.")
    job = job_of(settings.job)
    task = job["task"]() if "task" in job else None
    return compressed(settings, functools.partial(loaded, job["model"]), data_of(settings.job), task)


def compressed(settings: Settings, build: Callable[[], Any], data: tfc.Data, task: tfc.Task | None) -> tfc.Recipe:
    """Channels first, as the others' zeros and values would go with them; then zeros, shared values, and rounding."""
    rate = tfc.CosineDecay(settings.learning_rate)
    fit: tfc.Fit = tfc.KerasFit(
        data, settings.epochs, learning_rate=rate, optimizer="adam", seed=settings.seed + 1, task=task
    )
    if settings.distil:
        fit = tfc.distilled(fit, "original", soft_targets(settings, data, task))
    stages = [tfc.Stage("original", tfc.Unchanged(), start=build)]
    if settings.pruning_ratio:
        stages.append(tfc.Stage("channels", tfc.PruneChannels(settings.pruning_ratio), fit))
    if settings.final_sparsity:
        stages.append(tfc.Stage("pruned", tfc.PruneLowMagnitude(settings.final_sparsity), fit))
    if settings.num_clusters:
        stages.append(tfc.Stage("clustered", tfc.Cluster(settings.num_clusters), fit))
    if settings.quantize_aware:
        stages.append(tfc.Stage("quantized", tfc.QuantizeAware(), fit))
    exports: Mapping[str, tuple[tfc.Exporter, ...]] = {"original": (tfc.Float32(),), stages[-1].name: (tfc.Int8(),)}
    return tfc.Recipe(
        data=data,
        stages=tuple(stages),
        exports=exports,
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
        task=task,
    )


def soft_targets(settings: Settings, data: tfc.Data, task: tfc.Task | None) -> tfc.SoftTargets | None:
    """The loss of distillation: by temperature for classes, and the usual one of other tasks."""
    classes = isinstance(task or data.task, tfc.Classification)
    return tfc.SoftTargets(settings.temperature) if classes else None


@functools.cache
def job_of(path: str) -> Mapping[str, Any]:
    """What the job defines. Raises `InvalidValue` where something is missing."""
    found = runpy.run_path(path)
    missing = [name for name in ("model", "train_data", "test_data") if not callable(found.get(name))]
    if missing:
        raise tfc.InvalidValue(f"{path} must define {missing[0]}(). Received: none. See `tfcompress compress --help`.")
    return found


@functools.cache
def data_of(path: str) -> tfc.Data:
    """The examples of the job."""
    job = job_of(path)
    validation = job["validation_data"]() if "validation_data" in job else None
    return tfc.dataset(job["train_data"](), job["test_data"](), validation, title=f"the data of {path}")


def loaded(model: Callable[[], Any]) -> Any:
    """The model that a function gives: one of Keras, or a file's path."""
    return tfc.load_model(model())
