"""Whether the stages of a recipe can follow each other: found before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...core.contracts import needs_of
from ...core.errors import InvalidRecipe
from ...core.types import FOR_GOOD, Recipe, Stage, Technique
from .combinations import Combinations, table

_FILE_NAME = re.compile(r"\w[\w .()+=@,-]{0,99}")


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
                "that an earlier stage made. Put it before that stage, or use a technique that keeps it. "
                f"{table().said_of_loss(lost, type(stage.technique).__name__)}"
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


def order_remarks(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """What is to be said, by stage, of an order that is taken and was measured to destroy what an earlier stage made.

    Args:
      recipe: one that `require_order` takes.
    """
    known = table()
    earlier: dict[str, tuple[Technique, ...]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for position, stage in enumerate(recipe.stages):
        start = start_name(recipe, position)
        before = earlier[start] if start else ()
        earlier[stage.name] = (*before, stage.technique)
        said = _lessened(known, before, stage.technique)
        if said:
            found[stage.name] = said
    return found


def _lessened(known: Combinations, before: Sequence[Technique], technique: Technique) -> tuple[str, ...]:
    """Of a technique that asks for less than an earlier one of its class, and then undoes it."""
    said = []
    for order in known.orders:
        if order.less and order.by == type(technique).__name__ and order.destroys:
            layers = getattr(technique, "per_layer", None)  # others may keep what the setting alone would undo
            alike = [each for each in before if type(each) is type(technique)]
            same = [getattr(each, order.less) for each in alike if getattr(each, "per_layer", None) == layers]
            asked = getattr(technique, order.less)
            if same and asked < max(same):
                said.append(
                    f"{order.by}.{order.less} is {asked:g}, less than the {max(same):g} of an earlier stage, whose "
                    f"{order.kind} it undoes. {known.sentence(order)}"
                )
    return tuple(said)
