"""tfcompress search RECIPE: finds the settings of a recipe, or the techniques for a model, that keep a budget.

Help, and mistakes in the budget and in settings, come without TensorFlow.
"""

from __future__ import annotations

import argparse
import dataclasses
import errno
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..backend.threads import use_one_thread
from ..core.disk import REFUSED, output_errors, require_writable
from ..core.errors import BudgetMissed, InvalidRecipe, TfcompressError, Usage
from ..core.extras import require_extra
from ..core.settings import Settings
from . import recipe_file
from .errors import exit_code_of
from .recipe import run_folder
from .saying import EVENTS_HELP, Speaker, ToPrograms, add_options, require_one, speaking

DESCRIPTION = """\
Finds a recipe that keeps a budget: tries settings of a recipe, each in the range that stands beside it, or combinations
of techniques for a model of your own; scores the exported files on validation examples that training never sees; and
writes the best one as a recipe file. The test split is looked at once, at the end.

RECIPE is a recipe's name, the path of a recipe file, or a job: a Python file with model(), train_data(), test_data().
"""
EXAMPLES = """\
examples:
  {prog} digits --max-kb 12 --max-drop 1 --trials 8
  {prog} cifar10 --max-kb 40 --max-drop 0.5 --max-ms 1.0 --trials 40 --hours 2
  {prog} job.py --minimise zipped_bytes --max-drop 2%% --out runs/search
  {prog} digits --max-kb 12 --plan       the space and the least possible bytes, and nothing more
  {prog} digits --max-kb 12 --json       events on stdout, of which the last is the outcome
  {prog} cifar10 --max-kb 40 --trials 40 --workers 3     three trials at a time; docs/search.md has several machines

The same command again goes on with an interrupted search; more --trials or --hours go on with a finished one, and other
bounds judge its trials anew. tfcompress recipe SEARCH/best.py makes the found file again, and runs all of its checks.

exit codes: 0 a recipe was found; 2 command line; 10 unknown recipe; 11 unknown setting; 12 value out of range; 13
recipe in disorder, or without a range to search; 14 budget below the least possible; 20 data unavailable; 21 data
corrupt; 30 output not writable; 31 disk full; 32 another search works in the folder; 33 journal damaged; 36 disk of
temporary files full; 62 no trial kept the budget; 70 no worker is left, or no chief answers; 80 optional package
missing; 130 interrupted; 143 terminated; others are those of the uncompressed model's run, as in tfcompress recipe
--help
"""
INTERRUPTED = "Interrupted. Finished trials are kept: the same command goes on."
BEST = "best.py"
PICTURES = (".png", ".svg", ".pdf")


