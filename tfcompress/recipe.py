"""python -m tfcompress.recipe NAME: compresses a model by a recipe, checks the exported files, and writes a report.

Everything up to the first stage comes without TensorFlow, so that help and mistakes are told at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import importlib.util
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .core.errors import INTERRUPTED_EXIT_CODE, InvalidRecipe, TfcompressError, UnknownRecipe, UnknownSetting, VerdictFailed

if TYPE_CHECKING:
    from .core.types import Recipe

EXAMPLES = """\
examples:
  python -m tfcompress.recipe digits                          a tour in about a minute, no download
  python -m tfcompress.recipe cifar10 --data-dir ~/data       CIFAR-10 from a folder of prepared TFDS data sets
  python -m tfcompress.recipe cifar10 --plan                  what it would do, and nothing more
  python -m tfcompress.recipe cifar10 --smoke                 all of it on 256 examples, to see it run
  python -m tfcompress.recipe cifar10 --set final_sparsity=0.9 --out runs/sparse
  python -m tfcompress.recipe path/to/my_recipe.py            a recipe of your own
  python -m tfcompress.recipe cifar10 --help                  the settings of a recipe

The same command again continues an interrupted run; a finished stage is not repeated while its settings stay.

exit codes: 0 all is well; 2 command line; 10 unknown recipe; 11 unknown setting; 12 value out of range; 13 recipe in
disorder; 20 data unavailable; 21 data corrupt; 30 output not writable; 31 disk full; 40 model unsupported; 41 nothing
happened; 42 promise broken; 50 conversion failed; 60 a file failed a check; 130 interrupted
"""
SMOKE_EXAMPLES = 256
SMOKE_EPOCHS = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and gives its exit code."""
    options, parser = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(options, parser)
    except KeyboardInterrupt:
        print("\nInterrupted. Finished stages are kept: the same command continues.", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    except TfcompressError as error:
        if options.debug:
            raise
        print(f"tfcompress: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        if options.debug:
            raise
        print(f"tfcompress: {type(error).__name__}: {error} (a bug; --debug shows where)", file=sys.stderr)
        return TfcompressError.exit_code


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(
        prog="python -m tfcompress.recipe",
        description="Compresses a Keras model by a recipe: trains, prunes, distils and quantizes it, exports TFLite, checks "
        "the files on CPU and GPU delegates, and writes a report.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="NAME", help="a recipe's name, or the path of a recipe file")
    add("-h", "--help", action="store_true", help="show this, and the settings of NAME when it is given")
    add("--list", action="store_true", help="list the recipes")
    add("--plan", action="store_true", help="show the stages, what each makes and keeps, and stop")
    add("--smoke", action="store_true", help=f"use {SMOKE_EXAMPLES} examples and {SMOKE_EPOCHS} epochs")
    add("--out", metavar="DIR", type=Path, help="the run folder (default: saved_models/NAME)")
    add("--data-dir", metavar="DIR", help="the folder of the prepared data set (default: TFDS_DATA_DIR, or tfds's own)")
    add("--epochs", metavar="N", help="epochs of the first training; the other stages scale with it")
    add("--seed", metavar="N", help="seed of every random number")
    add("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting of the recipe; may be repeated")
    add("--fresh", action="store_true", help="start over; what was made is moved to earlier/ in the run folder")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(arguments), parser


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if options.list:
        print("\n".join(f"{name:<18}{_summary(path)}" for name, path in _built_in().items()))
        return 0
    if options.help or options.recipe is None:
        print(parser.format_help() + (_settings_help(_load(options.recipe)) if options.recipe else ""), end="")
        return 0 if options.help else 2
    module = _load(options.recipe)
    name = Path(options.recipe).stem
    settings = _settings(module, options, name)
    recipe = module.recipe(settings)
    from .run import require_order

    require_order(recipe)
    if options.plan:
        _plan(recipe, name)
        return 0
    folder = options.out or Path("saved_models") / (f"{name}-smoke" if options.smoke else name)
    return _execute(recipe, module, settings, name, folder, options.fresh)


def _execute(recipe: Recipe, module: ModuleType, settings: Any, name: str, folder: Path, fresh: bool) -> int:
    from .core.describe import describe
    from .core.store import Store
    from .report import write
    from .run import run
    from .terminal import TerminalProgress, print_report

    store, progress = Store(folder), TerminalProgress()
    store.open(fresh)
    described = {field: describe(getattr(settings, field)) for field in _fields(settings)}
    _tell_changes(store.read_json("recipe.json"), described, progress)
    store.write_json("recipe.json", {"recipe": name, "settings": described})
    progress.say(f"{name}: {len(recipe.stages)} stages, results in {folder}")
    _ = recipe.data.train  # missing data is told before TensorFlow is asked to do anything
    report = run(recipe, store, name, _first_line(module), described, _command(), progress)
    write(report, store)
    print_report(report, str(folder))
    if report.failures:
        raise VerdictFailed(f"{len(report.failures)} of the run's checks failed; the first: {report.failures[0]}.")
    return 0


def _tell_changes(before: Any, settings: dict[str, Any], progress: Any) -> None:
    """Says which settings differ from the last run in this folder: the stages they touch run again."""
    old = before.get("settings", {}) if isinstance(before, dict) else {}
    changed = [f"{name} {old[name]} -> {value}" for name, value in settings.items() if name in old and old[name] != value]
    if changed:
        progress.say(f"Changed since the last run here: {', '.join(changed)}. Stages that depend on it run again; what they "
                     "made before is kept in earlier/.")  # fmt: skip


# -- finding and reading recipes -----------------------------------------------------------------------------------------


def _built_in() -> dict[str, Path]:
    """The recipes that come with tfcompress: in the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    folders = [folder for folder in (package / "recipes", package.parent / "recipes") if folder.is_dir()]
    return {path.stem: path for folder in folders[:1] for path in sorted(folder.glob("[a-z]*.py"))}


def _load(name: str) -> ModuleType:
    known = _built_in()
    path = known.get(name, Path(name))
    if not path.is_file():
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(known)}, or the path of a recipe file."
        raise UnknownRecipe(f"There is no recipe and no file {name!r}. {hint}")
    spec = importlib.util.spec_from_loader(
        f"tfcompress_recipe_{path.stem}", importlib.machinery.SourceFileLoader(f"tfcompress_recipe_{path.stem}", str(path))
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up by name
    try:
        spec.loader.exec_module(module)
    except TfcompressError:
        raise
    except Exception as error:
        raise InvalidRecipe(f"{path} cannot be read as a recipe: {type(error).__name__}: {error}. --debug shows where.") from error
    if not callable(getattr(module, "recipe", None)):
        raise InvalidRecipe(f"{path} must define recipe(settings) -> tfcompress.Recipe. See recipes/digits.py for one.")
    return module


def _settings(module: ModuleType, options: argparse.Namespace, name: str) -> Any:
    from .core.settings import Settings, parse_settings

    cls = getattr(module, "Settings", Settings)
    assignments = {}
    if options.smoke:
        assignments = {"num_examples": str(SMOKE_EXAMPLES), "epochs": str(SMOKE_EPOCHS)}
    named = {"epochs": options.epochs, "seed": options.seed, "data_dir": options.data_dir}
    assignments |= {setting: value for setting, value in named.items() if value is not None}
    for text in options.set:
        setting, equals, value = text.partition("=")
        if not equals:
            raise UnknownSetting(f"--set must be NAME=VALUE. Received: {text!r}. Use --set epochs=20.")
        assignments[setting.strip()] = value.strip()
    return parse_settings(cls, assignments, name)


def _fields(settings: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(settings)]


def _settings_help(module: ModuleType) -> str:
    from .core.settings import Settings

    fields = dataclasses.fields(getattr(module, "Settings", Settings))
    lines = [f"  {field.name + '=' + str(field.default):<28}{field.metadata.get('help', '')}" for field in fields]
    return f"\n{_first_line(module)}\n\nsettings (--set NAME=VALUE):\n" + "\n".join(lines) + "\n"


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _summary(path: Path) -> str:
    """The first line of a recipe's docstring, read without running it."""
    import ast

    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _plan(recipe: Recipe, name: str) -> None:
    from .core.describe import short
    from .run import start_name
    from .terminal import print_plan

    lines = []
    for position, stage in enumerate(recipe.stages):
        files = ", ".join(exporter.mode for exporter in recipe.exports.get(stage.name, ()))
        start = start_name(recipe, position) or short(stage.start)
        makes, keeps = (", ".join(sorted(kinds)) or "-" for kinds in (stage.technique.makes, stage.technique.keeps))
        lines.append((stage.name, start, short(stage.technique), makes, keeps, f"{stage.fit.steps:,}", files or "-"))
    print_plan(f"{name} on {recipe.data.title}; each file is checked on {', '.join(c.name for c in recipe.checks)}", lines)


def _command() -> str:
    return shlex.join(["python", "-m", "tfcompress.recipe", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
