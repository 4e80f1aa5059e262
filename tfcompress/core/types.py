"""The nouns of the project: data, fit, technique, stage, artifact, check, finding, advice, recipe.

Values are frozen dataclasses, so that their settings can be printed, compared and stored; what does the work is a
protocol, so that a user's own class needs no base class of ours. Nothing here imports TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

from .examples.nests import Nest, mapped
from .examples.source import Source
from .examples.spool import Spool
from .tasks.presets import Classification
from .tasks.task import BoundTask, OutputSpec, Task

if TYPE_CHECKING:
    import numpy as np

    Model = Any  # a tf_keras.Model; the name is for the reader, backend/tensorflow.py is the only importer


class Data:
    """A data set as a value: what it is is known at once, its examples are read when first asked for.

    A subclass is a frozen dataclass with `title` and `load()`, which gives the training and the test split; with
    `num_classes` it is for `Classification`, else it may say its `task`. Stored inputs become what a model sees by
    `stored * scale + offset`, so that images stay in memory as bytes; each of the two is a number, or one for each
    channel. Where they are 1 and 0, inputs are what is stored.

    A run reuses what an earlier one made from the same data. It compares the code of the class, its fields, and the
    examples that `load` gives. A subclass whose examples take long to read sets `version`, which then counts in their
    place, or has a method `identity()` (`Identified`), which counts in place of everything.
    """

    title: str
    num_train: int
    num_classes: int
    input_shape: tuple[int, ...]
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    seen_as: str | None = None  # the dtype of what a model sees; None: float32 where inputs are scaled, else as stored
    version: str | int | None = None

    @property
    def task(self) -> Task | None:
        """What is asked of a model of this data, as far as the data knows."""
        return Classification() if hasattr(self, "num_classes") else None

    def require(self) -> None:
        """Makes sure, quickly, that `load` can find the data. Raises `DataUnavailable`; does nothing by default."""

    def load(self) -> tuple[Source, Source]:
        """Reads the training and the test split. Raises `DataUnavailable` or `DataCorrupt`."""
        raise NotImplementedError

    @cached_property
    def _splits(self) -> tuple[Source, Source]:
        return self.load()

    @property
    def train(self) -> Source:
        """The split that models are trained and calibrated on."""
        return self._splits[0]

    @property
    def test(self) -> Source:
        """The split that models are evaluated on; nothing is ever fitted to it."""
        return self._splits[1]

    @property
    def validation(self) -> Source | None:
        """The split that a search looks at, beside both; None where the data has none, and a search holds some out."""
        return None

    @cached_property
    def test_on_disk(self) -> Spool:
        """The stored inputs of the test split as files, for child processes."""
        return self.test if isinstance(self.test, Spool) else Spool(self.test)

    @property
    def is_scaled(self) -> bool:
        """Whether inputs are something else than what is stored."""
        return self.scale != 1.0 or self.offset != 0.0 or self.seen_as is not None

    def model_inputs(self, stored: Nest) -> Nest:
        """What the model sees of stored inputs: `stored * scale + offset` in float32, or what is stored."""
        import numpy as np

        if not self.is_scaled:
            return stored
        scale, offset = np.asarray(self.scale, "float32"), np.asarray(self.offset, "float32")
        return mapped(lambda array: array.astype("float32") * scale + offset, stored)


@runtime_checkable
class Fit(Protocol):
    """How we train: `compile` and `fit`, the Keras way. Distillation is a way of fitting, so it is a `Fit` too."""

    @property
    def steps(self) -> int:
        """Optimizer steps in one call."""

    def __call__(self, model: Model, callbacks: Sequence[Any] = ()) -> Any:
        """Trains `model` in place and returns the Keras History."""


@runtime_checkable
class Augmentation(Protocol):
    """A change of training inputs that leaves their class alone, drawn by (seed, epoch, example)."""

    def __call__(self, inputs: Any, key: Any, indices: Any) -> Any:
        """Stored inputs (batch, ...) changed as `key`, (seed, epoch), and the examples' `indices` (batch,) draw it."""


