"""What some fits, data, starts and models offer beyond their protocol: optional, and asked for by `isinstance`.

A class of one's own offers one of these by having its members; it needs no base class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from .examples.notes import Notes
from .types import Data, Fit, Recipe

if TYPE_CHECKING:
    from .tasks.task import Task
    from .types import Model

T = TypeVar("T")


@runtime_checkable
class FitWithData(Protocol):
    """A fit that says what it trains on, so that a technique can look at examples of it (`KerasFit`)."""

    @property
    def data(self) -> Data:
        """What it trains on."""


@runtime_checkable
class DataWithNotes(Protocol):
    """Data that says what an app must know to run a model of it (`TextTable`, `SpokenDigits`)."""

    def notes(self) -> Notes:
        """Of the inputs and the outputs of a model of this data."""


@runtime_checkable
class DataWithSounds(Protocol):
    """Data whose inputs are made of clips of sound by a formula (`SpokenDigits`, `AudioFolder`)."""

    @property
    def features(self) -> Any:
        """The formula: `LogMel`."""

    def sample_clips(self, num_examples: int) -> Any:
        """So many clips, (N, num_samples) in [-1, 1], of the test split."""


@runtime_checkable
class DataWithTestClips(Protocol):
    """Data whose inputs are made of clips of sound that can be heard (`SpokenDigits`, `AudioFolder`)."""

    def test_clips(self, numbers: Sequence[int]) -> Any:
        """The clips of these examples of the test split, (N, num_samples) in [-1, 1]."""


@runtime_checkable
class FitWithTask(Protocol):
    """A fit that knows what is asked of the model that it trains (`KerasFit`)."""

    @property
    def task(self) -> Task | None:
        """What is asked of the model; None: what the data says."""

    @property
    def loss(self) -> Any:
        """Of Keras, or a dict of them by output name; None: the task's."""

    @property
    def loss_weights(self) -> Mapping[str, float] | None:
        """By output name; None: the task's."""


@runtime_checkable
class FitAroundFit(Protocol):
    """A fit that trains by another one (`DistilledFit`)."""

    @property
    def fit(self) -> Fit:
        """The fit inside."""


@runtime_checkable
class FitInBatches(Protocol):
    """A fit that says how many examples a step takes."""

    @property
    def batch_size(self) -> int:
        """Examples in a step."""


@runtime_checkable
class FitOnReplicas(Protocol):
    """A fit that knows which numbers of replicas it can train on; others are taken to train on any."""

    def require_replicas(self, number: int) -> None:
        """Raises `InvalidValue` when it cannot train on so many replicas."""


@runtime_checkable
class FitWithViews(FitWithData, Protocol):
    """A fit whose augmented views of an example can be made again, so that a teacher's logits can be kept on disk."""

    @property
    def augment(self) -> tuple[Any, ...]:
        """The changes of the inputs, with `seed` all that makes the views."""

    @property
    def seed(self) -> int:
        """Of the augmentation."""

    @property
    def num_views(self) -> int:
        """Views of an example that a training goes through, one an epoch, in turn."""

    def view(self, number: int, indices: Any) -> Any:
        """Inputs of the training examples at `indices` in view `number`, (len(indices), ...)."""


@runtime_checkable
class NeedsStages(Protocol):
    """A fit or technique that asks for the models of earlier stages: those of teachers that it knows by name."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages' names."""

    def resolve(self: T, models: Mapping[str, Model]) -> T:
        """The same with models in the place of the names."""


@runtime_checkable
class TrustedStart(Protocol):
    """A start from a file that may hold code (`ModelFile`)."""

    @property
    def trust(self) -> bool:
        """Whether the code may run; it then may in the models that a run makes of this one, too."""


@runtime_checkable
class DataWithScalings(Protocol):
    """Data whose inputs can be scaled in several ways, so that an evaluation can tell which one a model wants."""

    @property
    def scalings(self) -> tuple[str, ...]:
        """The names of the ways."""

    def with_scaling(self, scaling: str) -> Data:
        """The same examples, scaled in another way."""


