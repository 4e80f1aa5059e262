"""The CPU checks: one mechanism, three kernel sets.

XNNPACK is what a phone runs by default; the built-in kernels are what remains where XNNPACK takes no part; the
reference kernels are the plain definition of each operation, slow, and what the other two are compared with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from ..core.errors import expect
from ..core.types import Artifact, Data, Finding
from . import judge, worker

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class _Cpu:
    """Runs a file on the CPU over the whole test set, and once more at batch 1 for its latency.

    Args:
      num_threads: threads of the latency measurement, at least 1. The pass over the test set uses every core,
        whatever this says. Defaults to 1.
      time_limit_s: seconds after which the child process is killed and the check fails. Defaults to 600.
      min_agreement: the least top-1 agreement, in [0, 1], with each run that it is compared with, the Keras model
        for one; below it the check fails. Defaults to 0.9, which int8 passes and a broken file does not.

    Raises:
      InvalidValue: a setting out of its range.
    """

    kernels: ClassVar[str]

    num_threads: int = 1
    time_limit_s: float = 600.0
    min_agreement: float = 0.9

    def __post_init__(self) -> None:
        expect(self.num_threads >= 1, self, "num_threads", "must be 1 or more", "Use 1.")
        judge.check_settings(self)

    @property
    def name(self) -> str:
        """As the report calls it, for example "cpu-xnnpack"."""
        return f"cpu-{self.kernels}"

    def run(self, artifact: Artifact, data: Data, against: Mapping[str, np.ndarray]) -> Finding:
        """Runs `artifact` in a child process.

        Args:
          artifact: the exported file.
          data: its test split is run, all of it.
          against: outputs (N, classes) of other runs of the model by name, compared example by example.

        Returns:
          A Finding; "fail" for a file that does not load, crashes, takes too long, or gives other predictions.
        """
        job = worker.Job(str(artifact.path.resolve()), self.kernels, data.scale, data.offset, self.num_threads)
        seen = worker.observe(job, data.test.inputs, self.time_limit_s)
        device = f"CPU, {self.kernels} kernels"
        return judge.finding(self.name, seen, data.test.labels, against, self.min_agreement, device)


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
