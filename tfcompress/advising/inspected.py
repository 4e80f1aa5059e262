"""What `tfcompress inspect` measures on, as data."""

from __future__ import annotations

import dataclasses

from ..core.examples.nests import Nest
from ..core.examples.source import Source
from ..core.tasks.presets import Classification
from ..core.tasks.task import Task
from ..core.types import Data
from ..inspecting.errors.measured_on import Examples


@dataclasses.dataclass(frozen=True, eq=False)
class Inspected(Data):
    """Examples of an inspection; where they have labels, these are classes."""

    examples: Examples
    title: str = "examples of an inspection"

    @property
    def task(self) -> Task | None:
        """Classification, where there are labels."""
        return Classification() if self.examples.with_labels else None

    def load(self) -> tuple[Source, Source]:
        """The examples, as both splits."""
        return self.examples.split, self.examples.split

    def model_inputs(self, stored: Nest) -> Nest:
        """As the data that they come from has it."""
        return self.examples.data.model_inputs(stored)
