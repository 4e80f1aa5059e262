"""What a search found: the best trial, the Pareto set, which bound binds, and what relaxing it would give."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core.tasks.task import MetricKind
from ...measuring.tradeoffs.pareto import pareto_set
from ...running.records import StageRecord
from ...running.report import markdown_table
from ..budget import Budget
from ..figures import text_of
from ..journal import CRASHED, DONE, Journal, TrialRecord
from ..space import Space
from ..tuner.oracles import EPOCHS

FOUND, MISSED = "found", "missed"
RELAXED = 1.1
NEARLY = 0.9  # of a bound: from there on it is said to bind


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All of a search.

    Attributes:
      recipe: its name.
      budget: what was asked for.
      kind: of the headline metric.
      reference: the uncompressed model's metric on validation examples.
      trials: in their order.
      space: the ranges, as JSON.
      tests: metrics on the test split: of trials by number, and "reference"; empty until the search is over.
      num_validation: examples that trials were scored on.
      importance: of each setting for each compared figure, shares that add up to 1; empty where there are few trials.
      why_ended: "all trials are done", "the time is up", "interrupted", ...
      seconds: of all work.
      least: the least bytes, by figure, as computed before training.
    """

    recipe: str
    budget: Budget
    kind: MetricKind
    reference: float
    trials: tuple[TrialRecord, ...]
    space: Mapping[str, Any]
    tests: Mapping[str, float] = dataclasses.field(default_factory=dict)
    num_validation: int = 0
    importance: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    why_ended: str = ""
    seconds: float = 0.0
    least: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def bounds(self) -> dict[str, float]:
        """Of each bounded figure."""
        return self.budget.bounds(self.reference, self.kind)

    @property
    def done(self) -> list[TrialRecord]:
        """The trials whose file passed its check, and has all figures that are compared."""
        return [
            trial
            for trial in self.trials
            if trial.status == DONE and all(name in trial.figures for name in self.budget.compared)
        ]

    @property
    def best(self) -> TrialRecord | None:
        """Of the trials within the budget the one with the least objective; None where there is none."""
        return self._best(self.bounds)

    @property
    def nearest(self) -> TrialRecord | None:
        """The trial that exceeds the bounds least, or the best one."""
        return min(self.done, key=lambda trial: self.budget.score(trial.figures, self.bounds), default=None)

    @property
    def status(self) -> str:
        """ "found", or "missed" where no trial kept the budget."""
        return MISSED if self.best is None else FOUND

    @property
    def pareto(self) -> list[TrialRecord]:
        """The trials that no other beats in all compared figures, whether they keep the bounds or not."""
        points = [tuple(trial.figures[name] for name in self.budget.compared) for trial in self.done]
        return pareto_set(self.done, points)

    @property
    def binding(self) -> list[str]:
        """The bounds that the best trial nearly uses up, or that the nearest one exceeds."""
        chosen = self.nearest
        if chosen is None:
            return []
        return [name for name, bound in self.bounds.items() if chosen.figures.get(name, 0) >= NEARLY * bound]

    @property
    def relaxed(self) -> dict[str, TrialRecord | None]:
        """For each bound the best of the trials were it a tenth larger; None where none of them keeps it even then."""
        return {name: self._best({**self.bounds, name: bound * RELAXED}) for name, bound in self.bounds.items()}

    @property
    def counts(self) -> dict[str, int]:
        """Stages that trials needed, that were trained, that were shared, and that were trained more than once."""
        trained = [key for trial in self.trials for key in trial.trained]
        shared = sum(len(trial.shared) for trial in self.trials)
        return {
            "needed": len(trained) + shared,
            "trained": len(trained),
            "shared": shared,
            "trained_twice": len(trained) - len(set(trained)),
        }

    def _best(self, bounds: Mapping[str, float]) -> TrialRecord | None:
        kept = [trial for trial in self.done if self.budget.keeps(trial.figures, bounds)]
        return min(kept, key=lambda trial: (self._objective(trial), trial.number), default=None)

    def _objective(self, trial: TrialRecord) -> tuple[float, ...]:
        """The objective, and of equal ones the other figures in turn."""
        first = self.budget.objective
        return tuple(trial.figures[name] for name in (first, *(n for n in self.budget.compared if n != first)))

    def as_json(self) -> dict[str, Any]:
        """All of it, and what follows from it."""
        best, pareto = self.best, self.pareto
        return {
            "status": self.status,
            "recipe": self.recipe,
            "why_ended": self.why_ended,
            "seconds": round(self.seconds, 1),
            "budget": dataclasses.asdict(self.budget),
            "bounds": self.bounds,
            "objective": self.budget.objective,
            "metric": dataclasses.asdict(self.kind),
            "reference": {"validation": self.reference, "test": self.tests.get("reference")},
            "num_validation": self.num_validation,
            "least": dict(self.least),
            "best": self._trial_json(best) if best else None,
            "nearest": self._trial_json(self.nearest) if self.nearest else None,
            "pareto": [self._trial_json(trial) for trial in pareto],
            "binding": self.binding,
            "relaxed": {name: trial.number if trial else None for name, trial in self.relaxed.items()},
            "importance": {name: dict(shares) for name, shares in self.importance.items()},
            "stages": self.counts,
            "space": dict(self.space),
            "trials": [dataclasses.asdict(trial) for trial in self.trials],
        }

    def _trial_json(self, trial: TrialRecord) -> dict[str, Any]:
        return {**dataclasses.asdict(trial), "test_metric": self.tests.get(str(trial.number))}

    def to_markdown(self) -> str:
        """The whole of outcome.md."""
        parts = [f"# Search of {self.recipe}: {self.status}", *self.summary(), "## Pareto set", self.pareto_table()]
        parts += ["## Importance of the settings", self._importance()]
        parts += ["## Trials", markdown_table(*self._table(self.trials))]
        crashed = [f"- trial {trial.number}: {trial.status}: {trial.reason}" for trial in self.trials if trial.reason]
        parts += ["## Trials that failed", "\n".join(crashed)] if crashed else []
        return "\n\n".join(parts) + "\n"

    def pareto_table(self) -> str:
        """The Pareto set, in Markdown."""
        return markdown_table(*self._table(self.pareto)) if self.pareto else "No trial was finished."

    def summary(self) -> Iterator[str]:
        """The gist, a line each."""
        best, bounds = self.best, self.bounds
        kept = ", ".join(f"{name} at most {text_of(name, bound, self.kind)}" for name, bound in bounds.items())
        yield f"Budget: {kept or 'no bound'}; within it the least {self.budget.objective}."
        yield (
            f"{self.kind.capitalized} of the uncompressed model: {self.kind.text(self.reference)} on "
            f"{self.num_validation:,} validation examples{self._tested('reference')}."
        )
        if best is not None:
            yield f"Best: trial {best.number}, {self._told(best)}: {_settings(best)}."
        elif self.nearest is not None:
            yield f"No trial kept the budget. The nearest: trial {self.nearest.number}, {self._told(self.nearest)}."
        else:
            yield "No trial was finished."
        if self.binding:
            yield f"What binds: {', '.join(self.binding)}."
        for name, trial in self.relaxed.items():
            if name not in self.binding:
                continue
            wider = text_of(name, bounds[name] * RELAXED, self.kind)
            if trial is None or trial == best:
                yield f"With {name} at most {wider} (a tenth more) no trial would be better."
            else:
                yield f"With {name} at most {wider} (a tenth more): trial {trial.number}, {self._told(trial)}."
        counts = self.counts
        yield (
            f"{len(self.trials)} trials ({sum(trial.status == CRASHED for trial in self.trials)} crashed) in "
            f"{self.seconds:.0f} s; {self.why_ended}. Stages: {counts['needed']} needed, {counts['trained']} trained, "
            f"{counts['shared']} shared, {counts['trained_twice']} trained twice."
        )
        if self.tests:
            yield (
                "The test split was looked at after the last trial alone, once for each file of the Pareto set and the "
                "best; nothing was chosen by it."
            )
        else:
            yield "The test split was not looked at: the search is not over."

    def _told(self, trial: TrialRecord) -> str:
        names = dict.fromkeys((*self.budget.compared, *self.bounds))
        told = [f"{name} {text_of(name, trial.figures[name], self.kind)}" for name in names if name in trial.figures]
        return ", ".join(told) + self._tested(str(trial.number))

    def _tested(self, which: str) -> str:
        return f", {self.kind.text(self.tests[which])} on the test split" if which in self.tests else ""

    def _table(self, trials: Sequence[TrialRecord]) -> tuple[list[str], list[list[str]]]:
        figures = text_order(self.budget, self.bounds)
        headings = ["trial", *self.space, f"{self.kind.name}, validation", "test", *figures, "within the budget"]
        lines = []
        for trial in trials:
            metric, tested = trial.metric, self.tests.get(str(trial.number))
            lines.append(
                [
                    str(trial.number),
                    *(_shown(trial, name) for name in self.space),
                    "-" if metric is None else self.kind.text(metric),
                    "-" if tested is None else self.kind.text(tested),
                    *(
                        text_of(name, trial.figures[name], self.kind) if name in trial.figures else "-"
                        for name in figures
                    ),
                    trial.status
                    if trial.status != DONE
                    else "yes"
                    if self.budget.keeps(trial.figures, self.bounds)
                    else "no",
                ]
            )
        return headings, lines

    def _importance(self) -> str:
        if not self.importance:
            return "Not available: too few trials."
        figures = list(self.importance)
        lines = [[name, *(f"{self.importance[each].get(name, 0.0):.0%}" for each in figures)] for name in self.space]
        return markdown_table(["setting", *figures], lines)


def outcome_of(recipe: str, budget: Budget, space: Space, journal: Journal, base: StageRecord, **more: Any) -> Outcome:
    """What a search has found by now.

    Args:
      recipe: its name.
      budget: what was asked for.
      space: what may be tried.
      journal: its trials.
      base: the uncompressed model.
      **more: the other attributes of `Outcome`.
    """
    kind = base.metric_kinds[0]
    return Outcome(
        recipe=recipe,
        budget=budget,
        kind=kind,
        reference=base.metrics[kind.name],
        trials=tuple(journal.trials),
        space=space.describe(),
        num_validation=base.num_examples,
        **more,
    )


def _shown(trial: TrialRecord, name: str) -> str:
    """A setting; of epochs that were cut short also how many the search trains for at most."""
    value = str(trial.settings.get(name, ""))
    return f"{value} of {trial.of_epochs}" if name == EPOCHS and trial.of_epochs else value


def text_order(budget: Budget, bounds: Mapping[str, float]) -> list[str]:
    """The figures that a table shows: those that are compared, then those that are bounded."""
    return list(dict.fromkeys((*budget.compared, *bounds)))


def _settings(trial: TrialRecord) -> str:
    return ", ".join(f"{name}={value}" for name, value in trial.settings.items())
