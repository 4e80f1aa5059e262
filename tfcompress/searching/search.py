"""A search from its budget to its outcome: what is left to do is done, and what was found is written."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backend.noise import LOG, noise_to
from ..core.errors import InvalidValue
from ..core.progress import Progress
from ..running.records import StageRecord
from ..running.store import Store
from ..running.strategy import open_team
from .about import about, checked
from .budget import Budget
from .candidates import told_apart
from .engine import HYPERBAND, OPTUNA, Stopped, run_engine
from .figures import text_of
from .found.importance import importance
from .found.outcome import Outcome, outcome_of
from .found.tested import metric_of_reference, metric_of_trial
from .journal import DONE, NAME, Journal, TrialRecord
from .least import Least, least_bytes, require_possible
from .proposals import Observation
from .space import Space
from .stages import FOLDER as STAGES
from .trials import REFERENCE, TRIALS, Subject, Trials
from .tuner.oracles import EPOCHS, most_epochs
from .workers.asking import OracleAsked
from .workers.chief import Chief
from .workers.desk import ALL_DONE, ALL_TRIED, TIME_UP, Desk
from .workers.line import FOLDER as WORKERS
from .workers.place import Place, chosen_place
from .workers.taking_part import take_part

SHARE = 0.2  # of the training examples, held out where the data has no validation split
FAR = 1e6  # an excess that stands for one without end: a figure that was not measured
ENGINE = "engine"  # the folder of keras-tuner's own log
INTERRUPTED = "interrupted"


def run_search(
    subject: Subject,
    space: Space,
    budget: Budget,
    root: Path,
    *,
    num_trials: int,
    progress: Progress,
    hours: float | None = None,
    oracle: Any = OPTUNA,
    share: float = SHARE,
    seed: int = 0,
    fresh: bool = False,
    command: str = "",
    strategy: str | None = None,
    num_workers: int | None = None,
    worker_command: Sequence[str] = (),
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Runs a search in `root`, or goes on with it, and writes outcome.json and outcome.md there.

    Args:
      subject: what is searched.
      space: its settings that may be tried.
      budget: what a file may cost.
      root: the folder of the search.
      num_trials: all of them, those of earlier sittings too.
      progress: where messages go.
      hours: of work, those of earlier sittings too. Defaults to None: no limit.
      oracle: "optuna", "random", "bayesian", "hyperband", or a keras_tuner.Oracle. Defaults to "optuna".
      share: of the training examples that are held out, in (0, 0.9]; the data's own validation split goes before it.
      seed: of what is proposed.
      fresh: whether what is there is moved to earlier/. Defaults to False.
      command: what was typed.
      strategy: under which trainings run: "mirrored", or "mirrored:2". Defaults to None: one device.
      num_workers: that are started on this machine, and run the trials. Defaults to None: this process runs them,
        unless keras-tuner's environment variables say that it is the chief of others, or a worker.
      worker_command: that starts a worker.
      tell: is given the outcome, that of an interrupted search too; in a worker it is not called.

    Raises:
      ImpossibleBudget: before anything is trained, when no file can be as small as that.
      InvalidValue, InvalidRecipe, MissingExtra: before TensorFlow is imported.
      KeyboardInterrupt: when it is interrupted, after `tell` has the outcome so far.
    """
    place = chosen_place(num_workers)
    recipe = checked(subject, space, budget, num_trials, hours, oracle, share, strategy)
    what = about(subject, space, budget, share, seed, recipe)
    if place is not None and not place.is_chief:
        take_part(
            place,
            subject,
            space,
            budget,
            root,
            what,
            share=share,
            progress=progress,
            strategy=strategy,
            command=command,
        )
        return _Search.of_worker(subject, space, budget, root, what, progress, num_trials, share)
    store, is_finished, chief = Store(root), False, None
    store.open(command=command)
    try:
        if fresh:
            for name in (NAME, TRIALS, REFERENCE, STAGES, WORKERS, ENGINE, "outcome.json", "outcome.md", "best.py"):
                store.retire(name)
        journal = Journal(root / NAME, what)
        work = _Search(subject, space, budget, root, journal, progress, hours, num_trials, share, command)
        with noise_to(root / LOG):
            work.trials.strategy = open_team(strategy).strategy if strategy else None
            chief = work.chief = None if place is None else work.listen(place, what, num_workers, worker_command)
            outcome = work.go(oracle, seed, tell)
        is_finished = True
    finally:
        if chief is not None:
            chief.close("the search has ended")
        store.close(is_finished)
    return outcome


