"""For those who tune with keras-tuner: what a search may try, as its `HyperModel`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .api import expect_data, task_for
from .core.extras import require_extra
from .core.progress import Printed, Progress, Silent
from .core.tasks.task import Task
from .core.types import Data
from .searching.budget import Budget


def compression_hypermodel(
    model: Any,
    data: Data,
    budget: Budget,
    *,
    task: Task | None = None,
    validation_share: float = 0.2,
    seed: int = 0,
    out: str | Path = "saved_models/model-search",
    verbose: int | Progress = 0,
    name: str = "model",
    **settings: Any,
) -> Any:
    """Gives a `keras_tuner.HyperModel` that compresses a model, for a tuner of keras-tuner's or one of your own.

    Its `fit` runs a trial as `search` does, and gives the tuner figures of the exported file on validation examples:
    "score", one number that is the smaller the better, beyond 1 where a bound is exceeded; "drop", "zipped_bytes", and
    the others of the budget. Each can be the objective: `keras_tuner.Objective("score", "min")`. A recipe that was run
    before, in another process too, is not run again. The files lie in `out`, in trials/; `outcome()` of what comes out
    has the Pareto set and the best. The model that `build` gives is an empty one of Keras 3, so
    `tuner.get_best_models()` has nothing to give.

    Args:
      model: a trained model of `keras` or `tf_keras`, or the path of its file. It stays as it is.
      data: what `dataset` makes of your examples, or another `Data`.
      budget: what a file may cost, and what is to be least.
      task: what is asked of the model. Defaults to None: what the data says, else what the model was compiled with.
      validation_share: of the training examples, in (0, 0.9], where the data has no validation split. Defaults to 0.2.
      seed: of the trainings. Defaults to 0.
      out: the folder of the search. Defaults to "saved_models/model-search".
      verbose: 1 prints a line for each piece of work, 0 nothing; or a `Progress` of your own. Defaults to 0.
      name: the files' names begin with it. Defaults to "model".
      **settings: of the recipe own_model, which then are not searched, such as epochs=1.

    Raises:
      InvalidValue: when model, data and task do not fit each other.
      MissingExtra: when keras-tuner is not installed.

    Example:

    >>> import tfcompress as tfc
    >>> model, budget = tfc.simple_cnn((8, 8, 1)), tfc.Budget(max_drop=0.01)
    >>> tfc.compression_hypermodel(model, tfc.Digits(), budget, epochs=0)  # yours is a trained model
    Traceback (most recent call last):
    ...
    tfcompress.core.errors.InvalidValue: epochs must be at least 1. Received: 0. Use --set epochs=1 or more.
    """
    from .models_io.loading.door import load_model
    from .searching.general import general_settings, general_subject
    from .searching.space import space_of
    from .searching.tuner.hypermodel import OneByOne, hypermodel_of

    owner = "compression_hypermodel"
    expect_data(data, owner)
    base = general_settings(settings, seed, owner)
    space = space_of(base, frozenset(settings), owner)
    require_extra("search", owner)
    arrived = load_model(model)
    subject = general_subject(arrived, data, task_for(arrived, data, task), name, base)
    progress = (Printed() if verbose else Silent()) if isinstance(verbose, int) else verbose
    return hypermodel_of(OneByOne(subject, space, budget, Path(out), progress, validation_share, seed))
