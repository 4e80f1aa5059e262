"""tfcompress recipe NAME: compresses a model by a recipe, checks the exported files, and writes a report.

Everything up to the first stage comes without TensorFlow, so that help and mistakes come at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backend.threads import use_one_thread
from ..core.errors import NotJudged, Usage, VerdictFailed
from ..measuring.targets.target import PRESETS
from ..running.strategy import NONE, Strategy, parse_strategy
from ..targeting import recipe_for
from . import recipe_file
from .errors import exit_code_of
from .saying import EVENTS_HELP, Speaker, add_options, log_curves, require_one, speaking

if TYPE_CHECKING:
    from ..core.progress import Progress
    from ..core.types import Recipe
    from ..running.report import Report
    from ..running.store import Store

DESCRIPTION = """\
Compresses a Keras model by a recipe: trains, prunes, distils and quantizes it, exports TFLite, checks the files on CPU
and GPU delegates, and writes a report.
"""
EXAMPLES = """\
examples:
  {prog} digits                          a tour in about a minute, no download
  {prog} cifar10 --data-dir ~/data       CIFAR-10 from a folder of prepared TFDS data sets
  {prog} cifar10 --plan                  what it would do, and nothing more
  {prog} cifar10 --smoke                 all of it on 256 examples, to see it run
  {prog} cifar10 --set final_sparsity=0.9 --out runs/sparse
  {prog} cifar10 --strategy mirrored     on all GPUs; mirrored:2 on two, or on two parts of a CPU
  {prog} path/to/my_recipe.py            a recipe of your own
  {prog} digits --json | jq .event       events for programs
  {prog} cifar10 --help                  the settings of a recipe

The same command again continues an interrupted run; a finished stage is not repeated while what makes it stays.

