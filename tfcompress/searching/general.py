"""The general space, for a model of one's own: recipes/own_model.py, which is a recipe like any other."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import UnknownRecipe, UnknownSetting
from ..core.settings import Settings
from ..core.tasks.task import Task
from ..core.types import Data, Recipe
from ..models_io.copying import copy_model
from .trials import Subject

NAME = "own_model"


def general_module() -> ModuleType:
    """The module of the recipe, with `Settings` and `compressed(settings, build, data, task)`.

    >>> "pruning_ratio" in general_module().Settings.__dataclass_fields__
    True

    Raises:
      UnknownRecipe: when it is not there, as in a broken installation.
    """
    package = Path(__file__).parents[1]
    places = [folder / "recipes" / f"{NAME}.py" for folder in (package, package.parent)]
    path = next((place for place in places if place.is_file()), None)
    name = f"tfcompress_recipe_{NAME}"
    spec = importlib.util.spec_from_file_location(name, path) if path else None
    if spec is None or spec.loader is None:
        raise UnknownRecipe(
            f"The recipe {NAME} must be installed. Received: none in {package}. Install tfcompress anew."
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    return module


def general_settings(settings: Mapping[str, Any], seed: int, owner: str) -> Settings:
    """The settings of the recipe own_model, with those that somebody has said.

    Raises:
      UnknownSetting: in the name of `owner`, for one that the recipe does not have.
    """
    general = general_module()
    known = {field.name for field in dataclasses.fields(general.Settings)}
    wrong = sorted(set(settings) - known)
    if wrong:
        raise UnknownSetting(f"{owner} has no setting {wrong[0]!r}. It has: {', '.join(sorted(known))}.")
    found: Settings = general.Settings(seed=seed, **settings)
    return found


def general_subject(model: Any, data: Data, task: Task | None, name: str, base: Settings) -> Subject:
    """A model of one's own, compressed by the recipe own_model.

    Args:
      model: a tf_keras model, as `load_model` gives it.
      data: its examples.
      task: what is asked of it.
      name: the files' names begin with it.
      base: what `general_settings` gives.
    """
    general = general_module()
    build = functools.partial(copy_model, model)

    def make(chosen: Settings) -> Recipe:
        found: Recipe = general.compressed(chosen, build, data, task)
        return found

    return Subject(name, "A trained model, compressed", make, base)
