"""Examples on disk: a child process can read them, a stream becomes a source, and memory holds a batch at a time."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidValue
from ..temporaries import temporary_folder
from .nests import Nest, leaves, mapped
from .source import Indices, Source, Stream, batches_of

if TYPE_CHECKING:
    import numpy as np

MOST_EXAMPLES, MOST_BYTES = 500, 1 << 26  # in memory at once


class Spool:
    """A source whose examples lie in .npy files, one for each array, as long as this object lasts.

    `inputs` and `targets` are nests of these arrays, mapped from disk; `paths` is the nest of the inputs' files.

    Raises:
      InvalidValue: when there are no examples, or these are no numbers, or not of one shape and dtype.

    >>> import numpy as np
    >>> from .source import Split
    >>> spool = Spool(Split({"x": np.arange(3), "y": np.ones((3, 2))}, np.array([5, 6, 7])))
    >>> spool.inputs["y"].shape, spool.batch([2])[1].tolist()
    ((3, 2), [7])
    """

    def __init__(self, source: Source | Stream):
        folder = temporary_folder("examples")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        batches = batches_of(source, _batch_size(source))
        first = next(batches, None)
        if first is None:
            raise InvalidValue(
                "data must give examples. Received: a source or stream without any. Look at what makes it: a generator "
                "that was read once is empty the second time."
            )
        paths = (folder / f"{number}.npy" for number in range(1 << 20))
        with contextlib.ExitStack() as files:
            grow = lambda leaf: None if leaf is None else _Growing(next(paths), leaf, files)  # noqa: E731
            parts = [mapped(grow, part) for part in first]
            self.weighted = len(parts) == 3
            for batch in itertools.chain([first], batches):
                for grown, given in zip(parts, batch, strict=True):
                    _append(grown, given)
            for growing in leaves(parts):
                if growing is not None:
                    growing.finish()
        self.paths: Nest = mapped(lambda growing: growing.path, parts[0])
        whole = [mapped(lambda growing: None if growing is None else growing.whole(), part) for part in parts]
        self.inputs: Nest = whole[0]
        self.targets: Nest = whole[1] if len(whole) > 1 else None
        self.weights: Any = whole[2] if self.weighted else None

    def __len__(self) -> int:
        return len(leaves(self.inputs)[0])

    def identity(self) -> tuple[Nest, ...]:
        """The examples, wherever they lie."""
        return self.inputs, self.targets, self.weights

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """These examples."""
        import numpy as np

        chosen = np.asarray(indices)
        taken = (self.inputs, self.targets, self.weights) if self.weighted else (self.inputs, self.targets)
        # Mapped for this batch alone: what was read stays in the process's memory as long as its map.
        return tuple(
            mapped(lambda array: None if array is None else np.load(array.filename, mmap_mode="r")[chosen], part)
            for part in taken
        )


class _Growing:
    """An .npy file to which rows are added; NumPy's header has room for a longer first axis."""

    def __init__(self, path: Path, example: Any, files: contextlib.ExitStack):
        import numpy as np

        example = np.asarray(example)
        if example.dtype.kind not in "biufc":
            raise InvalidValue(
                f"data must give numbers. Received: an array of dtype {example.dtype}. Turn text into tokens before, "
                "with keras.layers.TextVectorization for one."
            )
        self.path, self.dtype, self.shape, self.count = path, example.dtype, example.shape[1:], 0
        self._file = files.enter_context(path.open("wb"))
        self._write_header()

    def append(self, rows: Any) -> None:
        import numpy as np

        array = np.asarray(rows)
        if array.shape[1:] != self.shape or not np.can_cast(array.dtype, self.dtype, "same_kind"):
            raise InvalidValue(
                f"data must give examples of one shape and dtype. Received: {self.shape} of {self.dtype}, and then "
                f"{array.shape[1:]} of {array.dtype}. Pad, resize or convert them where they are read."
            )
        array = np.ascontiguousarray(array, self.dtype)
        self._file.write(array.data if array.size else b"")
        self.count += len(array)

    def finish(self) -> None:
        """Says in the file's header how many rows there are."""
        self._file.seek(0)
        self._write_header()

    def whole(self) -> np.ndarray:
        """The array, mapped from the file."""
        import numpy as np

        mapped_file: np.ndarray = np.load(self.path, mmap_mode="r")
        return mapped_file

    def _write_header(self) -> None:
        from numpy.lib import format

        shape = (self.count, *self.shape)
        descr = format.dtype_to_descr(self.dtype)
        format.write_array_header_1_0(self._file, {"descr": descr, "fortran_order": False, "shape": shape})


def _batch_size(source: Source | Stream) -> int:
    import numpy as np

    if isinstance(source, Stream) or not len(source):
        return MOST_EXAMPLES  # a stream has batches of its own
    example = sum(np.asarray(leaf).nbytes for leaf in leaves(source.batch([0])) if leaf is not None)
    return max(1, min(MOST_EXAMPLES, MOST_BYTES // max(1, example)))


def _append(grown: Nest, given: Nest) -> None:
    for growing, rows in zip(leaves(grown), leaves(given), strict=True):
        if growing is not None:
            growing.append(rows)