class _Search:
    """A search at work."""

    def __init__(
        self,
        subject: Subject,
        space: Space,
        budget: Budget,
        root: Path,
        journal: Journal,
        progress: Progress,
        hours: float | None,
        num_trials: int,
        share: float,
        command: str,
    ):
        self.subject, self.space, self.budget, self.root = subject, space, budget, root
        self.journal, self.progress, self.num_trials, self.share = journal, progress, num_trials, share
        self.started, self.before = time.monotonic(), journal.seconds + journal.notes.get("other seconds", 0.0)
        self.in_trials = 0.0
        deadline = None if hours is None else self.started + hours * 3600 - self.before
        self.trials = Trials(root, subject, budget, share, progress, deadline, command)
        self.base: StageRecord | None = None
        self.least: Least | None = None
        self.chief: Chief | None = None
        self.most_epochs: int | None = None

    @classmethod
    def of_worker(
        cls,
        subject: Subject,
        space: Space,
        budget: Budget,
        root: Path,
        about: Mapping[str, Any],
        progress: Progress,
        num_trials: int,
        share: float,
    ) -> Outcome:
        """What a worker sees of the outcome: the trials of the chief's journal."""
        journal = Journal(root / NAME, about, reads_only=True)
        seen = cls(subject, space, budget, root, journal, progress, None, num_trials, share, "")
        seen.base = seen.trials.finished_reference()
        return seen._outcome("the chief has no more for this worker", {})

    def listen(self, place: Place, about: Mapping[str, Any], num_workers: int | None, command: Sequence[str]) -> Chief:
        """Becomes the chief of workers."""
        desk = Desk(
            self.journal,
            self.num_trials,
            self._score,
            self._finished,
            self.progress.say,
            self._has_time,
            lambda: None if self.trials.deadline is None else self.trials.deadline - time.monotonic(),
            json.loads(json.dumps(about)),
            marked=self._marked,
        )
        return Chief(place, self.root, desk, num_workers, command)

    def go(self, oracle: Any, seed: int, tell: Callable[[Outcome], None]) -> Outcome:
        """All that is left to do."""
        if journal_trials := len(self.journal.trials):
            self.progress.say(f"{self.subject.name}: goes on after {journal_trials} finished trials in {self.root}")
        self._require_possible()
        try:
            self.base = self.trials.reference()
            self._keep_time()
            kind = self.base.metric_kinds[0]
            self.progress.say(f"uncompressed: {kind.name} {kind.text(self.base.metrics[kind.name])} on validation data")
            why = self._run_all(oracle, seed)
        except Stopped:
            why = TIME_UP
        except KeyboardInterrupt:
            if self.chief is not None:
                self.chief.close(INTERRUPTED)
            self._keep_time()
            if self.base is not None:
                self._told(INTERRUPTED, {}, tell)
            raise
        if self.base is None:
            raise InvalidValue(
                "search.hours must be enough for the uncompressed model. Received: less. Give more; what was finished "
                "is kept."
            )
        tests = self._tests(why)
        self._keep_time()
        return self._told(why, tests, tell)

    def _run_all(self, oracle: Any, seed: int) -> str:
        """All trials, here or by workers; gives why there are no more."""
        folder = self.root / ENGINE
        self.space = told_apart(self.space, self.subject)
        self.most_epochs = most_epochs(self.space) if oracle == HYPERBAND else None
        if self.chief is None:
            run_engine(oracle, self.space, self.num_trials, seed, folder, self._history, self._run)
            return ALL_DONE if len(self.journal.trials) >= self.num_trials else ALL_TRIED
        finished = [(trial.settings, self._score(trial)) for trial in self.journal.trials]
        at_work = self.chief.desk.at_work
        asking = OracleAsked(oracle, self.space, self.num_trials, seed, folder, finished, at_work, self._history)
        try:
            return self.chief.lead(asking)
        finally:
            self.chief.close("the search has ended")

    def _require_possible(self) -> None:
        """The least bytes, before anything is trained."""
        from ..backend.tensorflow import start_quietly

        start_quietly()
        self.least = least_bytes(self.space, self.subject.make)
        require_possible(self.least, {n: b for n, b in self.budget.bounds(0.0).items() if n.endswith("bytes")})
        self.progress.say(
            f"least possible: {text_of('zipped_bytes', self.least.zipped_bytes)} zipped, "
            f"{text_of('raw_bytes', self.least.raw_bytes)} raw, computed of the untrained model"
        )

    def _history(self) -> list[Observation]:
        """The finished trials, as a proposal looks at them."""
        bounds = self._bounds()
        found = []
        for trial in tuple(self.journal.trials):
            has_all = trial.status == DONE and all(name in trial.figures for name in self.budget.compared)
            values = tuple(trial.figures[name] for name in self.budget.compared) if has_all else None
            excess = self.budget.excess(trial.figures, bounds).values()
            found.append(Observation(trial.settings, values, tuple(min(FAR, each) for each in excess)))
        at_work = [] if self.chief is None else self.chief.desk.at_work
        return [*found, *(Observation(chosen, None, is_running=True) for chosen in at_work)]

    def _bounds(self) -> Mapping[str, float]:
        if self.base is None:
            return {}
        kind = self.base.metric_kinds[0]
        return self.budget.bounds(self.base.metrics[kind.name], kind)

    def _run(self, chosen: Mapping[str, Any]) -> float | None:
        """The score of a choice: of an earlier sitting's trial, or of one that is run now."""
        found = self.journal.found(chosen) or self._same(chosen)
        if found is None:
            if self.base is None:
                raise RuntimeError("trials are compared with the uncompressed model, which is made before them")
            self._require_time()
            found = self.trials.run(self.journal.next_number, chosen, self.space.settings(chosen), self.base)
            found = self._marked(found)
            self.journal.add(found)
            self.in_trials += found.seconds
            self._say(found)
        return self._score(found)

    def _score(self, trial: TrialRecord) -> float | None:
        return self.budget.score(trial.figures, self._bounds()) if trial.status == DONE else None

    def _marked(self, trial: TrialRecord) -> TrialRecord:
        """With the epochs that it might have had, where successive halving gave it fewer."""
        if self.most_epochs is None or trial.settings[EPOCHS] >= self.most_epochs:
            return trial
        return dataclasses.replace(trial, of_epochs=self.most_epochs)

    def _finished(self, trial: TrialRecord) -> None:
        """A worker's trial is in the journal."""
        self.in_trials += trial.seconds
        self._keep_time()  # at once: the seconds of trials that run side by side do not add up
        self._say(trial)

    def _same(self, chosen: Mapping[str, Any]) -> TrialRecord | None:
        """A finished trial of other settings that make the same recipe."""
        key = self.space.key(chosen)
        return next((trial for trial in self.journal.trials if self.space.key(trial.settings) == key), None)

    def _require_time(self) -> None:
        if not self._has_time():
            raise Stopped(TIME_UP)

    def _has_time(self) -> bool:
        """Whether another trial would not take longer than there is time."""
        known = [trial.seconds for trial in self.journal.trials if trial.status == DONE]
        likely = statistics.median(known) if known else 0.0
        return self.trials.deadline is None or time.monotonic() + likely <= self.trials.deadline

    def _say(self, trial: TrialRecord) -> None:
        outcome = self._outcome("", {})
        start = self.space.start
        changed = [f"{name}={value}" for name, value in trial.settings.items() if value != start.get(name)]
        told = ", ".join(changed) or "the recipe as it is"
        shown = (*self.budget.compared, *(name for name in self._bounds() if name not in self.budget.compared))
        figures = ", ".join(
            f"{name} {text_of(name, trial.figures[name], outcome.kind)}" for name in shown if name in trial.figures
        )
        kept = "within the budget" if self.budget.keeps(trial.figures, self._bounds()) else "beyond the budget"
        what = f"{figures}, {kept}" if trial.status == DONE else f"{trial.status}: {trial.reason}"
        best = f"best so far: trial {outcome.best.number}" if outcome.best else "none within the budget so far"
        self.progress.say(
            f"trial {trial.number} of {self.num_trials}: {told}: {what}, {trial.seconds:.0f} s; {best}; {self._left()}"
        )

    def _left(self) -> str:
        seconds = [trial.seconds for trial in self.journal.trials]
        at_once = 1 if self.chief is None else max(1, len(self.chief.desk.workers))
        left = statistics.mean(seconds) * (self.num_trials - len(seconds)) / at_once
        if self.trials.deadline is not None:
            left = min(left, max(0.0, self.trials.deadline - time.monotonic()))
        return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"

    def _keep_time(self) -> None:
        """Notes the time that no trial took, for the sittings to come."""
        other = self.journal.notes.get("other seconds", 0.0)
        spent = time.monotonic() - self.started - self.in_trials
        noted = getattr(self, "noted", 0.0)
        self.noted = spent
        self.journal.note("other seconds", round(other + spent - noted, 1))

    def _tests(self, why: str) -> Mapping[str, float]:
        """Metrics of the Pareto set and the best on the test split; those that were looked at before are not again."""
        outcome = self._outcome(why, {})
        known = dict(self.journal.notes.get("tests", {}))
        wanted = {trial.number: trial for trial in [*outcome.pareto, *([outcome.best] if outcome.best else [])]}
        missing = [trial for number, trial in wanted.items() if str(number) not in known]
        if not missing and "reference" in known:
            return known
        name = outcome.kind.name
        with self.progress.task("test split", len(missing) + 1) as advance:
            if "reference" not in known:
                stage = self.base.name if self.base else ""
                known["reference"] = metric_of_reference(self.subject, self.root, stage, self.share, name)
            for count, trial in enumerate(missing, start=1):
                advance(count, f"trial {trial.number}")
                recipe = self.subject.make(self.space.settings(trial.settings))
                found = metric_of_trial(trial, recipe, self.root, self.budget, self.share, name)
                if found is not None:
                    known[str(trial.number)] = found
        self.journal.note("tests", known)
        return known

    def _outcome(self, why: str, tests: Mapping[str, float], shares: Mapping[str, Any] | None = None) -> Outcome:
        if self.base is None:
            raise RuntimeError("there is no outcome before the uncompressed model")
        least = self.least
        return outcome_of(
            self.subject.name,
            self.budget,
            self.space,
            self.journal,
            self.base,
            tests=tests,
            importance=shares or {},
            why_ended=why,
            seconds=self.before + time.monotonic() - self.started,
            least={"raw_bytes": least.raw_bytes, "zipped_bytes": least.zipped_bytes} if least else {},
        )

    def _told(self, why: str, tests: Mapping[str, float], tell: Callable[[Outcome], None]) -> Outcome:
        """Writes the outcome, and tells it."""
        shares = importance(self.space, self.journal.trials, self.budget.compared)
        outcome = self._outcome(why, tests, shares)
        store = Store(self.root)
        for name, text in (
            ("outcome.json", json.dumps(outcome.as_json(), indent=2)),
            ("outcome.md", outcome.to_markdown()),
        ):
            with store.writing(name) as path:
                path.write_text(text, encoding="utf-8")
        tell(outcome)
        return outcome
