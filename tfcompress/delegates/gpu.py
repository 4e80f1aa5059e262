"""The GPU check: LiteRT's accelerator, asked for the GPU alone, and its adapter proved from its own log."""

from __future__ import annotations

import dataclasses

from ..core.tasks.task import BoundTask, Task
from ..core.types import Artifact, Data, Finding
from . import driver, judge, litert_log, worker
from .first_operation import FirstOperation, first_operation, limit_db


@dataclasses.dataclass(frozen=True)
class GpuDelegate:
    """Runs a file on the GPU, all of it or not at all, over the whole test set, one example at a time.

    Outputs that are not the CPU's fail, and the finding names the first operation that departs, and its Keras layer
    (first_operation.py). A file of which the delegate refuses an operation fails, with each operation and the
    delegate's reason. Without a driver the check is "not run" and says how to install one. On a software driver the
    outputs count and the times do not: its Finding has no latency.

    Args:
      time_limit_s: seconds after which the child process is killed and the check fails. Defaults to 600.

    Raises:
      InvalidValue: a setting out of its range.

    >>> GpuDelegate().name
    'gpu'

    Reference: LiteRT, GPU acceleration, https://ai.google.dev/edge/litert/next/gpu
    """

    time_limit_s: float = 600.0

    def __post_init__(self) -> None:
        judge.check_settings(self)

    @property
    def name(self) -> str:
        """As the report calls it."""
        return "gpu"

    def missing(self) -> tuple[str, str] | None:
        """Why no file can run on a GPU here, and what to do; None where there is a driver to try."""
        no_driver = ("there is no Vulkan driver", driver.INSTALL_COMMAND)
        return driver.obstacle() or (None if driver.find_drivers() else no_driver)

    def run(self, artifact: Artifact, data: Data, against: judge.Runs, task: Task | BoundTask | None = None) -> Finding:
        """Runs `artifact` on the first driver that has an adapter.

        Args:
          artifact: the exported file, with a fixed batch of 1.
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
            return self._not_run(*missing)
        tried = []
        for candidate in driver.find_drivers():
            job = _job(artifact, data, candidate)
            seen = worker.observe(job, data.test_on_disk, artifact.inputs, self.time_limit_s, candidate.environment)
            if not litert_log.has_no_adapter(seen.log):
                found = self._judge(seen, artifact, data, known, against)
                departs = found.status == "fail" and seen.outputs is not None
                first = first_wrong(artifact, data, self.time_limit_s) if departs else None
                words = f"{found.reason}; the first operation that departs from the CPU's is {first}"
                return found if first is None else dataclasses.replace(found, reason=words)
            tried.append(candidate.title)
        return self._not_run(f"{' and '.join(tried)} offered no adapter that LiteRT takes", driver.INSTALL_COMMAND)

    def _judge(
        self, seen: worker.Seen, artifact: Artifact, data: Data, task: BoundTask, against: judge.Runs
    ) -> Finding:
        device = litert_log.adapter(seen.log)
        if seen.outputs is not None and not device:
            return self._not_run("the file ran, but no adapter is named in the log to prove where", "")
        if litert_log.is_software(seen.log):
            seen = dataclasses.replace(seen, latency=None)
        found = judge.finding(self.name, seen, artifact, data, task, against, device)
        return found if seen.outputs is not None else litert_log.with_refusals(found, seen.log)

    def _not_run(self, reason: str, fix: str) -> Finding:
        return Finding(self.name, "not run", reason=reason, fix=fix)


def first_wrong(artifact: Artifact, data: Data, time_limit_s: float) -> FirstOperation | None:
    """The first operation of a file that a GPU computes otherwise than the CPU, over a few test examples.

    Args:
      artifact: the file; its mode says how close numbers must come, its layers how operations are called.
      data: whose test split has the examples.
      time_limit_s: for the child, one for each driver that is tried.

    Returns:
      None where no driver has an adapter, or none of the operations departs.
    """
    for candidate in driver.find_drivers():
        job, limit = _job(artifact, data, candidate), limit_db(artifact.mode)
        examples, names, where = data.test_on_disk, artifact.inputs, candidate.environment
        found = first_operation(job, examples, names, limit, time_limit_s, where, artifact.layers)
        if found is not None:
            return found
    return None


def _job(artifact: Artifact, data: Data, candidate: driver.Driver) -> worker.Job:
    path, rule = str(artifact.path.resolve()), (data.scale, data.offset)
    return worker.Job(path, "gpu", *rule, preload=candidate.preload, states=artifact.states, is_raw=artifact.is_raw)
