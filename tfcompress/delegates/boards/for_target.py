"""A check that runs nothing: whether a file has operations alone that its target takes."""

from __future__ import annotations

import dataclasses

from ...core.tasks.task import BoundTask, Task
from ...core.types import Artifact, Data, Finding
from ...measuring.targets.target import Target
from .. import judge


@dataclasses.dataclass(frozen=True)
class ForTarget:
    """Refuses a file that a target would not take, naming operations, layers and reasons (docs/targets.md).

    Args:
      target: "cpu", "gpu", "npu", "mcu", or a `Target`.

    Raises:
      InvalidValue: for another name.

    >>> ForTarget("mcu").name
    'target-mcu'
    """

    target: Target | str

    def __post_init__(self) -> None:
        if not isinstance(self.target, Target):
            object.__setattr__(self, "target", Target(self.target))

    @property
    def name(self) -> str:
        """As the report calls it."""
        return f"target-{self._known.name}"

    @property
    def _known(self) -> Target:
        return self.target if isinstance(self.target, Target) else Target(self.target)

    def run(
        self,
        artifact: Artifact,
        data: Data | None = None,
        against: judge.Runs | None = None,
        task: Task | BoundTask | None = None,
    ) -> Finding:
        """Reads `artifact`; data, other runs and the task are not looked at."""
        found = self._known.objections(artifact.path, artifact.layers)
        device = f"file, the rules of {self._known.name}"
        if not found:
            return Finding(self.name, "pass", device=device)
        reason = f"the target {self._known.name} does not take {'; '.join(map(str, found))}"
        return Finding(self.name, "fail", reason, "See docs/targets.md.", device)
