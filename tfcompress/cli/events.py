"""What a run says to programs: events, one line of JSON each, on a stdout that has nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from ..core.progress import Advance
from ..running.records import FileRecord
from ..running.report import Report

EVERY_S = 1.0  # at most one event of progress in this time


class Events:
    """Progress as events: {"event": "message" | "begin" | "progress" | "end" | "report" | "error", ...}.

    >>> import io
    >>> stream = io.StringIO()
    >>> Events(stream).say("baseline: finished")
    >>> stream.getvalue()
    '{"event": "message", "text": "baseline: finished"}\\n'
    """

    def __init__(self, stream: TextIO, clock: Any = time.monotonic):
        self._stream, self._clock = stream, clock

    def emit(self, event: str, **fields: Any) -> None:
        """Writes an event; numbers that are none become null, as JSON has no name for them."""
        print(json.dumps(_plain({"event": event, **fields}), allow_nan=False), file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """A message."""
        self.emit("message", text=text)

    @contextlib.contextmanager
    def task(self, label: str, total: int | None) -> Iterator[Advance]:
        """A piece of work: its begin, how far it is with the seconds left, and its end."""
        started = last = self._clock()
        self.emit("begin", task=label, total=total)

        def advance(done: int, note: str) -> None:
            nonlocal last
            now = self._clock()
            if now - last < EVERY_S and done != total:
                return
            last = now
            left = None if not total or not done else round((now - started) * (total - done) / done, 1)
            self.emit("progress", task=label, done=done, total=total, seconds_left=left, note=note)

        yield advance
        self.emit("end", task=label, seconds=round(self._clock() - started, 2))


def report_event(report: Report, folder: Path) -> dict[str, Any]:
    """The fields of the last event of a run: the verdict, a line a file, advice, and where the report lies."""
    return {
        "recipe": report.recipe,
        "verdict": report.verdict,
        "failures": list(report.failures),
        "not_judged": list(report.not_judged),
        "files": [_of_file(file, folder) for file in report.files],
        "advice": [dataclasses.asdict(each) for each in report.advice],
        "report": str(folder / "report.json"),
        "seconds": report.seconds,
    }


def _of_file(file: FileRecord, folder: Path) -> dict[str, Any]:
    first = next(iter(file.findings.values()), None)
    return {
        "variant": file.variant,
        "path": str(folder / file.path),
        "raw_bytes": file.raw_bytes,
        "zipped_bytes": file.zipped_bytes,
        "sparsity": file.sparsity,
        "metrics": dict(first.metrics) if first else {},
        "median_ms": first.latency.median_ms if first and first.latency else None,
        "checks": {finding.check: finding.status for finding in file.findings.values()},
    }


@contextlib.contextmanager
def events_on_stdout() -> Iterator[Events]:
    """Events on stdout; what anything else prints there goes to stderr until the block ends."""
    sys.stdout.flush()
    saved = os.dup(1)
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    before = sys.stdout
    try:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        yield Events(stream)
    finally:
        sys.stdout = before
        with contextlib.suppress(BrokenPipeError):
            stream.close()
        os.dup2(saved, 1)
        os.close(saved)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
