"""tfcompress verify RUN: whether a run folder is what its run wrote.

It imports neither TensorFlow nor NumPy, and writes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from ..core.errors import RunDamaged, RunUnfinished, Usage
from ..running.folder.lock import require_unlocked
from ..running.folder.whole import DAMAGED, WHOLE, Checked, check_folder
from .errors import exit_code_of

DESCRIPTION = """\
Reads every file of a run folder and compares its SHA-256 with the one that was noted when it was written: names what
has changed, what is missing, and what was put there by something else. earlier/ is not looked at.

It proves that the folder is what a run of tfcompress wrote, as far as nobody rewrote it on purpose: a manifest is no
signature, and whoever can write a file can write its SHA-256 too.
"""
EXAMPLES = """\
examples:
  {prog} saved_models/digits
  {prog} runs/small --json | jq .problems

What is damaged is made again, and nothing else, by the command that made the run.

exit codes: 0 all is well; 2 command line; 32 a run works in the folder; 33 files changed, missing or foreign; 34 no
finished run there; 130 interrupted; 143 terminated
"""


def main(arguments: list[str], prog: str = "tfcompress verify") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help(sys.stderr)
        return Usage.exit_code
    return exit_code_of(lambda: _verify(options.run, options.json), options.debug)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", nargs="?", metavar="RUN", type=_folder, help="a run folder, such as saved_models/digits")
    add("--json", action="store_true", help="print one JSON object and nothing else")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _folder(text: str) -> Path:
    """The folder that RUN names: an empty text would be the current one."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name a run folder, such as saved_models/digits")
    return Path(text)


def _verify(root: Path, as_json: bool) -> int:
    if not root.is_dir():
        what = "It is a file." if root.exists() else "There is no folder of this name."
        raise RunUnfinished(f"RUN must be a run folder. Received: {root}. {what} Give one that a run wrote.")
    require_unlocked(root)
    checked = check_folder(root)
    if as_json:
        print(json.dumps(_as_json(root, checked), indent=2))
    else:
        _print(checked)
    if checked.verdict == DAMAGED:
        first = checked.problems[0]
        raise RunDamaged(
            f"{root} must be what its run wrote. Received: {_counted(checked)}, {_shown(first.path)} for one. Give the "
            f"command that made it again: it makes what is damaged anew{_command(checked)}."
        )
    if checked.verdict != WHOLE:
        raise RunUnfinished(
            f"{root} must be a finished run. Received: {_so_far(checked)} and no manifest. Give the command that "
            "began it again: it goes on."
        )
    return 0


def _print(checked: Checked) -> None:
    for problem in checked.problems:
        print(f"{problem.kind:<8} {_shown(problem.path)}{f': {problem.how}' if problem.how else ''}")
    for name in checked.others:
        print(f"{'other':<8} {_shown(name)}: of no run, left alone")
    sizes = f"{checked.num_files} files, {checked.num_bytes / 1e6:.1f} MB"
    made = checked.manifest
    when = f", finished {_shown(made.finished)} by {_shown(str(made.about.get('command')))}" if made else ""
    print(f"Verdict: {checked.verdict}. {sizes} are what was written{when}.")


def _as_json(root: Path, checked: Checked) -> dict[str, Any]:
    manifest = None if checked.manifest is None else dataclasses.asdict(checked.manifest)
    return {"run": str(root), "verdict": checked.verdict, **dataclasses.asdict(checked), "manifest": manifest}


def _counted(checked: Checked) -> str:
    kinds = [problem.kind for problem in checked.problems]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("changed", "missing", "foreign") if kind in kinds)


def _so_far(checked: Checked) -> str:
    return f"{checked.num_files} whole files" if checked.num_files else "no file of a run"


def _command(checked: Checked) -> str:
    return f" ({_shown(str(checked.manifest.about.get('command')))})" if checked.manifest else ""


def _shown(name: str) -> str:
    """Words from the folder, as text that does nothing to a terminal."""
    return name if name.isprintable() else repr(name)
