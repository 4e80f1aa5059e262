"""A search from its budget to its outcome: what is left to do is done, and what was found is written."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..backend.noise import LOG, noise_to
from ..core.describe import describe
from ..core.errors import InvalidValue
from ..core.extras import require_extra
from ..core.progress import Progress
from ..core.tasks.task import Task
from ..core.types import Artifact, Recipe
from ..data.splitting import TEST, HeldOut
from ..running.records import StageRecord
from ..running.report import report_from_json
from ..running.run import keys_of, require_order
from ..running.store import Store
from .budget import Budget
from .engine import OPTUNA, ORACLES, Stopped, run_engine
from .figures import text_of
from .found.importance import importance
from .found.outcome import Outcome
from .journal import DONE, NAME, Journal, TrialRecord
from .least import Least, least_bytes, require_possible
from .proposals import Observation
from .scored import scored
from .space import Space
from .trials import REFERENCE, TRIALS, Subject, Trials, check_of

SHARE = 0.2  # of the training examples, held out where the data has no validation split
FAR = 1e6  # an excess that stands for one without end: a figure that was not measured
ENGINE = "engine"  # the folder of keras-tuner's own log
ALL_DONE, TIME_UP, INTERRUPTED, ALL_TRIED = "all trials are done", "the time is up", "interrupted", "all was tried"


def run_search(
    subject: Subject,
    space: Space,
    budget: Budget,
    root: Path,
    *,
    num_trials: int,
    progress: Progress,
    hours: float | None = None,
    oracle: str = OPTUNA,
    share: float = SHARE,
    seed: int = 0,
    fresh: bool = False,
    command: str = "",
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
      oracle: "optuna", "random" or "bayesian". Defaults to "optuna".
      share: of the training examples that are held out, in (0, 0.9]; the data's own validation split goes before it.
      seed: of what is proposed.
      fresh: whether what is there is moved to earlier/. Defaults to False.
      command: what was typed.
      tell: is given the outcome, that of an interrupted search too.

    Raises:
      ImpossibleBudget: before anything is trained, when no file can be as small as that.
      InvalidValue, InvalidRecipe, MissingExtra: before TensorFlow is imported.
      KeyboardInterrupt: when it is interrupted, after `tell` has the outcome so far.
    """
    recipe = _checked(subject, budget, num_trials, hours, oracle, share)
    store, is_finished = Store(root), False
    store.open(command=command)
    try:
        if fresh:
            for name in (NAME, TRIALS, REFERENCE, ENGINE, "outcome.json", "outcome.md", "best.py"):
                store.retire(name)
        journal = Journal(root / NAME, _about(subject, space, budget, share, seed, recipe))
        work = _Search(subject, space, budget, root, journal, progress, hours, num_trials, share, command)
        with noise_to(root / LOG):
            outcome = work.go(oracle, seed, tell)
        is_finished = True
    finally:
        store.close(is_finished)
    return outcome


def _checked(
    subject: Subject, budget: Budget, num_trials: int, hours: float | None, oracle: str, share: float
) -> Recipe:
    """The scored recipe as it is. Raises what is wrong with what was asked for."""
    if num_trials < 1:
        raise InvalidValue(f"search.trials must be at least 1. Received: {num_trials}. Use 20.")
    if hours is not None and not 0 < hours < math.inf:
        raise InvalidValue(f"search.hours must be above 0. Received: {hours}. Use 2, or leave it out.")
    if oracle not in ORACLES:
        raise InvalidValue(f"search.oracle must be one of {', '.join(ORACLES)}. Received: {oracle!r}. Use {OPTUNA}.")
    whole = subject.make(subject.settings)
    require_order(whole)
    recipe = scored(whole, share, (check_of(budget),))
    require_order(recipe)
    require_extra("search", "tfcompress search")
    recipe.data.require()
    task = recipe.task or recipe.data.task
    if type(task) is Task and not task.metrics:  # presets know theirs once they have seen the model's outputs
        raise InvalidValue(
            "Task.metrics must have a metric, as a search compares files by it. Received: none. Give one that says "
            "which of two values is better: Metric(..., higher_is_better=True)."
        )
    return recipe


