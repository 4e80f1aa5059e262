"""The CPU checks: one mechanism, the interpreter with three kernel sets, and LiteRT's newer CompiledModel.

XNNPACK is what a phone runs by default; the built-in kernels are what remains where XNNPACK takes no part; the
reference kernels are the plain definition of each operation, slow, and what the other two are compared with.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ..core.errors import expect
from ..core.tasks.task import BoundTask, Task
from ..core.types import Artifact, Data, Finding
from . import judge, litert_log, worker


@dataclasses.dataclass(frozen=True)
class _Cpu:
    """Runs a file on the CPU over the whole test set, and once more at batch 1 for its latency.

    As in an app, no variable is reset between calls; some examples are given twice, and must give the same outputs. Of
    a file that `needs_reset` variables are reset before each call, and the finding says so.

    Args:
      num_threads: threads of the latency measurement, at least 1. The pass over the test set uses every core,
        whatever this says. Defaults to 1.
      time_limit_s: seconds after which the child process is killed and the check fails. Defaults to 600.

    Raises:
      InvalidValue: a setting out of its range.
    """

    kernels: ClassVar[str]
    _compiled: ClassVar[bool] = False

    num_threads: int = 1
    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        expect(self.num_threads >= 1, self, "num_threads", "must be 1 or more", "Use 1.")
        judge.check_settings(self)

    @property
    def name(self) -> str:
        """As the report calls it, for example "cpu-xnnpack"."""
        return f"cpu-{self.kernels}"

    def run(self, artifact: Artifact, data: Data, against: judge.Runs, task: Task | BoundTask | None = None) -> Finding:
        """Runs `artifact` in a child process.

        Args:
          artifact: the exported file.
          data: its test split is run, all of it.
          against: outputs (N, ...) of other runs of the model, by run and by output, compared example by example.
          task: what the outputs mean, and how close they must come. Defaults to None: the data's.

        Returns:
          A Finding; "fail" for a file that does not load, crashes, takes too long, or departs from the other runs.

        Raises:
          InvalidValue: when neither `task` nor the data says what the outputs mean.
        """
        known = judge.task_for(self, task, data, artifact)
        resets = artifact.needs_reset and not self._compiled
        job = worker.Job(
            *(str(artifact.path.resolve()), self.kernels, data.scale, data.offset, self.num_threads),
            resets=resets,
            states=artifact.states,
            is_raw=artifact.is_raw,
        )
        seen = worker.observe(job, data.test_on_disk, artifact.inputs, self.time_limit_s)
        kernels = "CompiledModel" if self._compiled else f"{self.kernels} kernels"
        device = f"CPU, {kernels}{', variables reset before each call' if resets else ''}"
        found = judge.finding(self.name, seen, artifact, data, known, against, device)
        return litert_log.with_refusals(found, seen.log) if self._compiled and seen.outputs is None else found


@dataclasses.dataclass(frozen=True)
class CpuXnnpack(_Cpu):
    """The CPU as LiteRT uses it by default: XNNPACK takes what it can, the built-in kernels the rest.

    >>> CpuXnnpack(num_threads=2).name
    'cpu-xnnpack'

    Reference: XNNPACK backend for TensorFlow Lite, 2020,
    https://blog.tensorflow.org/2020/07/accelerating-tensorflow-lite-xnnpack-integration.html
    """

    kernels: ClassVar[str] = "xnnpack"


@dataclasses.dataclass(frozen=True)
class CpuBuiltin(_Cpu):
    """The CPU with LiteRT's own optimized kernels alone, as where XNNPACK is not built in.

    >>> CpuBuiltin().name
    'cpu-builtin'
    """

    kernels: ClassVar[str] = "builtin"


@dataclasses.dataclass(frozen=True)
class CpuReference(_Cpu):
    """The CPU with the reference kernels: the definition of each operation, without any optimization.

    >>> CpuReference().name
    'cpu-reference'
    """

    kernels: ClassVar[str] = "reference"


@dataclasses.dataclass(frozen=True)
class CpuCompiledModel(_Cpu):
    """The CPU by `CompiledModel`, LiteRT's newer interface, which takes no file with variable tensors.

    What it refuses is in the finding with its reason, and fails nothing else: the interpreter may run the file.

    >>> CpuCompiledModel().name
    'cpu-compiled'

    Reference: LiteRT, CompiledModel API, https://ai.google.dev/edge/litert/next/get_started
    """

    kernels: ClassVar[str] = "compiled"
    _compiled: ClassVar[bool] = True
