"""The general space, for a model of one's own: recipes/own_model.py, which is a recipe like any other."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ..core.errors import UnknownRecipe

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
