"""Your own model, by any combination of techniques: what `tfcompress search job.py` chooses from."""

import functools
import importlib.util
import runpy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tfcompress as tfc

HAS_INT4 = importlib.util.find_spec("litert_quantizer") is not None  # pip install 'tfcompress[edge]'
IN_INT4 = ("Conv2D", "Dense")  # layers whose kernels can have four bits
EQUALIZE = ("no", "first", "last")
CRITERIA: Mapping[str, Callable[[], Any]] = {
    "l2": lambda: tfc.criteria.L2(),
    "geometric_median": lambda: tfc.criteria.GeometricMedian(),
    "taylor": lambda: tfc.criteria.Taylor(),
}
SCHEDULES: Mapping[str, Callable[[], Any]] = {
    "polynomial": lambda: tfc.PolynomialDecay(),
    "constant": lambda: tfc.ConstantSparsity(),
}
ROUNDING: Mapping[str, Callable[[], Any]] = {
    "nearest": lambda: None,
    "corrected": lambda: tfc.CorrectBias(),
    "adaptive": lambda: tfc.AdaptiveRounding(),
    "both": lambda: tfc.CorrectBias(rounding=tfc.AdaptiveRounding()),
}
LOSSES: Mapping[str, Callable[[float], Any]] = {
    "soft_targets": lambda temperature: tfc.SoftTargets(temperature),
    "decoupled": lambda temperature: tfc.losses.DecoupledTargets(temperature),
    "correlation": lambda temperature: tfc.losses.Correlation(temperature),
    "logits": lambda temperature: tfc.losses.MeanSquaredLogits(),  # which has no temperature
}
WORDS: Mapping[str, Collection[str]] = {
    "equalize": EQUALIZE,
    "channel_criterion": CRITERIA,
    "sparsity_schedule": SCHEDULES,
    "rounding": ROUNDING,
    "distillation_loss": LOSSES,
}


