"""The door for those who have a tuner of keras-tuner's, or one of their own: a search whose choices come from it."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.extras import require_extra
from ...core.progress import Progress
from ...running.order.following import require_order
from ...running.records import StageRecord
from ...running.store import Store
from ..about import about
from ..budget import Budget
from ..candidates import told_apart
from ..found.outcome import Outcome, outcome_of
from ..journal import DONE, NAME, Journal, TrialRecord
from ..scored import scored
from ..space import Space
from ..trials import Subject, Trials, check_of
from .hyperparameters import declare, decoded
from .oracles import SCORE, in_epochs

ON_ITS_WAY = "the tuner has not said that it is over"


@dataclasses.dataclass
class OneByOne:
    """A search in `root` that is given its choices one at a time; each recipe is run once, in this process or before.

    Attributes:
      subject: what is searched.
      space: its settings that may be tried.
      budget: what a file may cost.
      root: the folder, as `tfc.search` makes it.
      progress: where messages go.
      share: of the training examples that are held out.
      seed: for the journal, as that of `tfc.search`.
    """

    subject: Subject
    space: Space
    budget: Budget
    root: Path
    progress: Progress
    share: float
    seed: int
    base: StageRecord | None = None

    def __post_init__(self) -> None:
        recipe = scored(self.subject.make(self.subject.settings), self.share, (check_of(self.budget),))
        require_order(recipe)
        recipe.data.require()
        self.started = time.monotonic()
        self.space = told_apart(self.space, self.subject)
        self.journal = Journal(
            self.root / NAME, about(self.subject, self.space, self.budget, self.share, self.seed, recipe)
        )
        self.trials = Trials(self.root, self.subject, self.budget, self.share, self.progress)

    def trial(self, chosen: Mapping[str, Any]) -> TrialRecord:
        """The trial of a choice: a finished one where the recipe was run before.

        Raises:
          OutputError, DataError, MissingExtra: of which the next trial would die as well.
        """
        key = self.space.key(chosen)
        found = next((trial for trial in self.journal.trials if self.space.key(trial.settings) == key), None)
        if found is not None and self.base is not None:
            return found
        store, is_finished = Store(self.root), False
        store.open()
        try:
            self.base = self.base or self.trials.reference()
            if found is None:
                number = len(self.journal.trials) + 1
                found = self.trials.run(number, chosen, self.space.settings(chosen), self.base)
                self.journal.add(found)
            is_finished = True
        finally:
            store.close(is_finished)
        return found

    def figures(self, trial: TrialRecord) -> dict[str, float]:
        """What a tuner is given of a trial: the score, and what was measured."""
        return {SCORE: self.budget.score(trial.figures, self.outcome().bounds), **trial.figures}

    def outcome(self) -> Outcome:
        """What was found so far; the test split is not looked at."""
        if self.base is None:
            raise RuntimeError("there is no outcome before the first trial")
        return outcome_of(
            self.subject.name,
            self.budget,
            self.space,
            self.journal,
            self.base,
            why_ended=ON_ITS_WAY,
            seconds=self.journal.seconds,
        )


def hypermodel_of(work: OneByOne) -> Any:
    """A keras_tuner.HyperModel whose `fit` runs a trial.

    keras-tuner 1.4.8 rejects the models of tf_keras (keras-tuner #1039), so `build` gives it an empty one of Keras 3,
    and `fit` the figures of the exported file.
    """
    require_extra("search", "compression_hypermodel")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import keras
        import keras_tuner
        from keras_tuner.errors import FailedTrialError

    class CompressionHyperModel(keras_tuner.HyperModel):  # type: ignore[misc]
        """Says what may be tried, and measures what a tuner chooses."""

        def build(self, hp: Any) -> Any:
            declare(work.space, hp)
            model = keras.Sequential([keras.Input((1,))], name="in_the_run_folder")
            model.compile(loss="mse")  # so that a tuner can ask for its optimizer, and its build
            return model

        def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            trial = work.trial(decoded(work.space, in_epochs(work.space, hp.values)))
            if trial.status != DONE:
                raise FailedTrialError(f"Trial {trial.number} {trial.status}: {trial.reason}")
            return work.figures(trial)

        def outcome(self) -> Outcome:
            """What was found so far."""
            return work.outcome()

    return CompressionHyperModel()
