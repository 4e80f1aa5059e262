"""L2: the root mean square of the weights of a group."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from .evidence import NO_EVIDENCE, NOTHING, Evidence
from .groups import FILTER, GROUPS, WEIGHT, mean_over_group

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class L2Score:
    """Keeps the groups of weights of largest root mean square: S_g = ||w_g||_2 / sqrt(|g|).

    Args:
      group: "weight", "slice" (what a filter reads of one input channel) or "filter". Defaults to "filter".

    Example:

    >>> import numpy as np
    >>> L2Score()(np.array([[3.0, 1.0], [3.0, -1.0]]))  # two filters, the columns
    array([[3., 1.],
           [3., 1.]])

    Reference: Wen et al., "Learning structured sparsity in deep neural networks", 2016,
    https://arxiv.org/abs/1608.03665
    """

    group: str = FILTER

    def __post_init__(self) -> None:
        expect(self.group in GROUPS, self, "group", f"must be one of {GROUPS}", "Use 'filter'.")

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
        return mean_over_group(kernel**2, self.group, evidence.output_axis) ** 0.5
