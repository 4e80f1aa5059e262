"""The key of a stage: a name for all that makes its model what it is, under which a later run finds it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..backend.threads import is_deterministic
from ..core.code import our_code
from ..core.contracts import needs_of
from ..core.identity import Contents, NoIdentity, fingerprint
from ..core.types import Recipe
from .versions import versions


@dataclasses.dataclass(frozen=True)
class StageKey:
    """A stage's `name`, and those of the parts that it is made of; None, and why, for a stage that is never reused."""

    name: str | None
    made_from: Mapping[str, str] = dataclasses.field(default_factory=dict)
    why_none: str = ""

    def why_again(self, made_from: Mapping[str, str]) -> str:
        """Why the stage is computed again where there is one that was made from other parts; empty when none is known.

        >>> StageKey("b", {"data": "1", "fit": "2"}).why_again({"data": "1", "fit": "3"})
        'computed again, as this changed since an earlier run: fit'
        """
        if self.name is None:
            return f"computed again in every run, as {self.why_none}"
        changed = [part for part, name in self.made_from.items() if made_from and made_from.get(part) != name]
        return f"computed again, as this changed since an earlier run: {', '.join(changed)}" if changed else ""


def stage_keys(recipe: Recipe, starts: Sequence[str | None]) -> dict[str, StageKey]:
    """The keys of all stages, by name.

    They depend on nothing that a run makes, and are asked for before it makes anything: what training leaves in a
    fit or in a data set does not count. Every process of a distributed training finds the same.

    Args:
      recipe: whose stages are in order.
      starts: of each stage, the name of the stage that it starts from; None where it makes a model.
    """
    contents: Contents = {}
    around = {"data": recipe.data, "seed": recipe.seed, "versions": versions(), "tfcompress": our_code()}
    if is_deterministic():  # of other bits than what many threads made
        around["threads in operation"] = 1
    keys: dict[str, StageKey] = {}
    for stage, start in zip(recipe.stages, starts, strict=True):
        earlier = {name: keys[name] for name in (*((start,) if start else ()), *needs_of(stage.technique, stage.fit))}
        own = {"technique": stage.technique, "fit": stage.fit, **({} if start else {"start": stage.start}), **around}
        keys[stage.name] = _key(own, earlier, contents)
    return keys


def request_key(recipe: Recipe, keys: Mapping[str, StageKey], name: str) -> str | None:
    """A name for everything that a run is asked for; None where a part of it is never reused.

    Args:
      recipe: what to do.
      keys: of its stages.
      name: of the recipe, with which the files' names begin.
    """
    if any(key.name is None for key in keys.values()):
        return None
    stages = {stage: key.name for stage, key in keys.items()}
    asked = (recipe.task or recipe.data.task, recipe.checks, {stage: files for stage, files in recipe.exports.items()})
    try:
        return fingerprint([name, stages, *asked])
    except NoIdentity:
        return None


def _key(own: Mapping[str, Any], earlier: Mapping[str, StageKey], contents: Contents) -> StageKey:
    for name, key in earlier.items():
        if key.name is None:
            return StageKey(None, why_none=f"the stage {name!r} is")
    made_from = {f"stage {name}": str(key.name) for name, key in earlier.items()}
    for part, value in own.items():
        try:
            made_from[part] = fingerprint(value, contents)
        except NoIdentity as error:
            return StageKey(None, why_none=str(NoIdentity(error.reason, (part, *error.path))))
    return StageKey(fingerprint(made_from), made_from)
