"""L1: the mean magnitude of the weights of a group."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from .evidence import NO_EVIDENCE, NOTHING, Evidence
from .groups import GROUPS, WEIGHT, mean_over_group

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L1Score:
    """Keeps the groups of weights of largest mean magnitude: S_g = sum over g of |w| / |g|.

    The sum is divided by the size of the group, so that groups of different kernels compare. A group of one weight is
    magnitude pruning.

    Args:
      group: "weight", "slice" (what a filter reads of one input channel) or "filter". Defaults to "weight".

    Example:

    >>> import numpy as np
    >>> L1Score(group="filter")(np.array([[1.0, -3.0], [2.0, 0.0]]))  # two filters, the columns
    array([[1.5, 1.5],
           [1.5, 1.5]])

    Reference: Li et al., "Pruning filters for efficient ConvNets", 2017, https://arxiv.org/abs/1608.08710
    """

    group: str = WEIGHT

    def __post_init__(self) -> None:
        expect(self.group in GROUPS, self, "group", f"must be one of {GROUPS}", "Use 'weight'.")

    @property
    def needs(self) -> str:
        """Nothing but the kernel."""
        return NOTHING

    @property
    def in_groups(self) -> bool:
        """Whether weights go together."""
        return self.group != WEIGHT

    def __call__(self, kernel: np.ndarray, evidence: Evidence = NO_EVIDENCE) -> np.ndarray:
        """S_g at each weight of g."""
        return mean_over_group(abs(kernel), self.group, evidence.output_axis)