def main(arguments: list[str], prog: str = "tfcompress search") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help and the reports.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.deterministic:
        use_one_thread()
    if options.recipe is None:
        parser.print_help(sys.stderr)
        return Usage.exit_code
    command = shlex.join([*prog.split(), *arguments])
    again = [sys.executable, "-m", __name__, *arguments]  # what a worker runs
    return exit_code_of(lambda: _run(options, command, again), options.debug, INTERRUPTED)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog).replace("%%", "%"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="RECIPE", help="a recipe's name, a recipe file, or a job of your own")
    add("--max-kb", metavar="N", type=float, help="of the zipped file, in units of 1,000 bytes")
    add("--max-raw-kb", metavar="N", type=float, help="of the file itself")
    drop = "how much worse the metric may be: 0.5, in points for accuracy and other shares, or relative: 2%%"
    add("--max-drop", metavar="N", help=drop)
    add("--max-ms", metavar="N", type=float, help="median latency of one example")
    add("--max-memory-kb", metavar="N", type=float, help="peak memory of a process that runs the file")
    add("--max-macs", metavar="N", type=float, help="multiply-accumulates of one example")
    minimise = (
        "zipped_bytes, raw_bytes, ms, memory_bytes, macs or drop (default: drop; zipped_bytes where no cost is bound)"
    )
    add("--minimise", metavar="WHAT", help=f"what is to be least within the bounds: {minimise}")
    add(
        "--kernels",
        default="xnnpack",
        help="that files are measured on: xnnpack, builtin, reference (default: xnnpack)",
    )
    add("--threads", metavar="N", type=int, default=1, help="likewise (default: 1)")
    add("--trials", metavar="N", type=int, default=20, help="in all, those of earlier sittings too (default: 20)")
    add("--hours", metavar="N", type=float, help="of work, those of earlier sittings too (default: no limit)")
    workers = "processes of this machine that run the trials, each with its share of the cores (default: this one does)"
    add("--workers", metavar="N", type=int, help=workers)
    strategy = "under which a trial trains: none, mirrored or mirrored:N (default: none)"
    add("--strategy", metavar="S", default="none", help=strategy)
    add("--oracle", default="optuna", help="what proposes: optuna, random, bayesian, hyperband (default: optuna)")
    share = (
        "of the training examples that is held out to score by, where the data has no validation split (default: 0.2)"
    )
    add("--validation-share", metavar="S", type=float, default=0.2, help=share)
    add("--seed", metavar="N", type=int, default=0, help="of what is proposed, and of the recipe (default: 0)")
    add("--epochs", metavar="N", help="a setting of the recipe, which then is not searched")
    add("--data-dir", metavar="DIR", help="likewise: the folder of the prepared data set")
    add("--set", metavar="NAME=VALUE", action="append", default=[], help="likewise; may be repeated")
    add("--out", metavar="DIR", type=run_folder, help="the folder of the search (default: saved_models/NAME-search)")
    add("--plot", metavar="FILE", type=Path, help="draw the Pareto set: .png, .svg or .pdf (needs tfcompress[plots])")
    add("--plan", action="store_true", help="show the space and the least possible bytes, and stop")
    add("--fresh", action="store_true", help="start over; what is there is moved to earlier/")
    add_options(parser, f"{EVENTS_HELP}; the last one is the outcome")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(options: argparse.Namespace, command: str, again: list[str]) -> int:
    from ..searching.search import run_search
    from ..searching.space import space_of
    from ..searching.trials import Subject
    from ..searching.workers.place import chosen_place

    require_one(options)
    place = chosen_place(options.workers)
    budget = _budget(options)
    if options.plot:
        require_extra("plots", "--plot")
        if options.plot.suffix not in PICTURES:
            raise Usage(f"--plot must end in {', '.join(PICTURES)}. Received: {options.plot}. Use pareto.png.")
    file, name, given = _file(options)
    assignments = {**given, **_assignments(options)}
    settings = file.settings(assignments)
    searched = frozenset(assignments) - {"seed"}
    space = space_of(settings, searched, name)
    subject = Subject(name, file.summary, file.recipe, settings, Path(str(file.module.__file__)))
    root = options.out or Path("saved_models") / f"{name}-search"
    if options.plan:
        return _plan(subject, space, budget)
    with speaking(options, root) as speaker:
        if options.plot:
            require_writable(options.plot, "--plot", is_folder=False)
        outcome = run_search(
            subject,
            space,
            budget,
            root,
            num_trials=options.trials,
            progress=speaker.progress,
            hours=options.hours,
            oracle=options.oracle,
            share=options.validation_share,
            seed=options.seed,
            fresh=options.fresh,
            command=command,
            strategy=None if options.strategy == "none" else options.strategy,
            num_workers=options.workers,
            worker_command=again,
            tell=lambda found: _report(found, root, subject, space, options, command, speaker),
        )
        if outcome.best is None and (place is None or place.is_chief):
            raise BudgetMissed(
                f"A trial must keep the budget. Received: none of {len(outcome.trials)}. Give more --trials, or a "
                f"wider bound; {root}/outcome.md has the nearest."
            )
    return 0


def _budget(options: argparse.Namespace) -> Any:
    """The budget, in the units of its figures; a drop without % is in points, where the metric is a share."""
    from ..searching.budget import Budget

    def bytes_of(kilobytes: float | None) -> float | None:
        return None if kilobytes is None else kilobytes * 1000

    drop = options.max_drop
    if drop is not None and not drop.endswith("%"):
        try:
            drop = float(drop)
        except ValueError:
            raise Usage(f"--max-drop must be a number, or relative. Received: {drop!r}. Use 0.5, or 2%.") from None
    return Budget(
        max_zipped_bytes=bytes_of(options.max_kb),
        max_raw_bytes=bytes_of(options.max_raw_kb),
        max_drop=drop,
        max_ms=options.max_ms,
        max_memory_bytes=bytes_of(options.max_memory_kb),
        max_macs=options.max_macs,
        minimise=options.minimise,
        kernels=options.kernels,
        num_threads=options.threads,
        drop_in_points=True,
    )


