"""What a score may know of a kernel besides its values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

NOTHING, GRADIENT, MOVEMENT = "nothing", "gradient", "movement"


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What was seen of a kernel; arrays have its shape.

    `gradient` is that of the loss, `movement` the sum over the steps of (what the step added to w) * (w before it);
    `output_axis` is where the kernel counts its filters, and `name` tells kernels of one shape apart.
    """

    name: str = ""
    output_axis: int = -1
    gradient: np.ndarray | None = None
    movement: np.ndarray | None = None


NO_EVIDENCE = Evidence()


@runtime_checkable
class Score(Protocol):
    """A rule for what a weight is worth; `needs` is NOTHING, GRADIENT or MOVEMENT."""

    @property
    def needs(self) -> str:
        """What has to be measured before the score can be told."""

    @property
    def in_groups(self) -> bool:
        """Whether weights share a score, and then go together."""

    def __call__(self, kernel: np.ndarray, evidence: Evidence = NO_EVIDENCE) -> np.ndarray:
        """The worth of each weight; those with the least go first."""


def required(seen: np.ndarray | None, owner: object, kind: str) -> np.ndarray:
    """`seen`, or an error that says what the score lacks."""
    if seen is None:
        raise ValueError(
            f"{type(owner).__name__} expects evidence with a {kind}. Received: none. Give Evidence({kind}=...)."
        )
    return seen