def _about(subject: Subject, space: Space, budget: Budget, share: float, seed: int, recipe: Recipe) -> dict[str, Any]:
    """What trials depend on, beside what is chosen: a search of other words is another one."""
    keys = {stage: key.name for stage, key in keys_of(recipe).items()}
    return {
        "recipe": subject.name,
        "settings": describe(subject.settings),
        "space": space.describe(),
        "seed": seed,
        "kernels": budget.kernels,
        "num_threads": budget.num_threads,
        "validation share": share,
        "code, data or versions": keys,
    }


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

    def go(self, oracle: str, seed: int, tell: Callable[[Outcome], None]) -> Outcome:
        """All that is left to do."""
        if journal_trials := len(self.journal.trials):
            self.progress.say(f"{self.subject.name}: goes on after {journal_trials} finished trials in {self.root}")
        self._require_possible()
        why = ALL_DONE
        try:
            self.base = self.trials.reference()
            self._keep_time()
            kind = self.base.metric_kinds[0]
            self.progress.say(f"uncompressed: {kind.name} {kind.text(self.base.metrics[kind.name])} on validation data")
            folder = self.root / ENGINE
            run_engine(oracle, self.space, self.num_trials, seed, folder, self._history, self._run)
            if len(self.journal.trials) < self.num_trials:
                why = ALL_TRIED
        except Stopped:
            why = TIME_UP
        except KeyboardInterrupt:
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
        for trial in self.journal.trials:
            has_all = trial.status == DONE and all(name in trial.figures for name in self.budget.compared)
            values = tuple(trial.figures[name] for name in self.budget.compared) if has_all else None
            excess = self.budget.excess(trial.figures, bounds).values()
            found.append(Observation(trial.settings, values, tuple(min(FAR, each) for each in excess)))
        return found

    def _bounds(self) -> Mapping[str, float]:
        if self.base is None:
            return {}
        kind = self.base.metric_kinds[0]
        return self.budget.bounds(self.base.metrics[kind.name], kind)

    def _run(self, chosen: Mapping[str, Any]) -> float | None:
        """The score of a choice: of an earlier sitting's trial, or of one that is run now."""
        found = self.journal.found(chosen)
        if found is None:
            if self.base is None:
                raise RuntimeError("trials are compared with the uncompressed model, which is made before them")
            self._require_time()
            number = len(self.journal.trials) + 1
            found = self.trials.run(number, chosen, self.space.settings(chosen), self.base)
            self.journal.add(found)
            self.in_trials += found.seconds
            self._say(found)
        if found.status != DONE:
            return None
        return self.budget.score(found.figures, self._bounds())

    def _require_time(self) -> None:
        """Raises `Stopped` where another trial would take longer than there is time."""
        known = [trial.seconds for trial in self.journal.trials if trial.status == DONE]
        likely = statistics.median(known) if known else 0.0
        if self.trials.deadline is not None and time.monotonic() + likely > self.trials.deadline:
            raise Stopped("the time is up")

    def _say(self, trial: TrialRecord) -> None:
        outcome = self._outcome("", {})
        told = ", ".join(f"{name}={value}" for name, value in trial.settings.items())
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
        left = statistics.mean(seconds) * (self.num_trials - len(seconds))
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
                known["reference"] = self._test_reference(name)
            for count, trial in enumerate(missing, start=1):
                advance(count, f"trial {trial.number}")
                found = self._test(trial, name)
                if found is not None:
                    known[str(trial.number)] = found
        self.journal.note("tests", known)
        return known

    def _test(self, trial: TrialRecord, name: str) -> float | None:
        """The metric of a trial's file."""
        folder = self.root / TRIALS / f"{trial.number:04d}"
        report = report_from_json(Store(folder).read_json("report.json"))
        record = next((file for file in report.files if file.sha256 == trial.sha256), None) if report else None
        if record is None:
            raise InvalidValue(
                f"{folder} must be as its trial left it. Received: no report of {trial.file}. Use --fresh."
            )
        sizes = (record.raw_bytes, record.zipped_bytes, record.sha256)
        specs = (record.inputs, record.outputs, record.needs_reset)
        artifact = Artifact(folder / record.path, record.mode, *sizes, *specs)
        recipe = self.subject.make(self.space.settings(trial.settings))
        data = HeldOut(recipe.data, self.share, TEST)
        finding = check_of(self.budget).run(artifact, data, {}, recipe.task or data.task)
        return finding.metrics.get(name)

    def _test_reference(self, name: str) -> float:
        """The metric of the uncompressed Keras model."""
        from ..measuring.evaluation import bound, evaluate, predict, targets_of
        from ..models_io.loading.opening import open_saved

        recipe = self.subject.make(self.subject.settings)
        data = HeldOut(recipe.data, self.share, TEST)
        base = self.base.name if self.base else ""
        (path,) = (self.root / REFERENCE).glob(f"*-{base}/model.keras")
        model = open_saved(path, safe_mode=False)  # this very process's, or its predecessor's: its SHA-256 was compared
        asked = recipe.task or data.task
        if asked is None:
            raise InvalidValue("Recipe.task must say what is asked of the models. Received: None. Give task=....")
        task = bound(asked, model)
        return evaluate(task, predict(model, data, data.test), targets_of(data, task))[name]

    def _outcome(self, why: str, tests: Mapping[str, float], shares: Mapping[str, Any] | None = None) -> Outcome:
        if self.base is None:
            raise RuntimeError("there is no outcome before the uncompressed model")
        kind = self.base.metric_kinds[0]
        least = self.least
        return Outcome(
            recipe=self.subject.name,
            budget=self.budget,
            kind=kind,
            reference=self.base.metrics[kind.name],
            trials=tuple(self.journal.trials),
            space=self.space.describe(),
            tests=tests,
            num_validation=self.base.num_examples,
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