def _file(options: argparse.Namespace) -> tuple[recipe_file.RecipeFile, str, Mapping[str, str]]:
    """The recipe file, the search's name, and what a job sets."""
    path = Path(options.recipe)
    if options.recipe not in recipe_file.built_in() and path.is_file() and _is_job(path):
        return recipe_file.load("own_model"), path.stem, {"job": str(path.resolve())}
    file = recipe_file.load(options.recipe)
    return file, file.name, {}


def _is_job(path: Path) -> bool:
    """Whether a Python file defines model() and no recipe(): read, and not run."""
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise InvalidRecipe(f"{path} cannot be read as a recipe or a job: {error}. Give a Python file.") from error
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return "model" in defined and "recipe" not in defined


def _assignments(options: argparse.Namespace) -> dict[str, str]:
    named = {"epochs": options.epochs, "data_dir": options.data_dir, "seed": str(options.seed)}
    found = {name: text for name, text in named.items() if text is not None}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"--set must be NAME=VALUE. Received: {text!r}. Use --set epochs=20.")
        found[name.strip()] = value.strip()
    return found


def _plan(subject: Any, space: Any, budget: Any) -> int:
    from ..backend.tensorflow import start_quietly
    from ..searching.figures import text_of
    from ..searching.least import least_bytes, require_possible

    print(f"{subject.name}: {subject.title}")
    for name, found in space.ranges.items():
        print(f"  {name:<18}{found}, {getattr(space.base, name)} at first")
    start_quietly()
    least = least_bytes(space, subject.make)
    print(
        f"Least possible: {text_of('zipped_bytes', least.zipped_bytes)} zipped, "
        f"{text_of('raw_bytes', least.raw_bytes)} raw, computed of the untrained model."
    )
    require_possible(least, {name: bound for name, bound in budget.bounds(0.0).items() if name.endswith("bytes")})
    return 0


def _report(
    outcome: Any,
    root: Path,
    subject: Any,
    space: Any,
    options: argparse.Namespace,
    command: str,
    speaker: Speaker,
) -> None:
    """Prints the outcome, and writes the best recipe."""
    if options.plot:
        from ..searching.found.plot import draw

        with output_errors(options.plot, (*REFUSED, errno.ENOENT), "Choose another file with --plot."):
            draw(outcome, options.plot)
    best = _write_best(outcome, root, subject, space, options.validation_share, command)
    if options.tensorboard is not None:
        from ..publishing.tensorboard import log_trials

        log_trials({trial.number: trial.figures for trial in outcome.trials}, options.tensorboard)
    if isinstance(speaker, ToPrograms):
        speaker.events.emit("outcome", **outcome.as_json(), best_recipe=best and str(best))
        return
    from .terminal import RESULTS

    print(outcome.pareto_table())
    print()
    for line in outcome.summary():
        RESULTS.print(line, markup=False, soft_wrap=True)
    if best:
        RESULTS.print(f"The best recipe: tfcompress recipe {best}", markup=False, soft_wrap=True)
    RESULTS.print(f"Outcome: {root}/outcome.md", markup=False, soft_wrap=True)


def _write_best(outcome: Any, root: Path, subject: Any, space: Any, share: float, command: str) -> Path | None:
    """The best recipe as a file; None where there is none, or where the file would not be that recipe."""
    from ..running.run import keys_of
    from ..running.store import Store
    from ..searching.figures import text_of
    from ..searching.found.written import written

    best = outcome.best
    if best is None:
        return None
    settings: Settings = space.settings(best.settings)
    cuts = subject.make(settings).data.validation is None
    figures = ", ".join(f"{name} {text_of(name, best.figures[name], outcome.kind)}" for name in outcome.budget.compared)
    notes = (f"Found by: {command}", f"Its file, {best.sha256[:16]}, on validation examples: {figures}.")
    final = dataclasses.replace(settings, validation_share=share) if cuts else settings
    path = root / BEST
    with Store(root).writing(BEST) as partial:
        partial.write_text(written(subject.path.read_text(encoding="utf-8"), final, notes), encoding="utf-8")
    try:
        again = recipe_file.load(str(path))
        same = keys_of(again.recipe(again.settings({}))) == keys_of(subject.make(final))
    except TfcompressError as error:
        raise InvalidRecipe(
            f"{path} must be the recipe that was found. Received: {error} Its settings are in "
            f"{root}/outcome.json: give them with --set."
        ) from error
    if not same:
        raise InvalidRecipe(
            f"{path} must be the recipe that was found. Received: one of other stages. Its settings are in "
            f"{root}/outcome.json: give them with --set."
        )
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
