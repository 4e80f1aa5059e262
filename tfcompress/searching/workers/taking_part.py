"""A worker of a search of recipes: the same command as the chief's, which runs trials and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...backend.noise import noise_to
from ...core.progress import Progress
from ...running.strategy import open_team
from ..budget import Budget
from ..journal import TrialRecord
from ..space import Space
from ..trials import Subject, Trials
from .line import FOLDER, Line
from .place import Place
from .processes import end_with_chief
from .worker import Worker


def take_part(
    place: Place,
    subject: Subject,
    space: Space,
    budget: Budget,
    root: Path,
    about: Mapping[str, Any],
    *,
    share: float,
    progress: Progress,
    strategy: str | None = None,
    command: str = "",
) -> int:
    """Runs trials for the chief until it has no more; gives how many.

    Args:
      place: of this worker.
      subject: what is searched.
      space: its settings that may be tried.
      budget: what a file may cost.
      root: the folder of the search, which the chief sees too.
      about: what the search is, as the chief says it.
      share: of the training examples that are held out.
      progress: where messages go.
      strategy: under which its trainings run, "mirrored" for example. Defaults to None: one device.
      command: what was typed, for the reports.

    Raises:
      WorkerLost: when the chief does not answer for minutes.
      InvalidValue: when the chief searches something else.
    """
    if place.is_started:
        end_with_chief()
    known: list[Any] = []  # the trials, and the uncompressed model's record

    def run(number: int, chosen: Mapping[str, Any], look: Callable[[], None]) -> TrialRecord:
        if not known:
            from ...backend.tensorflow import start_quietly

            start_quietly()
            replicas = open_team(strategy).strategy
            trials = Trials(root, subject, budget, share, progress, command=command, strategy=replicas)
            known[:] = trials, trials.finished_reference()
        trials, base = known
        trials.look = look
        record: TrialRecord = trials.run(number, chosen, space.settings(chosen), base)
        progress.say(f"trial {number}: {record.status} {record.reason}".strip())
        return record

    worker = Worker(place.name, Line(place.host, place.port, root), run, about)
    progress.say(f"{place.name}: a worker of the chief at {place.host}, port {place.port}, in {root}")
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    with noise_to(root / FOLDER / f"{place.name}.log"):
        count = worker.work()
    progress.say(f"{place.name}: {count} trials; the outcome is the chief's")
    return count
