"""The GPU check: LiteRT's accelerator, asked for the GPU alone, and its adapter proved from its own log."""

from __future__ import annotations

import dataclasses

from ..core.tasks.task import BoundTask, Task
from ..core.types import Artifact, Data, Finding
from . import driver, gpu_log, judge, worker


@dataclasses.dataclass(frozen=True)
class GpuDelegate:
    """Runs a file on the GPU, all of it or not at all, over the whole test set, one example at a time.

    A file of which the delegate refuses an operation fails, with each operation and the delegate's reason. Without a
    driver the check is "not run" and says how to install one. On a software driver the outputs count and the times do
    not: its Finding has no latency.

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
        obstacle = driver.obstacle()
        if obstacle:
            return self._not_run(*obstacle)
        tried = []
        for candidate in driver.find_drivers():
            job = worker.Job(str(artifact.path.resolve()), "gpu", data.scale, data.offset, preload=candidate.preload)
            seen = worker.observe(job, data.test_on_disk, artifact.inputs, self.time_limit_s, candidate.environment)
            if not gpu_log.has_no_adapter(seen.log):
                return self._judge(seen, artifact, data, known, against)
            tried.append(candidate.title)
        reason = f"{' and '.join(tried)} offered no adapter that LiteRT takes" if tried else "there is no Vulkan driver"
        return self._not_run(reason, driver.INSTALL_COMMAND)

    def _judge(
        self, seen: worker.Seen, artifact: Artifact, data: Data, task: BoundTask, against: judge.Runs
    ) -> Finding:
        device = gpu_log.adapter(seen.log)
        if seen.outputs is not None and not device:
            return self._not_run("the file ran, but no adapter is named in the log to prove where", "")
        if gpu_log.is_software(seen.log):
            seen = dataclasses.replace(seen, latency=None)
        found = judge.finding(self.name, seen, artifact, data, task, against, device)
        return found if seen.outputs is not None else _with_refusals(found, seen.log)

    def _not_run(self, reason: str, fix: str) -> Finding:
        return Finding(self.name, "not run", reason=reason, fix=fix)


def _with_refusals(found: Finding, log: str) -> Finding:
    refusals, taken = gpu_log.refusals(log), gpu_log.operations_taken(log)
    if not refusals or not taken:
        error = gpu_log.first_error(log)
        named = dataclasses.replace(found, reason=f"{found.reason}: {error}") if error else found
        return dataclasses.replace(named, refusals=refusals)
    num_taken, num_ops = taken
    words = "; ".join(f"{refusal.op}: {refusal.reason}" for refusal in refusals)
    return dataclasses.replace(
        found,
        reason=f"the delegate takes {num_taken} of {num_ops} operations; it refuses {words}",
        num_ops=num_ops,
        num_delegated_ops=num_taken,
        refusals=refusals,
    )
