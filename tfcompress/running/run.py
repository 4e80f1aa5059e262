"""Walks a recipe: its stages, the files made of them, and the report. What an earlier run finished is not repeated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from ..core.contracts import FitOnReplicas, layers_of_fit
from ..core.progress import Logged, Progress
from ..core.types import Recipe
from .contents import owned_files
from .examples.keeping import keep_examples
from .file import make_file
from .keys import StageKey, request_key, stage_keys
from .order.following import require_file_name, require_order, start_name
from .report import Report
from .stage import RunContext, do_stage
from .store import Store
from .strategy import open_team
from .versions import machine, versions


def run(
    recipe: Recipe,
    store: Store,
    name: str = "recipe",
    title: str = "",
    settings: Mapping[str, Any] | None = None,
    command: str = "",
    progress: Progress | None = None,
    strategy: Any = None,
    keys: Mapping[str, StageKey] | None = None,
    around: Callable[[str], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
) -> Report | None:
    """Runs `recipe` in the folder of `store`, which is open, and gives its report.

    Args:
      recipe: what to do.
      store: where to keep it, and where an earlier run may have kept some of it.
      name: of the recipe; the exported files' names begin with it.
      title: a line that says what the recipe does, for the report.
      settings: what the recipe was made from, as JSON, for the report.
      command: what the user typed, for the report.
      progress: where messages go. Defaults to None: the logger "tfcompress", at level INFO.
      strategy: "mirrored", "mirrored:N", "multi_worker" or a tf.distribute.Strategy, under which every stage trains.
        Defaults to None: one device. It is no part of what a stage is made from: a run may go on under another.
      keys: of the stages, where they are known already. Defaults to None: they are found.
      around: gives what surrounds a stage of a name, and may bring the stage from elsewhere when it is entered.

    Returns:
      The report; `report.failures` says what is wrong with the files, if anything. Of several processes the chief alone
      has one, and writes; the others train, and get None.

    Raises:
      InvalidRecipe: before anything is trained, when a stage would destroy what an earlier one made.
      InvalidValue: before anything is trained, when a batch cannot be shared by the replicas.
      PromiseBroken: when a stage did not make or keep what it promised.
      WorkerLost: when another process of a distributed training has gone.
    """
    require_order(recipe)
    require_file_name("run.name", name)
    team = open_team(strategy)
    _require_replicas(recipe, team.num_replicas)
    context = RunContext(recipe, store, name, progress or Logged(), keys or keys_of(recipe), team)
    for position, stage in enumerate(recipe.stages):
        with around(stage.name):
            do_stage(context, position + 1, stage, start_name(recipe, position))
    return team.chief_alone(lambda: _finish(context, title, settings, command))


def keys_of(recipe: Recipe) -> Mapping[str, StageKey]:
    """The keys of all stages by name; found before anything is trained."""
    return stage_keys(recipe, [start_name(recipe, position) for position in range(len(recipe.stages))])


def _finish(context: RunContext, title: str, settings: Mapping[str, Any] | None, command: str) -> Report:
    """The files, and the report."""
    recipe, team = context.recipe, context.team
    files = [
        make_file(context, record, exporter)
        for record in context.records.values()
        for exporter in recipe.exports.get(record.name, ())
    ]
    kept = keep_examples(context, files)
    moved = context.store.retire_others({**owned_files(tuple(context.records.values()), files), **kept})
    if moved:
        context.progress.say(f"moved to earlier/, as no part of this run: {', '.join(moved)}")
    return Report(
        recipe=context.name,
        title=title,
        data=recipe.data.title,
        settings=dict(settings or {}),
        versions=versions(),
        machine=machine() | ({"strategy": team.title} if team.strategy else {}),
        command=command,
        seconds=context.store.seconds,
        stages=tuple(context.records.values()),
        files=tuple(files),
        max_drop=context.task.max_drop,
        request=request_key(recipe, context.keys, context.name),
        data_key=next(iter(context.keys.values())).made_from.get("data"),
    )


def _require_replicas(recipe: Recipe, number: int) -> None:
    for stage in recipe.stages:
        for fit in layers_of_fit(stage.fit):
            if isinstance(fit, FitOnReplicas):
                fit.require_replicas(number)
