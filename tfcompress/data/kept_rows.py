"""Examples that take time to read, such as images: each is read once, and kept as numbers in a file without a name."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ..core.errors import TemporaryFull
from ..core.examples.source import Indices

if TYPE_CHECKING:
    import numpy as np


class KeptRows:
    """Rows of one dtype, made when they are first asked for, several at a time, and then read from a file.

    Memory holds the rows that are asked for, whatever their number in all. The file has no name in its folder, the one
    for temporary files (`TMPDIR`), so that it goes with this object however the process ends.

    Args:
      count: how many rows there are.
      dtype: of a row, with its shape or its fields: `("uint8", (32, 32, 3))`.
      make: gives the row of a number; called from several threads.

    >>> squares = KeptRows(5, "int64", lambda number: number**2)
    >>> squares.rows([3, 1, 3]).tolist()
    [9, 1, 9]
    """

    def __init__(self, count: int, dtype: Any, make: Callable[[int], Any]):
        import numpy as np

        self.dtype = np.dtype(dtype)
        self._make = make
        self._is_made = np.zeros(count, bool)
        self._lock = threading.Lock()
        self._file, path = tempfile.mkstemp(prefix="tfcompress-")
        os.unlink(path)  # it lasts until it is closed
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return len(self._is_made)

    def rows(self, indices: Indices) -> np.ndarray:
        """These rows, (len(indices), ...).

        Raises:
          IndexError: for a number that there is not.
          TemporaryFull: when the disk has no room for more.
          And what `make` raises.
        """
        import numpy as np

        numbers = np.asarray(indices, "int64")
        are_made = self._is_made[numbers].all()  # or raises IndexError
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        if not are_made:
            self._make_missing(numbers)
        found = np.empty(len(numbers), self.dtype)
        size = self.dtype.itemsize
        for row, number in zip(found.reshape(-1).view("uint8").reshape(len(numbers), size), numbers, strict=True):
            os.preadv(self._file, [row.data], int(number) * size)
        return found

    def bytes_to_keep(self, indices: Indices) -> int:
        """What `rows` will write of these.

        >>> kept = KeptRows(5, "int64", lambda number: number)
        >>> kept.rows([1]).tolist(), kept.bytes_to_keep(range(5))
        ([1], 32)
        """
        import numpy as np

        is_made = self._is_made[np.asarray(indices, "int64")]
        return int((is_made.size - is_made.sum()) * self.dtype.itemsize)

    def fill(self, rows: Iterable[Any]) -> None:
        """Keeps rows that come one after another, from the first to as many as there are."""
        for number, row in zip(range(len(self)), rows, strict=False):
            self._keep(number, row)

    def _make_missing(self, numbers: np.ndarray) -> None:
        import numpy as np

        with self._lock:  # another thread may ask for the same ones
            missing = np.unique(numbers[~self._is_made[numbers]]).tolist()
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoding leaves Python's lock to others
                for _ in pool.map(lambda number: self._keep(number, self._make(number)), missing):
                    pass

    def _keep(self, number: int, row: Any) -> None:
        import numpy as np

        kept = np.empty(1, self.dtype)
        kept[0] = row
        try:
            os.pwrite(self._file, kept.reshape(-1).view("uint8").data, number * self.dtype.itemsize)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise TemporaryFull(
                f"{tempfile.gettempdir()} must have room for {len(self) * self.dtype.itemsize / 1e9:.2g} GB of decoded "
                "examples. Received: a disk that is full. Free some space, or name another folder in TMPDIR."
            ) from error
        self._is_made[number] = True