@runtime_checkable
class AugmentationOfTargets(Augmentation, Protocol):
    """An augmentation that moves what is in an image, and the targets that say where it is: masks, boxes."""

    def moved_targets(self, targets: Any, key: Any, indices: Any) -> Any:
        """Targets (batch, ...) changed as the same `key` and `indices` change the inputs."""


@runtime_checkable
class Mixing(Protocol):
    """An augmentation that makes one training example of two, and their labels' shares with them."""

    def partners(self, num_examples: int, key: Any, indices: Any) -> tuple[Any, Any]:
        """For each of `indices` (batch,) another example, and the first one's share in [0, 1] of what is made."""


FLOAT32: Final = "float32"
Bits: TypeAlias = int | Literal["float32"]  # of weights in a file; FLOAT32: they stay as they are

SPARSITY = "sparsity"  # zeros in kernels
CLUSTERS = "clusters"  # few distinct values in a kernel
LEVELS = "levels"  # few levels at equal steps in a kernel, for each scale that it has
INT8_RANGES = "int8 ranges"  # fake quantization, with the ranges that int8 needs
CHANNELS = "channels removed"  # kernels with fewer weights; measured as the share of their weights that is gone
FOR_GOOD = frozenset({CHANNELS})  # what no technique can undo, and each keeps


@dataclasses.dataclass(frozen=True)
class Promise:
    """What a stage makes of a model: a kind, the kernels it is about, and how much.

    `at_least` is for `SPARSITY` the least share of zeros, `at_most` for `CLUSTERS` and `LEVELS` the number of values;
    for `CHANNELS`, `at_least` is the share of the kernels' `num_weights` that is gone.
    """

    kind: str
    at_least: float = 1.0
    kernels: tuple[str, ...] = ()  # "layer/kernel", as measuring/measure.py names them
    at_most: int = 0
    num_weights: int = 0
    together: bool = False  # whether the share of zeros is that of all kernels together, wherever they are


@runtime_checkable
class Technique(Protocol):
    """One method of compression: its fields are its settings, `apply` gives a compressed model of a model.

    It is a `Transform`, a `CalibratedTransform` or a `TrainedTransform`, by what `apply` takes beside the model. The
    model that comes in stays as it is. What there is to say about it is said by `remark`.
    """

    @property
    def makes(self) -> frozenset[str]:
        """The kinds of promise that this technique gives."""

    @property
    def keeps(self) -> frozenset[str]:
        """The kinds of promise of earlier stages that survive it."""

    @property
    def takes(self) -> Literal["nothing", "data", "fit"]:
        """What `apply` takes beside the model."""

    def promises(self, model: Model) -> tuple[Promise, ...]:
        """What this very model will have afterwards."""


class Transform(Technique, Protocol):
    """A technique that takes nothing beside the model."""

    @property
    def takes(self) -> Literal["nothing"]:
        """Nothing."""

    def apply(self, model: Model) -> Model:
        """Gives the changed model."""


class CalibratedTransform(Technique, Protocol):
    """A technique that looks at examples, and trains nothing."""

    @property
    def takes(self) -> Literal["data"]:
        """The data."""

    def apply(self, model: Model, data: Data) -> Model:
        """Gives the changed model."""


class TrainedTransform(Technique, Protocol):
    """A technique that trains: it wraps the model, fits it and unwraps it."""

    @property
    def takes(self) -> Literal["fit"]:
        """The fit."""

    def apply(self, model: Model, fit: Fit) -> Model:
        """Gives the changed model, trained by `fit`."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A step of a recipe: `technique`, with a `fit` if it trains, on the previous stage's model or on `start`."""

    name: str
    technique: Transform | CalibratedTransform | TrainedTransform
    fit: Fit | None = None
    start: Callable[[], Model] | str | None = None  # a builder, an earlier stage's name, or None: the previous stage


@dataclasses.dataclass(frozen=True)
class Artifact:
    """An exported file and what it claims to be."""

    path: Path
    mode: str  # "float32", "float16", "dynamic_range", "int8"
    raw_bytes: int
    zipped_bytes: int
    sha256: str
    inputs: tuple[str, ...] = ()  # the Keras model's, in its order; empty for a file of unknown origin
    outputs: tuple[OutputSpec, ...] = ()  # likewise
    needs_reset: bool = False  # whether it keeps states in variables, which an app must reset before each call
    states: tuple[tuple[str, str], ...] = ()  # inputs that take what outputs gave in the call before, in pairs by name
    layers: tuple[str, ...] = ()  # the Keras model's, by which an operation is named; empty where they are not known
    is_raw: bool = False  # whether it takes inputs as they are stored, and has the data's scale and offset inside
    activation: str = ""  # "softmax" or "sigmoid" that was added behind the model's output
    beside: tuple[str, ...] = ()  # names of what was written into the same folder: a page, a file that takes sound


