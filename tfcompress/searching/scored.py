"""A recipe as a search runs it: trained on less, evaluated on validation examples, and checked on one kernel set."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.contracts import data_in, layers_of_fit, needs_of
from ..core.errors import InvalidRecipe
from ..core.types import Check, Data, Fit, Recipe, Stage
from ..data.splits.splitting import TEST, VALIDATION, HeldOut


def held_out(recipe: Recipe, share: float, evaluated_on: str = TEST) -> Recipe:
    """`recipe` with validation examples held out, wherever it trains, calibrates or evaluates.

    Args:
      recipe: what is done.
      share: of the training examples that nothing sees; not looked at where the data has validation examples.
      evaluated_on: "test" or "validation".

    Raises:
      InvalidRecipe: when a fit does not say what it trains on, so that nobody knows whether it sees them.
    """
    own, data = recipe.data, HeldOut(recipe.data, share, evaluated_on)
    stages = tuple(_of_less(stage, own, data) for stage in recipe.stages)
    return dataclasses.replace(recipe, data=data, stages=stages)


def scored(recipe: Recipe, share: float, checks: tuple[Check, ...]) -> Recipe:
    """`recipe` as a trial runs it: on validation examples, with the files of its last stage alone, and these checks."""
    last = last_exported(recipe)
    wanted = stages_for(recipe, last)
    less = dataclasses.replace(recipe, stages=wanted, exports={last: recipe.exports[last]}, checks=checks)
    return held_out(less, share, VALIDATION)


def reference(recipe: Recipe, share: float) -> Recipe:
    """The part of `recipe` that makes the uncompressed model, evaluated on validation examples, without files."""
    less = dataclasses.replace(recipe, stages=stages_for(recipe, first_exported(recipe)), exports={}, checks=())
    return held_out(less, share, VALIDATION)


def first_exported(recipe: Recipe) -> str:
    """The stage of the uncompressed model: the first one that files are made of."""
    return _exported(recipe)[0]


def last_exported(recipe: Recipe) -> str:
    """The stage whose files a search looks at."""
    return _exported(recipe)[-1]


def _exported(recipe: Recipe) -> list[str]:
    found = [stage.name for stage in recipe.stages if recipe.exports.get(stage.name)]
    if not found:
        raise InvalidRecipe(
            "Recipe.exports must have a file, as a search looks at exported files. Received: none. Export the last "
            'stage: exports={"quantized": (tfc.Int8(),)}.'
        )
    return found


def stages_for(recipe: Recipe, name: str) -> tuple[Stage, ...]:
    """The stages that a stage's model is made of, in their order."""
    names = [stage.name for stage in recipe.stages]
    needed, waiting = set(), [name]
    while waiting:
        each = waiting.pop()
        if each in needed:
            continue
        needed.add(each)
        position = names.index(each)
        stage = recipe.stages[position]
        start = stage.start if isinstance(stage.start, str) else names[position - 1] if stage.start is None else None
        waiting += [*([start] if start else []), *needs_of(stage.technique, stage.fit)]
    found = []
    for position, stage in enumerate(recipe.stages):
        if stage.name in needed:
            before = names[position - 1] if position and stage.start is None else None
            # Where the stage before has gone, the one that this begins from is named.
            found.append(dataclasses.replace(stage, start=before) if before else stage)
    return tuple(found)


def _of_less(stage: Stage, own: Data, data: HeldOut) -> Stage:
    fit = _with_data(stage.fit, own, data)
    _require_known(stage.name, stage.fit, fit, own, data)
    return dataclasses.replace(stage, fit=fit, technique=_with_data(stage.technique, own, data))


def _require_known(name: str, before: Fit | None, fit: Fit | None, own: Data, data: HeldOut) -> None:
    """Refuses a fit that may train on what is held out."""
    if fit is None or own.validation is not None:
        return
    if data_in(fit) is not data:
        inner = [type(each).__name__ for each in layers_of_fit(before)][-1]
        raise InvalidRecipe(
            f"Stage {name!r} must train on the recipe's data, or nobody knows whether it sees the validation examples. "
            f"Received: {inner}, which does not say what it trains on, or says other data. Use KerasFit(data), or give "
            "tfc.dataset(train, test, validation)."
        )


def _with_data(value: Any, own: Data, data: Data) -> Any:
    """`value` with `data` wherever, in its fields, `own` stands; the very same value where it stands nowhere."""
    if value is own or (isinstance(value, Data) and type(value) is type(own) and value == own):
        return data
    if isinstance(value, Data):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        changed = {name: new for name, old in fields.items() if (new := _with_data(old, own, data)) is not old}
        return dataclasses.replace(value, **changed) if changed else value
    if type(value) in (tuple, list):
        items = [_with_data(item, own, data) for item in value]
        return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if type(value) is dict:
        found = {key: _with_data(item, own, data) for key, item in value.items()}
        return found if any(found[key] is not item for key, item in value.items()) else value
    return value
