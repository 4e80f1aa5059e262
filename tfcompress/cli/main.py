"""The command `tfcompress`: finds a subcommand by its name, and hands it the rest of the line. No TensorFlow here."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys

from .. import __version__
from ..core.errors import Usage

# Each subcommand: what it does, and the file whose main(arguments, prog) does it.
COMMANDS = {
    "recipe": ("compress a model by a recipe, check the exported files, write a report", "tfcompress.cli.recipe"),
    "compress": ("compress a trained model of your own by the techniques you name", "tfcompress.cli.compress"),
    "search": ("find the recipe that keeps a budget of bytes, accuracy or time", "tfcompress.cli.search"),
    "report": ("make the page of a finished run, or of several beside each other", "tfcompress.cli.report"),
    "verify": ("look whether a run folder is what its run wrote", "tfcompress.cli.verify"),
    "export": (
        "write a .tflite as C source for microcontrollers",
        "tfcompress.cli.export",
    ),
    "inspect": ("show what is in a Keras model or a .tflite, and what could be made of it", "tfcompress.cli.inspect"),
}
DESCRIPTION = (
    "Prunes, quantizes and distils Keras models, exports TFLite, and checks the file on CPU and GPU delegates."
)
EXAMPLES = """\
examples:
  tfcompress recipe digits                 a tour in about a minute, no download
  tfcompress recipe my_recipe.py --plan    what a recipe of your own would do
  tfcompress compress job.py --prune-channels 0.3 --quantize-aware
  tfcompress search digits --max-kb 12 --max-drop 1 --trials 8
  tfcompress report runs/a runs/b          both on one page, with their common Pareto front
  tfcompress verify saved_models/digits    whether every file is what the run wrote
  tfcompress export model.tflite --c       as C source, with its arena and the operations to register
  tfcompress inspect model.tflite --gpu    its operations, and what the GPU delegate says to them
  tfcompress recipe --help                 the options and exit codes of a command

exit codes: 0 all is well; 2 command line; 130 interrupted; each command's --help has its own
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and gives its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0].startswith("-"):
        parser = _parser()
        parser.parse_args(arguments)  # --help and --version end here, and so does an unknown option
        parser.print_help(sys.stderr)
        return Usage.exit_code
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(COMMANDS)}."
        print(f"tfcompress: There is no command {name!r}. {hint}", file=sys.stderr)
        return Usage.exit_code
    _, module = COMMANDS[name]
    exit_code: int = importlib.import_module(module).main(rest, f"tfcompress {name}")
    return exit_code


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<9}{summary}" for name, (summary, _) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="tfcompress",
        usage="tfcompress [-h] [--version] COMMAND ...",
        description=DESCRIPTION,
        epilog=f"commands:\n{commands}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tfcompress {__version__}")
    return parser
