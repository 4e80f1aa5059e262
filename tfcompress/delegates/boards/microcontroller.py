"""The check for microcontrollers: a file in the interpreter that firmware is built with, its arena, what it lacks."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from collections.abc import Collection
from pathlib import Path

from ...backend.child import last_words
from ...core.errors import expect
from ...core.tasks.task import BoundTask, Task
from ...core.types import Artifact, Data, Finding
from ...measuring.targets.file_operations import named, operations_of
from .. import judge, worker

INSTALL = "pip install 'tfcompress[mcu]'"
ONE_CALL_S = 60

_NODE = re.compile(r"Node (\w+) \(number (\d+)")


@dataclasses.dataclass(frozen=True)
class Microcontroller:
    """Runs a file in TensorFlow Lite for Microcontrollers over the whole test set, one example at a time.

    It is the C++ interpreter that firmware is built with, with its reference kernels, on this machine; the vendors'
    kernels (CMSIS-NN) are to give the same integers. The finding has the least tensor arena, proved by a run in no more
    than that; a board's pointers are half as long as this machine's, so that it needs rather less. A file with
    operations that the interpreter lacks fails, and the finding names them and their layers. Times say nothing of a
    board, and are not measured. Where the package tflite-micro is not installed, the check is "not run".

    Args:
      one_call_s: seconds after which a call that does not end fails the check, at least 1. Defaults to 60.
      time_limit_s: seconds after which the child process is killed and the check fails. Defaults to 600.

    Raises:
      InvalidValue: a setting out of its range.

    >>> Microcontroller().name
    'microcontroller'

    Reference: David et al., TensorFlow Lite Micro: Embedded Machine Learning on TinyML Systems, 2021,
    https://arxiv.org/abs/2010.08678
    """

    one_call_s: int = ONE_CALL_S
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        whole = isinstance(self.one_call_s, int) and self.one_call_s >= 1
        expect(whole, self, "one_call_s", "must be whole seconds, 1 or more", "Use 60.")
        judge.check_settings(self)

    @property
    def name(self) -> str:
        """As the report calls it."""
        return "microcontroller"

    def missing(self) -> tuple[str, str] | None:
        """Why no file can be run here, and what to do; None where the interpreter is installed."""
        if importlib.util.find_spec("tflite_micro") is None:
            return "tflite-micro is not installed", f"Run: {INSTALL}"
        return None

    def run(self, artifact: Artifact, data: Data, against: judge.Runs, task: Task | BoundTask | None = None) -> Finding:
        """Runs `artifact` in a child process.

        Args:
          artifact: the exported file.
          data: its test split is run, all of it.
          against: outputs (N, ...) of other runs of the model, by run and by output, compared example by example.
          task: what the outputs mean, and how close they must come. Defaults to None: the data's.

        Returns:
          A Finding: "pass", "fail", or "not run" with the reason and the fix.

        Raises:
          InvalidValue: when neither `task` nor the data says what the outputs mean.
        """
        known = judge.task_for(self, task, data, artifact)
        missing = self.missing()
        if missing:
            return Finding(self.name, "not run", *missing)
        job = worker.Job(
            *(str(artifact.path.resolve()), "micro", data.scale, data.offset),
            with_latency=False,
            resets=artifact.needs_reset,
            states=artifact.states,
            is_raw=artifact.is_raw,
            one_call_s=self.one_call_s,
        )
        seen = worker.observe(job, data.test_on_disk, artifact.inputs, self.time_limit_s)
        if seen.outputs is None:
            reason = self._reason(seen, artifact)
            seen = dataclasses.replace(seen, failure=reason)
        # The child's own memory is that of this machine's interpreter and its records; a board has the arena.
        seen = dataclasses.replace(seen, peak_memory_bytes=seen.arena_bytes)
        found = judge.finding(self.name, seen, artifact, data, known, against, _device(seen, artifact))
        return dataclasses.replace(found, arena_bytes=seen.arena_bytes)

    def _reason(self, seen: worker.Seen, artifact: Artifact) -> str:
        if seen.lacks:
            return f"it has no operation for {operations_that_lack(artifact.path, seen.lacks, artifact.layers)}"
        if "SIGALRM" in seen.failure:
            loops = [each for each in operations_of(artifact.path) if each.op == "WHILE"]
            known = f"; it has loops: {named(loops, artifact.layers)}" if loops else ""
            return f"one call did not end within {self.one_call_s} s{known}"
        return f"{seen.failure}{_where(seen.log, artifact.path, artifact.layers)}"


def operations_that_lack(path: Path, ops: Collection[str], layers: Collection[str]) -> str:
    """The operations of a file that are of these kinds, with their layers, in words."""
    return named([each for each in operations_of(path) if each.op in ops], layers)


def version() -> str:
    """The version of tflite-micro that is installed; "" where none is."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as of

    try:
        return of("tflite-micro")
    except PackageNotFoundError:
        return ""


def _device(seen: worker.Seen, artifact: Artifact) -> str:
    resets = ", variables reset before each call" if artifact.needs_reset else ""
    arena = f", arena {seen.arena_bytes:,} bytes" if seen.arena_bytes else ""
    return f"tflite-micro {version()}, reference kernels{resets}{arena}"


def _where(log: str, path: Path, layers: Collection[str]) -> str:
    """What the interpreter wrote before it gave up, and the operation that it was about."""
    words = last_words(_NODE.sub("", "\n".join(line for line in log.splitlines() if not _NODE.match(line))))
    node = _NODE.search(log)
    if node is None:
        return f": {words}" if words else ""
    operations = [each for each in operations_of(path) if each.graph == 0 and each.number == int(node[2])]
    return f": {named(operations, layers)}: {words}" if words else f": {named(operations, layers)}"
