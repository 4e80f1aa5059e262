"""Distillation as a way of fitting: whatever trains by a `Fit` can train under a teacher, pruning and QAT included."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.contracts import FitWithViews, data_in
from ..core.errors import InvalidRecipe, InvalidValue, expect
from ..core.tasks.presets import Classification
from ..core.tasks.task import CLASSES, Output
from ..core.types import Fit
from ..fitting.objective import objective_in, tells_task
from ..measuring.outputs import output_specs
from .losses.asking import LayerLoss
from .losses.weighted import parts_of
from .teacher_cache.cache import TeacherCache

if TYPE_CHECKING:
    from .teacher_cache.logits import TeacherLogitCache


@dataclasses.dataclass(frozen=True)
class DistilledFit:
    """What `distilled` gives: `fit`, but listening to `teacher`."""

    fit: Fit
    teacher: Any
    loss: Callable[..., Any] | Mapping[str, Callable[..., Any]] | None = None
    student_loss_weight: float = 0.1
    cache: bool | str | Path | TeacherCache = False

    def __post_init__(self) -> None:
        weight = self.student_loss_weight
        expect(0 <= weight <= 1, self, "student_loss_weight", "must be in [0, 1]", "Use 0.1.")

    @property
    def steps(self) -> int:
        """Optimizer steps in one call: those of `fit`."""
        return self.fit.steps

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the stages whose models this fit asks for."""
        return tuple(teacher for teacher in self._teachers if isinstance(teacher, str))

    @property
    def _teachers(self) -> tuple[Any, ...]:
        return tuple(self.teacher) if isinstance(self.teacher, list | tuple) else (self.teacher,)

    def resolve(self, models: Mapping[str, Any]) -> DistilledFit:
        """The same fit with the teachers' names replaced by their models."""
        teachers = tuple(models[teacher] if isinstance(teacher, str) else teacher for teacher in self._teachers)
        return dataclasses.replace(self, teacher=teachers if len(teachers) > 1 else teachers[0])

    def identity(self) -> dict[str, Any]:
        """What makes a student's weights: where a teacher's outputs are kept does not."""
        return {
            "type": "DistilledFit",
            "teacher": self._teachers if len(self._teachers) > 1 else self._teachers[0],
            "fit": self.fit,
            "loss": self.loss,
            "student_loss_weight": self.student_loss_weight,
            "cache": self._cache.identity() if self._cache else False,
        }

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Trains `model` in place as the student and returns the Keras History."""
        from ..backend.replicas import scope_of_strategy
        from .distiller import Distiller  # a Keras class: only now is TensorFlow needed

        if self.needs:
            raise InvalidRecipe(
                f"distilled(teacher=...) expects a Keras model outside a recipe. Received: {self.teacher!r}. "
                "Load the model and give it instead of a stage's name."
            )
        with scope_of_strategy(model):
            outputs = self._outputs(model)
            kept = self._kept_logits(self._cache, outputs) if self._cache else None
            weight = self.student_loss_weight
            distiller = Distiller(model, self._teachers, self.loss, weight, self.steps, kept, outputs)
            return self.fit(distiller, callbacks)

    def _outputs(self, model: Any) -> tuple[Output, ...] | None:
        """What the student's outputs say; None where neither the fit nor its data knows."""
        data = data_in(self.fit)
        if data is None or not tells_task(self.fit, data):
            return None
        return objective_in(self.fit, model, data, "distilled").task.outputs

    @property
    def _cache(self) -> TeacherCache | None:
        if isinstance(self.cache, TeacherCache):
            return self.cache
        return TeacherCache(None if self.cache is True else self.cache) if self.cache else None

    def _kept_logits(self, cache: TeacherCache, outputs: tuple[Output, ...] | None) -> TeacherLogitCache:
        """What `cache` holds of the teachers' logits in the views of `fit`, checked to be theirs."""
        from ..backend.replicas import in_one_replica
        from .distiller import ask
        from .teacher_cache.logits import TeacherLogitCache
        from .teacher_cache.rows import LogitRows

        fit = self.fit
        if not isinstance(fit, FitWithViews):
            raise InvalidValue(
                "distilled.cache needs a fit whose views of an example can be made again. Received: "
                f"{type(fit).__name__}. Use KerasFit, or cache=False."
            )
        known = outputs or Classification().bind(output_specs(self._teachers[0])).outputs
        if len(known) > 1 or known[0].kind != CLASSES or known[0].rank != 2:
            raise InvalidValue(
                "distilled.cache keeps logits (N, classes). Received: a model with other outputs "
                f"({', '.join(each.name for each in known)}). Use cache=False."
            )
        if callable(self.loss) and any(isinstance(part, LayerLoss) for part, _ in parts_of(self.loss)):
            raise InvalidValue(
                "distilled.cache keeps a teacher's logits. Received: a loss that compares layers. Use cache=False."
            )
        folder, about = cache.place(self._teachers, fit)
        rows = LogitRows(self._teachers[0].output_shape[-1], cache.top_k, cache.dtype)
        kept = TeacherLogitCache(folder, len(fit.data.train), rows, about)

        def logits(view: int, indices: Any) -> Any:
            inputs = fit.view(view, indices)
            return in_one_replica(lambda: ask(self._teachers, inputs, known)[0]).numpy()

        kept.require_agreement(logits, fit.num_views)
        kept.hold(fit.num_views)
        return kept


def distilled(
    fit: Fit,
    teacher: Any,
    loss: Callable[..., Any] | Mapping[str, Callable[..., Any]] | None = None,
    student_loss_weight: float = 0.1,
    cache: bool | str | Path | TeacherCache = False,
) -> DistilledFit:
    """Makes `fit` listen to a teacher: the labels count with `student_loss_weight`, the teacher with the rest.

    Args:
      fit: how the student trains.
      teacher: a Keras model with the student's inputs and classes; in a recipe, the name of an earlier stage; or a
        tuple of several, whose mean probabilities teach. It may be the student's own earlier self, or smaller than the
        student.
      loss: (teacher logits, student logits) -> loss of each example, a loss of layers, or a `WeightedSum`; or a dict of
        these by output name. Defaults to None: `SoftTargets()` where an output names classes, else the mean squared
        error of its numbers.
      student_loss_weight: weight of the labels, in [0, 1]. Defaults to 0.1.
      cache: whether the teacher's logits are computed once and kept on disk, for as many views as `fit` has: True for
        ~/.cache/tfcompress/teachers, a folder, or a `TeacherCache`. Defaults to False.

    Returns:
      A `Fit`. To prune while distilling, give it to `PruneLowMagnitude.apply`; for QAT, to `QuantizeAware.apply`.

    Example:

    >>> import tfcompress as tfc
    >>> fit = distilled(tfc.KerasFit(tfc.Digits(), epochs=1), teacher="baseline", loss=tfc.SoftTargets(2.0))
    >>> fit.steps, fit.needs
    (22, ('baseline',))

    Reference: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015,
    https://arxiv.org/abs/1503.02531
    """
    return DistilledFit(fit, teacher, loss, student_loss_weight, cache)
