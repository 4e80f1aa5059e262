"""How an example's logits are written: rounded, all of them or the largest, and a checksum that says it is whole."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PRIME = 65_521  # the largest below 2^16


@dataclasses.dataclass(frozen=True)
class LogitRows:
    """Logits as rows of bytes. A row never written is all zeros, and no sum of a written one is zero.

    Args:
      num_classes: of a teacher, at least 1.
      top_k: how many of its logits are kept; 0, or no fewer than there are classes, keeps all.
      dtype: of the logits, "float16" or "float32".
    """

    num_classes: int
    top_k: int
    dtype: str

    @cached_property
    def row(self) -> np.dtype:
        """Of one row; little-endian, without padding."""
        import numpy as np

        kind = np.dtype(self.dtype).newbyteorder("<")
        if not self._some:
            return np.dtype([("logits", kind, self.num_classes), ("sum", "<u2")])
        number = np.min_scalar_type(self.num_classes - 1).newbyteorder("<")
        return np.dtype([("logits", kind, self.top_k), ("classes", number, self.top_k), ("rest", kind), ("sum", "<u2")])

    @property
    def _some(self) -> bool:
        return 0 < self.top_k < self.num_classes

    def encode(self, logits: np.ndarray) -> np.ndarray:
        """Rows (batch,) of logits (batch, classes); what is too large for the type becomes its largest."""
        import numpy as np

        largest = np.finfo(self.dtype).max
        rows = np.zeros(len(logits), self.row)
        if self._some:
            order = np.argsort(-logits, axis=1, kind="stable")
            rows["classes"] = order[:, : self.top_k]
            rest = np.take_along_axis(logits, order[:, self.top_k :], axis=1).astype("float64")
            # log of the mean of exp: the others keep the sum of their probabilities
            top = rest.max(axis=1, keepdims=True)
            rows["rest"] = np.clip(np.log(np.exp(rest - top).mean(axis=1)) + top[:, 0], -largest, largest)
            logits = np.take_along_axis(logits, order[:, : self.top_k], axis=1)
        rows["logits"] = np.clip(logits, -largest, largest)
        rows["sum"] = self._sums(rows)
        return rows

    def decode(self, rows: np.ndarray) -> np.ndarray:
        """Logits (batch, classes), float32, of rows (batch,)."""
        import numpy as np

        if not self._some:
            return rows["logits"].astype("float32")
        logits = np.repeat(rows["rest"].astype("float32")[:, None], self.num_classes, axis=1)
        np.put_along_axis(logits, rows["classes"].astype(np.int64), rows["logits"].astype("float32"), axis=1)
        return logits

    def are_whole(self, rows: np.ndarray) -> np.ndarray:
        """Which of the rows (batch,) were written, and to their end: bool, (batch,)."""
        return (rows["sum"] != 0) & (rows["sum"] == self._sums(rows))

    def _sums(self, rows: np.ndarray) -> np.ndarray:
        """1 + (sum of byte times 1 + its place squared) modulo a prime, so never 0: uint16, (batch,)."""
        import numpy as np

        content = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), self.row.itemsize)[:, :-2]
        places = (1 + np.arange(content.shape[1], dtype="int64") ** 2) % _PRIME
        return (1 + (content.astype("int64") @ places) % _PRIME).astype("<u2")
