"""Chance: the control that each criterion has to beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .slices import NOTHING, Slice

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Random:
    """A channel is worth a number drawn evenly from [0, 1).

    Args:
      seed: of the numbers; equal seeds prune alike. Defaults to 0.

    Example:

    >>> import numpy as np
    >>> scores = Random(seed=1)([Slice("conv", "kernel", "makes", np.zeros((3, 1)))])
    >>> scores.shape, bool((scores == Random(seed=1)([Slice("conv", "kernel", "makes", np.zeros((3, 1)))])).all())
    ((3,), True)

    Reference: Mittal, Bhardwaj, Khapra and Ravindran, "Recovering from random pruning", 2018,
    https://arxiv.org/abs/1801.10447
    """

    seed: int = 0

    @property
    def needs(self) -> str:
        """Nothing."""
        return NOTHING

    @property
    def comparable(self) -> bool:
        """Yes."""
        return True

    def __call__(self, slices: Sequence[Slice], family: int = 0) -> np.ndarray | None:
        """The worth of each channel."""
        import numpy as np

        return np.random.default_rng([self.seed, family]).random(len(slices[0].rows)) if slices else None
