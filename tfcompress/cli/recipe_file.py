"""Recipes as files: found by name or path, imported, and their settings read. Nothing here imports TensorFlow."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..core.errors import InvalidRecipe, TfcompressError, UnknownRecipe

if TYPE_CHECKING:
    from ..core.settings import Settings
    from ..core.types import Recipe


@dataclasses.dataclass(frozen=True)
class RecipeFile:
    """A recipe file that was imported: its name, what it says of itself in one line, and how to make its recipe."""

    name: str
    summary: str
    module: ModuleType

    @property
    def settings_class(self) -> type[Settings]:
        """Its `Settings`, or the ones that every recipe has."""
        from ..core.settings import Settings

        found = getattr(self.module, "Settings", Settings)
        if not (isinstance(found, type) and issubclass(found, Settings) and _is_frozen(found)):
            raise InvalidRecipe(
                f"{self.name}.Settings must be a frozen dataclass that inherits tfcompress.Settings. Received: "
                f"{found!r}. Write @dataclass(frozen=True) above class Settings(tfc.Settings)."
            )
        return found

    def settings(self, assignments: Mapping[str, str]) -> Settings:
        """Its settings from texts. Raises `UnknownSetting` or `InvalidValue`."""
        from ..core.settings import parse_settings

        return parse_settings(self.settings_class, assignments, self.name)

    def recipe(self, settings: Settings) -> Recipe:
        """Its recipe, with a share of the training examples held out where the settings say so.

        Raises:
          InvalidRecipe: for an error in the file's own code.
        """
        from ..searching.scored import held_out

        try:
            found = _require_recipe(self.module.recipe(settings), self.name)
            return held_out(found, settings.validation_share) if settings.validation_share else found
        except (TfcompressError, KeyboardInterrupt):
            raise
        except BaseException as error:  # SystemExit, for one, is the file's too
            reason = f"{type(error).__name__}: {error}"
            raise InvalidRecipe(f"recipe() of {self.name} ended in an error: {reason}. --debug shows where.") from error

    def settings_help(self) -> str:
        """Its settings with their defaults, for `--help`."""
        fields = dataclasses.fields(self.settings_class)
        lines = [f"  {field.name + '=' + str(field.default):<28}{field.metadata.get('help', '')}" for field in fields]
        return f"{self.summary}\n\nsettings (--set NAME=VALUE):\n" + "\n".join(lines) + "\n"


def built_in() -> dict[str, Path]:
    """The recipes that come with tfcompress: inside the package when installed, beside it in a checkout.

    >>> "digits" in built_in()
    True
    """
    package = Path(__file__).parents[1]
    folders = [folder for folder in (package / "recipes", package.parent / "recipes") if folder.is_dir()]
    return {path.stem: path for folder in folders[:1] for path in sorted(folder.glob("[a-z]*.py"))}


def summary(path: Path) -> str:
    """The first line of a recipe's docstring, read without running it."""
    return _first_line(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))


def load(name: str) -> RecipeFile:
    """Imports a recipe by its name or its path.

    Raises:
      UnknownRecipe: when there is neither; the message names the nearest.
      InvalidRecipe: when the file cannot be imported, or has no `recipe(settings)`.
    """
    known = built_in()
    path = known.get(name, Path(name))
    if not path.is_file():
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(known)}, or the path of a recipe file."
        raise UnknownRecipe(f"There is no recipe and no file {name!r}. {hint}")
    module = import_file(path, "a recipe")
    if not callable(getattr(module, "recipe", None)):
        raise InvalidRecipe(f"{path} must define recipe(settings) -> tfcompress.Recipe. See recipes/digits.py for one.")
    return RecipeFile(path.stem, _first_line(module.__doc__), module)


def import_file(path: Path, what: str) -> ModuleType:
    """Runs a Python file of the user's, `what` as the message calls it. Raises `InvalidRecipe` where it fails."""
    name = f"tfcompress_recipe_{path.stem}"
    # The loader is named, so that a file may end in anything.
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.machinery.ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    try:
        loader.exec_module(module)
    except (TfcompressError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit, for one
        reason = f"{type(error).__name__}: {error}"
        raise InvalidRecipe(f"{path} cannot be read as {what}: {reason}. --debug shows where.") from error
    return module


def _is_frozen(kind: type) -> bool:
    """Whether a class is a frozen dataclass itself, and does not only inherit one."""
    return "__dataclass_params__" in vars(kind) and bool(vars(kind)["__dataclass_params__"].frozen)


def _require_recipe(found: Any, name: str) -> Recipe:
    """Refuses what is no recipe, or has parts of other kinds. Raises `InvalidRecipe`."""
    from ..core.types import Data, Recipe, Stage

    if not isinstance(found, Recipe):
        raise InvalidRecipe(f"recipe() of {name} must give a tfcompress.Recipe. Received: {found!r:.100}. Return one.")
    listed = isinstance(found.stages, tuple | list) and all(isinstance(stage, Stage) for stage in found.stages)
    if not listed or not isinstance(found.exports, Mapping) or not isinstance(found.checks, tuple | list):
        raise InvalidRecipe(
            f"recipe() of {name} must give stages, a tuple of tfcompress.Stage, exports, a mapping of stages' names to "
            f"exporters, and checks, a tuple. Received: {found!r:.200}. See recipes/digits.py."
        )
    if not isinstance(found.data, Data):
        raise InvalidRecipe(f"Recipe.data of {name} must be Data. Received: {found.data!r:.100}. Use tfc.dataset(...).")
    return found


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
