"""Walks a recipe: its stages, the files made of them, and the report. What an earlier run finished is not repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.contracts import FitOnReplicas, layers_of_fit, needs_of
from ..core.errors import InvalidRecipe
from ..core.progress import Logged, Progress
from ..core.types import FOR_GOOD, Recipe, Stage, Technique
from .contents import owned_files
from .examples.keeping import keep_examples
from .file import make_file
from .keys import StageKey, request_key, stage_keys
from .report import Report
from .stage import RunContext, do_stage
from .store import Store
from .strategy import open_team
from .versions import machine, versions

_FILE_NAME = re.compile(r"\w[\w .()+=@,-]{0,99}")


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


def require_order(recipe: Recipe) -> None:
    """Refuses a recipe whose stages cannot follow each other. Raises `InvalidRecipe`."""
    names = [stage.name for stage in recipe.stages]
    if not names or len(set(names)) < len(names):
        raise InvalidRecipe(f"Recipe.stages must have names of their own, at least one. Received: {names}. Rename one.")
    for name in names:
        require_file_name("Stage.name", name)
    if not 0 <= recipe.seed < 2**32:
        raise InvalidRecipe(f"Recipe.seed must be from 0 to 2^32 - 1. Received: {recipe.seed}. Use 0.")
    made: dict[str, frozenset[str]] = {}
    for position, stage in enumerate(recipe.stages):
        start = start_name(recipe, position)
        _require_fit(stage)
        for needed in (*needs_of(stage.technique, stage.fit), *((start,) if start else ())):
            if needed not in made:
                raise InvalidRecipe(
                    f"Stage {stage.name!r} must ask for an earlier stage's model. Received: {needed!r}. "
                    f"Use one of: {', '.join(made) or 'none is earlier'}."
                )
        before = made[start] if start else frozenset()
        lost = before - stage.technique.keeps - stage.technique.makes - FOR_GOOD
        if lost:
            raise InvalidRecipe(
                f"Stage {stage.name!r} ({type(stage.technique).__name__}) would destroy the {', '.join(sorted(lost))} "
                "that an earlier stage made. Put it before that stage, or use a technique that keeps it."
            )
        made[stage.name] = before | stage.technique.makes
    for name, exporters in recipe.exports.items():
        if name not in made:
            raise InvalidRecipe(f"Recipe.exports must name stages. Received: {name!r}. Use one of: {', '.join(made)}.")
        _require_own_files(name, [exporter.mode for exporter in exporters])


def _require_own_files(stage: str, modes: Sequence[str]) -> None:
    """Refuses two files of one name, of which the second would take the place of the first."""
    for mode in modes:
        require_file_name("Exporter.mode", mode)
    twice = next((mode for mode in modes if modes.count(mode) > 1), None)
    if twice is not None:
        raise InvalidRecipe(
            f"Recipe.exports must have one exporter of a mode for each stage, as files are named by it. Received: two "
            f"of {twice!r} for stage {stage!r}. Export one of them from a stage of its own (tfcompress.Unchanged())."
        )


def require_file_name(what: str, name: Any) -> None:
    """Refuses a name that would be another place than one in the run folder. Raises `InvalidRecipe`."""
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise InvalidRecipe(
            f"{what} must be up to 100 letters, digits, spaces, dots and dashes, as files are named by it. Received: "
            f"{name!r}. Use a name such as 'pruned'."
        )


def _require_fit(stage: Stage) -> None:
    """Refuses a stage that lacks a fit, or has one that nothing would call."""
    name = f"Stage {stage.name!r} ({type(stage.technique).__name__})"
    if not isinstance(stage.technique, Technique):
        raise InvalidRecipe(
            f"{name} must have a technique: makes, keeps, takes, promises(model) and apply. Received: "
            f"{stage.technique!r}. See tfcompress.Technique."
        )
    if stage.technique.takes == "fit" and stage.fit is None:
        raise InvalidRecipe(f"{name} must have a fit, as it trains. Received: None. Use KerasFit(data).")
    if stage.technique.takes != "fit" and stage.fit is not None:
        raise InvalidRecipe(
            f"{name} must have no fit, as it trains nothing. Received: {type(stage.fit).__name__}. Leave it out."
        )


def start_name(recipe: Recipe, position: int) -> str | None:
    """The stage whose model `recipe.stages[position]` starts from; None when it builds a new one."""
    start = recipe.stages[position].start
    if start is None:
        if position == 0:
            raise InvalidRecipe("The first stage's start must build a model. Received: None. Give a builder.")
        return recipe.stages[position - 1].name
    return start if isinstance(start, str) else None
