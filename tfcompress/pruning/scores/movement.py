"""Movement: weights that training moves away from zero are kept, large or small."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .evidence import MOVEMENT, NO_EVIDENCE, Evidence, required

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class MovementScore:
    """Keeps the weights that training has moved away from zero: S = sum over the steps t of (w_t+1 - w_t) * w_t.

    The paper's score is -sum of (dL/dw)_t * w_t, which plain SGD with a constant rate gives but for that rate. Here the
    step that the optimizer took stands for the gradient, so that momentum, Adam and a decaying rate have their say, and
    no second backward pass is made. A weight once pruned stays so: the paper's straight-through estimate, by which
    it may return, is not followed. Score needs steps to look at: the schedule should begin late.

    Example:

    >>> import numpy as np
    >>> MovementScore()(np.array([5.0, 0.1]), Evidence(movement=np.array([-0.2, 0.3])))  # the small one grows
    array([-0.2,  0.3])

    Reference: Sanh, Wolf and Rush, "Movement pruning: adaptive sparsity by fine-tuning", 2020,
    https://arxiv.org/abs/2005.07683
    """

    @property
    def needs(self) -> str:
        """What the steps did so far."""
        return MOVEMENT

    @property
    def in_groups(self) -> bool:
        """No: weight by weight."""
        return False

    def __call__(self, kernel: np.ndarray, evidence: Evidence = NO_EVIDENCE) -> np.ndarray:
        """S of each weight."""
        return required(evidence.movement, self, MOVEMENT)
