"""tfcompress report RUN [RUN ...]: the page of a finished run, or of several beside each other. No TensorFlow here."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from pathlib import Path

from ..core.disk import REFUSED, output_errors, require_writable
from ..core.errors import InvalidValue, OutputNotWritable, Usage
from .errors import exit_code_of

DESCRIPTION = """\
Makes one HTML file of finished runs: tables, charts, weights, and the examples whose prediction changed. It needs no
network and nothing beside it. Of several runs it compares all files, with their common Pareto front.

A run writes the page of its own as report.html into its folder; this command makes it anew, or for several runs. It
reads the run folders, trains nothing, and changes nothing in them.
"""
EXAMPLES = """\
examples:
  {prog} saved_models/digits
  {prog} runs/small runs/sparse --out compared.html

exit codes: 0 all is well; 2 command line; 12 runs that cannot be compared; 30 output not writable; 31 disk full;
33 report.json is damaged; 34 no finished run there; 130 interrupted; 143 terminated
"""
DEFAULT = Path("report.html")


def main(arguments: list[str], prog: str = "tfcompress report") -> int:
    """Runs the command line and gives its exit code.

    Args:
      arguments: what follows the command's name.
      prog: the command as it was typed, for its help.
    """
    parser = _parser(prog)
    options = parser.parse_args(arguments)
    if not options.runs:
        parser.print_help(sys.stderr)
        return Usage.exit_code
    return exit_code_of(lambda: _report(options.runs, options.out), options.debug)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=DESCRIPTION,
        epilog=EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("runs", nargs="*", metavar="RUN", type=Path, help="run folders, such as saved_models/digits")
    add("--out", metavar="FILE", type=Path, default=DEFAULT, help="the page to write (default: report.html, here)")
    add("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _report(folders: Sequence[Path], out: Path) -> int:
    from ..reporting.page.document import MARK, page_of
    from ..reporting.run_folder import read_run

    _require_place(out, MARK)
    runs = [read_run(folder) for folder in folders]
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidValue(
            f"RUN must be folders of different names, by which the page tells them apart. Received: {twice!r} twice. "
            "Rename one, or leave it out."
        )
    metrics = [run.report.stages[0].metric_kinds[0] for run in runs]
    if any(kind != metrics[0] for kind in metrics):
        raise InvalidValue(
            f"RUN must be runs with one headline metric, or they cannot be compared. Received: "
            f"{', '.join(f'{name} with {kind.name}' for name, kind in zip(names, metrics, strict=True))}. Make a page "
            "of each."
        )
    page = page_of(runs)
    with output_errors(out, (*REFUSED, errno.ENOENT), "Choose another file with --out."):
        out.write_text(page, encoding="utf-8")
    for run in runs:
        for missing in run.missing:
            print(f"{run.name}: {missing}")
    print(f"{out}: {len(page.encode()) / 1e6:.1f} MB")
    return 0


def _require_place(out: Path, mark: str) -> None:
    """Refuses a place that cannot be written, and a file that is something else of the user's."""
    require_writable(out, "--out", is_folder=False)
    if out.exists() and mark not in out.read_bytes()[:200].decode("utf-8", "replace"):
        raise OutputNotWritable(
            f"--out must not be another file of yours. Received: {out}, which is no such page. Use another name."
        )