exit codes: 0 all is well; 2 command line; 10 unknown recipe; 11 unknown setting; 12 value out of range; 13 recipe in
disorder; 20 data unavailable; 21 data corrupt; 30 output not writable; 31 disk full; 32 another run works in the
folder; 35 file too large; 36 disk of temporary files full; 37 out of memory; 40 model unsupported; 41 nothing
happened; 42 promise broken; 43 model file unreadable; 44 model no better than chance; 45 loss no number any more;
50 conversion failed; 60 a file failed a check; 61 no check could judge a file; 70 another worker lost; 80 optional
package missing; 130 interrupted; 143 terminated
"""
STRATEGY = (
    "where to train: none; mirrored, on all GPUs of this machine (mirrored:N: on N of them; without GPUs the CPU is "
    "divided); multi_worker, in the processes that TF_CONFIG names (default: none)"
)
INTERRUPTED = "Interrupted. Finished stages are kept: the same command continues."
SMOKE = {"num_examples": "256", "epochs": "2"}


def main(arguments: list[str], prog: str = "tfcompress recipe") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help and the report.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.deterministic:
        use_one_thread()
    command = shlex.join([*prog.split(), *arguments])
    return exit_code_of(lambda: _run(options, parser, command), options.debug, INTERRUPTED)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add = parser.add_argument
    add("recipe", nargs="?", metavar="NAME", help="a recipe's name, or the path of a recipe file")
    add("-h", "--help", action="store_true", help="show this, and the settings of NAME when it is given")
    add("--list", action="store_true", help="list the recipes")
    add("--plan", action="store_true", help="show the stages, what each makes and keeps, and stop")
    add("--smoke", action="store_true", help="use {num_examples} examples and {epochs} epochs".format(**SMOKE))
    add("--out", metavar="DIR", type=run_folder, help="the run folder (default: saved_models/NAME)")
    add("--data-dir", metavar="DIR", help="the folder of the prepared data set (default: TFDS_DATA_DIR, or tfds's own)")
    add(
        "--target", choices=tuple(PRESETS), help="the device that files are for: its files and checks, not the recipe's"
    )
    add("--epochs", metavar="N", help="epochs of the first training; the other stages scale with it")
    add("--seed", metavar="N", help="seed of every random number")
    add("--set", metavar="NAME=VALUE", action="append", default=[], help="any setting of the recipe; may be repeated")
    add("--strategy", metavar="S", default="none", help=STRATEGY)
    add_options(parser, EVENTS_HELP)
    add("--fresh", action="store_true", help="start over; earlier results are moved to earlier/ in the run folder")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser, command: str) -> int:
    if options.list:
        for name, path in recipe_file.built_in().items():
            print(f"{name:<20}{recipe_file.summary(path)}")
        return 0
    if options.recipe is None:
        parser.print_help(None if options.help else sys.stderr)
        return 0 if options.help else Usage.exit_code
    require_one(options)
    file = recipe_file.load(options.recipe)
    if options.help:
        print(f"{parser.format_help()}\n{file.name}: {file.settings_help()}", end="")
        return 0
    strategy = parse_strategy(options.strategy)
    settings = file.settings(_assignments(options))
    recipe = file.recipe(settings)
    if options.target:
        recipe = recipe_for(recipe, options.target)
    from ..running.order.following import require_order

    require_order(recipe)
    if options.plan:
        _print_plan(recipe, file.name)
        return 0
    folder = options.out or Path("saved_models") / (f"{file.name}-smoke" if options.smoke else file.name)
    if not strategy.is_chief:
        return _take_part(recipe, file, folder, strategy)
    with speaking(options, folder) as speaker:
        return _execute(recipe, file, settings, folder, options, strategy, command, speaker)


def _assignments(options: argparse.Namespace) -> dict[str, str]:
    """What the options say of the settings, as texts; the more particular option wins."""
    named = {"epochs": options.epochs, "seed": options.seed, "data_dir": options.data_dir}
    assignments = {**(SMOKE if options.smoke else {}), **{key: text for key, text in named.items() if text is not None}}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"--set must be NAME=VALUE. Received: {text!r}. Use --set epochs=20.")
        assignments[name.strip()] = value.strip()
    return assignments


def _take_part(recipe: Recipe, file: recipe_file.RecipeFile, folder: Path, strategy: Strategy) -> int:
    """Trains with the other workers; the chief writes, and reports."""
    from ..backend.tensorflow import start_quietly
    from ..running.run import run
    from ..running.store import Store
    from .terminal import TerminalProgress

    progress = TerminalProgress()
    progress.say(f"{file.name}: {strategy.worker}, which trains; the chief writes {folder}")
    recipe.data.require()
    start_quietly()
    run(recipe, Store(folder), file.name, strategy=strategy)
    progress.say(f"{file.name}: {strategy.worker} is done; the report is the chief's")
    return 0


def _execute(
    recipe: Recipe,
    file: recipe_file.RecipeFile,
    settings: Any,
    folder: Path,
    options: argparse.Namespace,
    strategy: Strategy,
    command: str,
    speaker: Speaker,
) -> int:
    from ..core.contracts import trusts_code
    from ..core.describe import describe
    from ..reporting.finishing import write_reports
    from ..running.store import Store

    store, progress = Store(folder), speaker.progress
    store.open(options.fresh, command)
    is_finished = False
    try:
        described = {field.name: describe(getattr(settings, field.name)) for field in dataclasses.fields(settings)}
        _say_changes(store.read_json("recipe.json"), described, progress)
        progress.say(f"{file.name}: {len(recipe.stages)} stages, results in {folder}")
        recipe.data.require()  # missing data is reported before TensorFlow's seconds of start-up
        report = _report(recipe, file, described, store, strategy, command, progress)
        if report is None:  # of several processes the chief alone has one
            return 0
        write_reports(report, store, not trusts_code(recipe))
        is_finished = True
    finally:
        store.close(is_finished)
    speaker.report(report, folder)
    log_curves(report, options.tensorboard)
    raise_verdict(report)
    return 0


def _report(
    recipe: Recipe,
    file: recipe_file.RecipeFile,
    settings: Mapping[str, Any],
    store: Store,
    strategy: Strategy,
    command: str,
    progress: Progress,
) -> Report | None:
    """The report of an earlier run that would be repeated whole, or of this one."""
    from ..advising.of_runs.run_advice import with_advice
    from ..backend.noise import LOG, noise_to
    from ..backend.tensorflow import start_quietly
    from ..publishing.card import write_card
    from ..running.finished import finished_report
    from ..running.run import keys_of, run

    keys = None
    if strategy.kind == NONE:  # processes that train together start together
        keys = keys_of(recipe)
        report = finished_report(recipe, store, file.name, file.summary, settings, keys, progress)
        if report is not None:
            for stage in report.stages:
                progress.say(f"{stage.name}: finished by an earlier run, {stage.headline}")
            return report
    store.write_json("recipe.json", {"recipe": file.name, "settings": settings})
    with noise_to(store.root / LOG):
        start_quietly()
        found = run(recipe, store, file.name, file.summary, settings, command, progress, strategy, keys)
        if found is None:
            return None
        found = with_advice(found, recipe, store.root, progress)
        write_card(found, recipe.data, store, recipe.task)
    return found


def raise_verdict(report: Report) -> None:
    """Raises `VerdictFailed` or `NotJudged` where the verdict is no "pass"."""
    if report.failures:
        raise VerdictFailed(_counted(report.failures, "thing is wrong", "things are wrong"))
    if report.not_judged:
        raise NotJudged(_counted(report.not_judged, "file could not be judged", "files could not be judged"))


def _counted(found: Sequence[str], one: str, several: str) -> str:
    return f"1 {one}: {found[0]}." if len(found) == 1 else f"{len(found)} {several}; the first: {found[0]}."


def run_folder(text: str) -> Path:
    """The folder that `--out` names. An empty text, as a variable without a value gives it, is no name."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a folder, such as runs/mine")
    return Path(text)


def _say_changes(before: Any, settings: Mapping[str, Any], progress: Progress) -> None:
    """Says which settings differ from the last run in this folder: the stages they touch run again."""
    old = before.get("settings", {}) if isinstance(before, dict) else {}
    changed = [f"{name} {old[name]} -> {value}" for name, value in settings.items() if old.get(name, value) != value]
    if changed:
        progress.say(
            f"Changed since the last run here: {', '.join(changed)}. Stages that depend on it run again; what they "
            "made before is kept in earlier/."
        )


def _print_plan(recipe: Recipe, name: str) -> None:
    from ..core.describe import short
    from ..running.order.following import order_remarks, start_name

    remarks = order_remarks(recipe)
    print(f"{name} on {recipe.data.title}")
    for position, stage in enumerate(recipe.stages):
        lines = {
            "from": start_name(recipe, position) or short(stage.start),
            "does": short(stage.technique, defaults=True),
            "trains": "" if stage.fit is None else f"{stage.fit.steps:,} steps, {short(stage.fit)}",
            "makes": ", ".join(sorted(stage.technique.makes)),
            "keeps": ", ".join(sorted(stage.technique.keeps)),
            "files": ", ".join(exporter.mode for exporter in recipe.exports.get(stage.name, ())),
        }
        print(f"\n{position + 1}. {stage.name}")
        for label, text in lines.items():
            print(f"   {label:<8}{text or 'nothing'}")
        for sentence in remarks.get(stage.name, ()):
            print(f"   {'remark':<8}{sentence}")
    print(f"\nEach file is checked on {', '.join(check.name for check in recipe.checks)}.")