@runtime_checkable
class DataWithClassNames(Protocol):
    """Data whose classes have names."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""


@runtime_checkable
class KeptLogits(Protocol):
    """A teacher's logits on disk (`TeacherLogitCache`)."""

    def recall(self, views: Any, indices: Any) -> Mapping[str, Any]:
        """In a tf.data pipeline: tensors about these examples in these views, (batch, ...), by name."""


@runtime_checkable
class TaughtModel(Protocol):
    """A model that trains a student under a teacher (`Distiller`)."""

    @property
    def student(self) -> Model:
        """The model inside, whose outputs are those of this one."""

    @property
    def kept_logits(self) -> KeptLogits | None:
        """Where the teacher's logits are kept; a fit then gives what they recall beside the inputs."""


@runtime_checkable
class CheckWithNeeds(Protocol):
    """A check that needs something of the machine, such as a driver, and can tell at once whether it is there."""

    @property
    def name(self) -> str:
        """As the report calls it."""

    def missing(self) -> tuple[str, str] | None:
        """The reason why it cannot run here, whatever the file, and what to do; None where it may."""


@runtime_checkable
class ResumableCallback(Protocol):
    """A Keras callback whose state is in the model and its optimizer alone, or comes back by `resumed`.

    It may have `kept_variables`, a list of tf.Variables: they are kept, and have their values again before `resumed`.
    """

    def resumed(self, done: int, epochs: int, history: Mapping[str, list[float]]) -> None:
        """Hears, before training begins, that `done` of its epochs were done by another process, with these logs."""


@runtime_checkable
class Identified(Protocol):
    """What says itself what it is, so that what is made from it can be found again."""

    def identity(self) -> Any:
        """All that tells this object from others of its class, as values, functions or arrays; None: nothing does.

        It counts alone: change what it returns whenever the object does something else.
        """


@runtime_checkable
class KeepsRows(Protocol):
    """A source whose examples are kept on disk, in the folder for temporary files, once they were asked for."""

    def bytes_to_keep(self, indices: Any) -> int:
        """What will be written when these examples are asked for; those that are there already do not count."""


@runtime_checkable
class Versioned(Protocol):
    """What has parts that nobody can compare (a connection, a stream): `version` counts in their place."""

    @property
    def version(self) -> str | int | float:
        """Another one whenever the object does something else."""


def trusts_code(recipe: Recipe) -> bool:
    """Whether code in the models of a recipe may run: the user trusts the file that it starts from."""
    starts = (stage.start for stage in recipe.stages)
    return any(isinstance(start, TrustedStart) and start.trust for start in starts)


def layers_of_fit(fit: Fit | None) -> Iterator[Fit]:
    """`fit`, the fit that it wraps, and so on; nothing for None."""
    while fit is not None:
        yield fit
        fit = fit.fit if isinstance(fit, FitAroundFit) else None


def data_in(fit: Fit | None) -> Data | None:
    """What `fit`, or a fit inside of it, trains on; None when none says.

    >>> from types import SimpleNamespace
    >>> data_in(SimpleNamespace(fit=SimpleNamespace(fit=SimpleNamespace(data="examples"))))
    'examples'
    """
    found = (each.data for each in layers_of_fit(fit) if isinstance(each, FitWithData))
    return next((data for data in found if data is not None), None)


def needs_of(*parts: object) -> tuple[str, ...]:
    """The names of the stages whose models these fits and techniques ask for, each once."""
    return tuple(dict.fromkeys(name for part in parts if isinstance(part, NeedsStages) for name in part.needs))


def resolved(part: T, models: Mapping[str, Model]) -> T:
    """A fit or technique with the models of the stages that it asks for; as it is, where it asks for none."""
    return part.resolve(models) if isinstance(part, NeedsStages) and part.needs else part
