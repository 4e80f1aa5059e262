"""How a command speaks: bars and a table for people, or events for programs; and the options that choose."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..core.disk import require_writable
from ..core.errors import Usage
from ..core.progress import Progress, Silent

if TYPE_CHECKING:
    from ..running.report import Report
    from .events import Events


class Speaker(Protocol):
    """Where a command's words go."""

    @property
    def progress(self) -> Progress:
        """What is said meanwhile."""

    def report(self, report: Report, folder: Path) -> None:
        """What it came to."""


class ToPeople:
    """Bars on stderr, or nothing there with `quiet`; the table on stdout."""

    def __init__(self, quiet: bool = False):
        from .terminal import TerminalProgress

        self.progress: Progress = Silent() if quiet else TerminalProgress()

    def report(self, report: Report, folder: Path) -> None:
        """Prints the table and the verdict."""
        from .terminal import print_report

        print_report(report, folder)


class ToPrograms:
    """Events on stdout, one line of JSON each."""

    def __init__(self, events: Events):
        self.progress: Progress = events
        self.events = events

    def report(self, report: Report, folder: Path) -> None:
        """Emits the last event of a run that came to its report."""
        from .events import report_event

        self.events.emit("report", **report_event(report, folder))


def add_options(parser: argparse.ArgumentParser, json_help: str) -> None:
    """Adds --quiet, --json, --tensorboard and --deterministic."""
    parser.add_argument("--quiet", action="store_true", help="no progress: the result and errors alone")
    parser.add_argument("--json", action="store_true", help=json_help)
    parser.add_argument(
        "--tensorboard",
        metavar="DIR",
        type=Path,
        help="log training curves and figures there: tensorboard --logdir DIR shows them",
    )
    parser.add_argument(
        "--deterministic", action="store_true", help="compute in one thread: equal bits on any number of cores, slower"
    )


EVENTS_HELP = "print events on stdout for programs, one line of JSON each, and nothing else"


def require_one(options: argparse.Namespace) -> None:
    """Raises `Usage` for options that exclude each other."""
    if options.quiet and options.json:
        raise Usage("--quiet and --json exclude each other. Received: both. Leave --quiet out: --json says events.")


@contextlib.contextmanager
def speaking(options: argparse.Namespace, folder: Path) -> Iterator[Speaker]:
    """The speaker that the options ask for; what goes wrong is an event too.

    Args:
      options: of the command line.
      folder: that will be written, by --out or by default.

    Raises:
      Usage: for options that exclude each other.
      OutputNotWritable, OutputFull: before anything is done, for a place that cannot be written.
    """
    require_one(options)
    if not options.json:
        _require_outputs(options, folder)
        yield ToPeople(options.quiet)
        return
    from .errors import explain
    from .events import events_on_stdout

    with events_on_stdout() as events:
        try:
            _require_outputs(options, folder)
            yield ToPrograms(events)
        except BaseException as error:
            message, code = explain(error)
            events.emit("error", message=message, exit_code=code)
            raise


def _require_outputs(options: argparse.Namespace, folder: Path) -> None:
    require_writable(folder, "--out")
    if options.tensorboard is not None:
        require_writable(options.tensorboard, "--tensorboard")


def log_curves(report: Report, folder: Path | None) -> None:
    """Writes TensorBoard's logs where they are asked for."""
    if folder is not None:
        from ..publishing.tensorboard import log_report

        log_report(report, folder)
        print(f"TensorBoard logs: {folder}", file=sys.stderr)