@runtime_checkable
class Exporter(Protocol):
    """A way of writing a model as a file."""

    @property
    def mode(self) -> str:
        """What the file is, for its name."""

    def convert(self, model: Model, data: Data | None, path: Path) -> Artifact:
        """Writes `path` whole or not at all; `data` to calibrate with, None where nothing is calibrated."""


@dataclasses.dataclass(frozen=True)
class Latency:
    """Time of one inference at batch 1, in milliseconds."""

    median_ms: float
    p90_ms: float
    num_runs: int
    num_threads: int
    quantiles_ms: tuple[float, ...] = ()  # the least, those of each twentieth of the runs, and the most


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How an output compares between two runs of one model, over the same examples.

    The mean over the examples is taken off before `sqnr_db` and `cosine` (see `core.tasks.metrics.closeness`).
    `top_1_agreement` is the share of equal classes, pixels or labels; None where outputs name none.
    """

    sqnr_db: float
    cosine: float
    largest_difference: float
    top_1_agreement: float | None = None


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An operation that a delegate would not take, and its own words for why."""

    op: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check saw: its `status` is "pass", "fail" or "not run"; `reason` says why, and `fix` what to do."""

    check: str
    status: str
    reason: str = ""
    fix: str = ""
    device: str = ""
    num_examples: int = 0
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)  # of the task, the headline first
    agreement: Mapping[str, Mapping[str, Agreement]] = dataclasses.field(default_factory=dict)  # with a run, by output
    latency: Latency | None = None
    peak_memory_bytes: int | None = None
    num_ops: int | None = None  # operations in the file
    num_delegated_ops: int | None = None  # of these, run by the delegate that is asked about
    refusals: tuple[Refusal, ...] = ()
    arena_bytes: int | None = None  # the least tensor arena, on a microcontroller
    # (N, ...) by name, mapped from disk; not stored
    outputs: Mapping[str, np.ndarray] | None = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Advice:
    """A fault that was measured, and what mends it.

    Attributes:
      cause: what kind of fault it is, in a few words: "outlier channel".
      sentence: what was seen, with its figures, and what mends it.
      layer: of the Keras model; None where it is about the whole.
      worth: what following it brings, as far as a measurement says, with how it is known; None where none does.
      follow: what to type.

    >>> str(Advice("pooling", "The pooling 'pool' uses 9 of 256 levels.", "pool", "18 -> 34 dB", "use MEAN"))
    "The pooling 'pool' uses 9 of 256 levels. Worth: 18 -> 34 dB. Next: use MEAN."
    """

    cause: str
    sentence: str
    layer: str | None = None
    worth: str | None = None
    follow: str = ""

    def __str__(self) -> str:
        worth = f" Worth: {self.worth}." if self.worth else ""
        return f"{self.sentence}{worth}{f' Next: {self.follow}.' if self.follow else ''}"


@runtime_checkable
class Check(Protocol):
    """A test of an exported file."""

    @property
    def name(self) -> str:
        """As the report calls it."""

    def run(
        self,
        artifact: Artifact,
        data: Data,
        against: Mapping[str, Mapping[str, np.ndarray]],
        task: Task | BoundTask | None = None,
    ) -> Finding:
        """Runs the file on the test split.

        `against` are other runs by name, each with its outputs (N, ...) by the model's names for them; `task` says what
        outputs mean, by default that of the data.
        """


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is made of what, in which order, and how it is checked."""

    data: Data
    stages: tuple[Stage, ...]
    exports: Mapping[str, tuple[Exporter, ...]]  # stage name -> the files made of its model
    checks: tuple[Check, ...]
    seed: int = 0
    task: Task | None = None  # what is asked of the models; None: the data says it
