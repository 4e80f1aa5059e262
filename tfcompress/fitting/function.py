"""A training loop of one's own as a fit: a function that trains a model."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..backend.tensorflow import keras
from ..core.errors import InvalidValue, NothingHappened, expect
from ..core.remarks import remark
from ..core.tasks.task import Task
from ..core.types import Data
from ..data.dataset import as_data


@dataclasses.dataclass(frozen=True)
class FunctionFit:
    """What `fit` gives: training by a function of one's own."""

    function: Callable[..., Any]
    steps: int
    data: Data | None = None
    task: Task | None = None
    loss: Any = None
    loss_weights: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        expect(self.steps >= 1, self, "steps", "must be at least 1", "Use epochs times batches in one.")
        if self.data is not None:
            object.__setattr__(self, "data", as_data(self.data, "fit.data"))
        try:
            inspect.signature(self.function).bind(None, [])
        except (TypeError, ValueError) as error:
            raise InvalidValue(
                "fit.function must take the model and a list of Keras callbacks, which techniques work by. Received: "
                f"{getattr(self.function, '__name__', self.function)!r}, where {error}. Write def train(model, "
                "callbacks): ..., and give the callbacks to model.fit."
            ) from error

    def __call__(self, model: Any, callbacks: Sequence[Any] = ()) -> Any:
        """Trains `model` in place and returns what the function returns.

        Raises:
          NothingHappened: when the function trained without the callbacks that it was given, or not at all.
        """
        seen: list[int] = []
        counting = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
        found = self.function(model, [*callbacks, counting])
        if not seen:
            raise NothingHappened(
                "fit.function must call model.fit with the callbacks that it is given. Received: no step that they "
                "saw. Write model.fit(..., callbacks=callbacks)."
            )
        if len(seen) != self.steps:
            remark(f"trained for {len(seen):,} steps, where steps={self.steps:,} were said: schedules go by the latter")
        return found


def fit(
    function: Callable[..., Any],
    steps: int,
    *,
    data: Any = None,
    task: Task | None = None,
    loss: Any = None,
    loss_weights: Mapping[str, float] | None = None,
) -> FunctionFit:
    """A training loop of one's own as a `Fit`.

    Args:
      function: (model, callbacks) -> anything: it compiles the model and trains it in place, and gives the callbacks to
        `model.fit`, as pruning and schedules work by them. Under `distilled` the model is the student with its teacher.
      steps: optimizer steps that the function takes in one call: epochs times batches in one.
      data: what it trains on, for techniques that look at examples. Defaults to None: these ask for it.
      task: what is asked of the model, for techniques that look at its loss. Defaults to None: the data's.
      loss: for the same, instead of the task's. Defaults to None.
      loss_weights: likewise. Defaults to None.

    Raises:
      InvalidValue: for a function that takes no callbacks.

    Example:

    >>> def train(model, callbacks):
    ...     model.compile("adam", "mse")
    ...     model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2, batch_size=1, verbose=0, callbacks=callbacks)
    >>> fit(train, steps=4).steps
    4
    """
    return FunctionFit(function, steps, data, task, loss, loss_weights)