@dataclass(frozen=True)
class Settings(tfc.Settings):
    """`job` is needed: --set job=job.py. Each technique can be left out, and with it what is set of it."""

    job: str | None = tfc.setting(
        None, "a Python file with model(), train_data(), test_data(), and if wanted validation_data() and task()"
    )
    epochs: int = tfc.setting(2, "passes over the training examples, in each training", search=tfc.between(1, 6))
    learning_rate: float = tfc.setting(
        5e-4, "of Adam at the start of each training, above 0", search=tfc.between(1e-4, 2e-3, log=True)
    )
    equalize: str = tfc.setting(
        "no",
        "whether consecutive layers' ranges are made equal: no, first (before all that removes), or last",
        search=tfc.one_of("no", "first", "last"),
    )
    pruning_ratio: float = tfc.setting(
        0.0, "share of channels that are removed; 0: none", search=tfc.one_of(0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    )
    channel_criterion: str = tfc.setting(
        "l2",
        "what a channel is worth: l2, geometric_median, or taylor, by gradients",
        search=tfc.one_of("l2", "geometric_median", "taylor"),
    )
    channel_comparison: str = tfc.setting(
        "global", "which channels are ranked together: global, or per layer", search=tfc.one_of("global", "per layer")
    )
    final_sparsity: float = tfc.setting(
        0.5, "share of zeros in the kernels; 0: none", search=tfc.one_of(0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)
    )
    sparsity_schedule: str = tfc.setting(
        "polynomial", "how zeros come: polynomial, or constant: at once", search=tfc.one_of("polynomial", "constant")
    )
    sparsity_comparison: str = tfc.setting(
        "per layer",
        "whether each kernel has this share of zeros (per layer), or all together (global)",
        search=tfc.one_of("per layer", "global"),
    )
    num_clusters: int | None = tfc.setting(
        None, "distinct values in each kernel; None: not clustered", search=tfc.one_of(None, 8, 16, 32, 64)
    )
    quantize_aware: bool = tfc.setting(
        True, "whether to train with int8's rounding; false: int8 after training only", search=tfc.one_of(False, True)
    )
    rounding: str = tfc.setting(
        "nearest",
        "of kernels after training, where they are not clustered: nearest, corrected (biases), adaptive, or both",
        search=tfc.one_of("nearest", "corrected", "adaptive", "both"),
    )
    weight_bits: int = tfc.setting(
        8,
        "of kernels after training: 8, or 4, which needs tfcompress[edge]",
        search=tfc.one_of(8, 4) if HAS_INT4 else None,
    )
    wide_ends: bool = tfc.setting(
        True,
        "whether the first and the last layer have 8 bits where others have 4",
        search=tfc.one_of(False, True) if HAS_INT4 else None,
    )
    distil: bool = tfc.setting(
        True, "whether the model that comes in teaches each training", search=tfc.one_of(False, True)
    )
    distillation_loss: str = tfc.setting(
        "soft_targets",
        "of classes: soft_targets, decoupled, correlation, or logits",
        search=tfc.one_of("soft_targets", "decoupled", "correlation", "logits"),
    )
    temperature: float = tfc.setting(
        4.0, "a teacher's logits are divided by it before they are compared", search=tfc.between(1.0, 8.0)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in WORDS.items():
            word = getattr(self, name)
            if word not in known:
                raise tfc.InvalidValue(f"{name} must be one of {', '.join(known)}. Received: {word!r}.")


def recipe(settings: Settings) -> tfc.Recipe:
    """Evaluates the model of the job as it is, then compresses it."""
    if settings.job is None:
        raise tfc.InvalidValue("job must be given. Received: None. Use --set job=job.py.")
    job = job_of(settings.job)
    task = job["task"]() if "task" in job else None
    return compressed(settings, build_of(settings.job), data_of(settings.job), task)


def compressed(settings: Settings, build: Callable[[], Any], data: tfc.Data, task: tfc.Task | None) -> tfc.Recipe:
    """Channels first, as the others' zeros and values would go with them; then zeros, shared values, and rounding."""
    stages = [tfc.Stage("original", tfc.Unchanged(), start=build)]
    stages += [tfc.Stage(*each) for each in techniques(settings, fit_of(settings, data, task))]
    exports: dict[str, tuple[tfc.Exporter, ...]] = {"original": (tfc.Float32(),)}
    exports[stages[-1].name] = (exporter(settings, build),)
    return tfc.Recipe(
        data=data,
        stages=tuple(stages),
        exports=exports,
        checks=(tfc.CpuXnnpack(), tfc.CpuBuiltin(), tfc.CpuReference(), tfc.CpuCompiledModel(), tfc.GpuDelegate()),
        seed=settings.seed,
        task=task,
    )


def techniques(settings: Settings, fit: tfc.Fit) -> list[tuple[Any, ...]]:
    """The stages' names, techniques and fits. What would undo what an earlier one made is left out."""
    found: list[tuple[Any, ...]] = []
    if settings.equalize == "first":
        found.append(("equalized", tfc.Equalize()))
    if settings.pruning_ratio:
        criterion = CRITERIA[settings.channel_criterion]()
        removal = tfc.PruneChannels(settings.pruning_ratio, criterion=criterion, comparison=settings.channel_comparison)
        found.append(("channels", removal, fit))
    if settings.final_sparsity:
        found.append(("pruned", zeros(settings), fit))
    if settings.equalize == "last" and not settings.num_clusters:  # it would multiply shared values apart
        found.append(("equalized", tfc.Equalize()))
    if settings.num_clusters:
        found.append(("clustered", tfc.Cluster(settings.num_clusters), fit))
    if settings.quantize_aware:
        found.append(("quantized", tfc.QuantizeAware(), fit))
    elif not settings.num_clusters and settings.weight_bits == 8 and settings.rounding != "nearest":
        found.append(("rounded", ROUNDING[settings.rounding]()))
    return found


def zeros(settings: Settings) -> Any:
    """Pruning by magnitude: tfmot's where each kernel has its share, ours where all are ranked together."""
    schedule = SCHEDULES[settings.sparsity_schedule]()
    if settings.sparsity_comparison == "per layer":
        return tfc.PruneLowMagnitude(settings.final_sparsity, schedule)
    return tfc.PruneWeights(settings.final_sparsity, schedule=schedule, comparison=settings.sparsity_comparison)


def fit_of(settings: Settings, data: tfc.Data, task: tfc.Task | None) -> tfc.Fit:
    """How each stage is trained; with the original as a teacher, if wanted."""
    rate = tfc.CosineDecay(settings.learning_rate)
    fit: tfc.Fit = tfc.KerasFit(
        data, settings.epochs, learning_rate=rate, optimizer="adam", seed=settings.seed + 1, task=task
    )
    if not settings.distil:
        return fit
    loss = LOSSES[settings.distillation_loss](settings.temperature)
    classes = isinstance(task or data.task, tfc.Classification)
    return tfc.distilled(fit, "original", loss if classes else None)  # None: the usual loss of other tasks


def exporter(settings: Settings, build: Callable[[], Any]) -> tfc.Exporter:
    """Int8, or four bits where a layer can have them; training with int8's rounding has chosen int8."""
    if settings.quantize_aware or settings.weight_bits == 8:
        return tfc.Int8()
    whole = eight_bits(build, settings.wide_ends)
    return tfc.MixedPrecision(settings.weight_bits, {whole: 8} if whole else {})


@functools.cache
def eight_bits(build: Callable[[], Any], wide_ends: bool) -> tuple[str, ...]:
    """The names of the layers whose kernels keep eight bits where others have four."""
    layers = [layer for layer in inner(build()) if any("kernel" in weight.name for weight in layer.weights)]
    ends = {layers[0].name, layers[-1].name} if wide_ends and layers else set()
    return tuple(each.name for each in layers if each.name in ends or type(each).__name__ not in IN_INT4)


def inner(model: Any) -> Iterator[Any]:
    """The layers of a model, and of the models in it."""
    for layer in model.layers:
        yield from inner(layer) if hasattr(layer, "layers") else [layer]


@functools.cache
def build_of(path: str) -> Callable[[], Any]:
    """What makes the model of the job."""
    return functools.partial(loaded, job_of(path)["model"])


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
