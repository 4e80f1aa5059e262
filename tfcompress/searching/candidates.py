"""Which choices are different recipes, and which of them train nothing: what is looked at before anything is run.

A temperature without a teacher, or a criterion of channels where none are removed, changes nothing: two such choices
make one recipe, which is tried once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.errors import TfcompressError
from ..core.identity import Contents, NoIdentity, fingerprint
from ..core.types import Recipe
from .scored import first_exported, last_exported, stages_for
from .space import Space
from .trials import Subject

MOST_CHEAP = 6


def told_apart(space: Space, subject: Subject) -> Space:
    """`space` with a key that is the same for the same recipe, and with what is to be tried first.

    First are, where there are such, at most six choices that train nothing beyond the uncompressed model; then the
    recipe as it is.
    """
    known = _Recipes(space, subject)
    whole = dataclasses.replace(space, recipe_key=known.key)
    return dataclasses.replace(whole, first=tuple(_first(whole, known)))


class _Recipes:
    """What choices make, each looked at once."""

    def __init__(self, space: Space, subject: Subject):
        self.space, self.subject = space, subject
        self.contents: Contents = {}
        self.keys: dict[str, str] = {}

    def key(self, chosen: Mapping[str, Any]) -> str:
        """A name for the recipe's stages and files; for the choice, where a part has no identity, or none is made."""
        plain = self.space.plain_key(chosen)
        if plain not in self.keys:
            try:
                self.keys[plain] = recipe_key(self.subject.make(self.space.settings(chosen)), self.contents)
            except (NoIdentity, TfcompressError):  # a trial will say what is wrong with it
                self.keys[plain] = plain
        return self.keys[plain]

    def num_trainings(self, chosen: Mapping[str, Any]) -> float:
        """How many stages would train, beside those of the uncompressed model."""
        try:
            return num_trainings(self.subject.make(self.space.settings(chosen)))
        except TfcompressError:
            return float("inf")


def recipe_key(recipe: Recipe, contents: Contents | None = None) -> str:
    """A name for what makes the files that a search looks at: the same for equal stages and exporters.

    Args:
      recipe: whose last exported stage counts.
      contents: what was read already, so that data are read once in many calls.

    Raises:
      NoIdentity: when nothing tells a part of it from another.
    """
    last = last_exported(recipe)
    stages = [[stage.name, stage.technique, stage.fit, stage.start] for stage in stages_for(recipe, last)]
    return fingerprint([stages, recipe.exports[last], recipe.data, recipe.seed], contents)


def num_trainings(recipe: Recipe) -> int:
    """How many stages train, beside those of the uncompressed model."""
    given = {stage.name for stage in stages_for(recipe, first_exported(recipe))}
    needed = stages_for(recipe, last_exported(recipe))
    return sum(stage.fit is not None and stage.name not in given for stage in needed)


def _first(space: Space, known: _Recipes) -> Iterator[dict[str, Any]]:
    """The choices that train nothing, one change at a time from the plainest of them, and the recipe as it is."""
    plainest = space.start
    fewest = known.num_trainings(plainest)
    for name, found in space.ranges.items():
        for value in found.ends:
            tried = {**plainest, name: value}
            if (count := known.num_trainings(tried)) < fewest:
                plainest, fewest = tried, count
    met: set[str] = set()
    if fewest == 0:
        changed = ({**plainest, name: end} for name, found in space.ranges.items() for end in found.ends)
        for tried in (plainest, *changed):
            if len(met) < MOST_CHEAP and space.key(tried) not in met and known.num_trainings(tried) == 0:
                met.add(space.key(tried))
                yield tried
    if space.key(space.start) not in met:
        yield space.start
