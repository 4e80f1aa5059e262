"""Gradient times weight: what the loss would change by, to first order, were the weight zero."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.errors import expect
from .evidence import GRADIENT, NO_EVIDENCE, Evidence, required

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class GradientTimesWeight:
    """Keeps the weights whose loss would change most without them: S = |dL/dw * w|, L over `num_examples` examples.

    The gradient is that of the loss that is trained, a teacher's part of it and added terms included, on examples of
    the training split spread evenly over it, and is taken anew each time the mask is.

    Args:
      num_examples: examples that the gradient is averaged over, at least 1; all when there are fewer. Defaults to 512.

    Example:

    >>> import numpy as np
    >>> GradientTimesWeight()(np.array([5.0, -1.0]), Evidence(gradient=np.array([0.1, 2.0])))
    array([0.5, 2. ])

    Reference: Lee, Ajanthan and Torr, "SNIP: single-shot network pruning based on connection sensitivity", 2019,
    https://arxiv.org/abs/1810.02340
    """

    num_examples: int = 512

    def __post_init__(self) -> None:
        expect(self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 512.")

    @property
    def needs(self) -> str:
        """A gradient."""
        return GRADIENT

    @property
    def in_groups(self) -> bool:
        """No: weight by weight."""
        return False

    def __call__(self, kernel: np.ndarray, evidence: Evidence = NO_EVIDENCE) -> np.ndarray:
        """S of each weight."""
        return abs(required(evidence.gradient, self, GRADIENT) * kernel)
