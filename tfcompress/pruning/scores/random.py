"""Random: the control that every other score has to beat."""

from __future__ import annotations

import dataclasses
import zlib
from typing import TYPE_CHECKING

from .evidence import NO_EVIDENCE, NOTHING, Evidence

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class RandomScore:
    """Keeps weights by lot, S uniform in [0, 1): the control. The lot is the same each time one kernel is asked for.

    Args:
      seed: of the lot. Defaults to 0.

    Example:

    >>> import numpy as np
    >>> bool(np.all(RandomScore()(np.ones(3)) == RandomScore()(np.zeros(3))))
    True
    """

    seed: int = 0

    @property
    def needs(self) -> str:
        """Nothing but the kernel's shape."""
        return NOTHING

    @property
    def in_groups(self) -> bool:
        """No: weight by weight."""
        return False

    def __call__(self, kernel: np.ndarray, evidence: Evidence = NO_EVIDENCE) -> np.ndarray:
        """S of each weight."""
        import numpy as np

        return np.random.default_rng([self.seed, zlib.crc32(evidence.name.encode())]).random(kernel.shape)
