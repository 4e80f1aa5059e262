"""The Pareto set as a plot: the headline metric against each cost that was compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...core.extras import require_extra
from ..figures import DROP, FIGURES
from ..journal import TrialRecord
from .outcome import Outcome


def draw(outcome: Outcome, path: Path) -> None:
    """Writes a plot, in the format that its name ends in: .png, .svg or .pdf.

    Args:
      outcome: of a search; trials without a file are left out.
      path: of the plot.

    Raises:
      MissingExtra: when matplotlib is not installed.
    """
    require_extra("plots", "A plot of the Pareto set")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    costs = [name for name in outcome.budget.compared if name != DROP]
    figure = Figure(figsize=(5.5 * len(costs), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for place, cost in enumerate(costs, start=1):
        _panel(figure.add_subplot(1, len(costs), place), outcome, cost)
    figure.savefig(path)


def _panel(axes: Any, outcome: Outcome, cost: str) -> None:
    def at(trials: list[TrialRecord]) -> tuple[list[float], list[float | None]]:
        return [trial.figures[cost] for trial in trials], [trial.metric for trial in trials]

    axes.scatter(*at(outcome.done), color="0.7", label="trials")
    axes.plot(*at(sorted(outcome.pareto, key=lambda trial: trial.figures[cost])), "o-", label="Pareto set")
    if outcome.best is not None:
        axes.plot(*at([outcome.best]), "*", markersize=14, label=f"best, trial {outcome.best.number}")
    axes.axhline(outcome.reference, linestyle=":", color="0.4", label="uncompressed")
    if cost in outcome.bounds:
        axes.axvline(outcome.bounds[cost], linestyle="--", color="0.4", label="bound")
    axes.set(xlabel=FIGURES[cost].help, ylabel=f"{outcome.kind.name}, validation", title=outcome.recipe)
    axes.legend()
