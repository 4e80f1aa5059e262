"""A split of a data set that tensorflow-datasets has prepared, as a `Source`: each example is decoded once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..core.errors import DataCorrupt, InvalidValue
from ..core.examples.nests import Nest, leaves, mapped
from ..core.examples.source import Indices
from .kept_rows import KeptRows

if TYPE_CHECKING:
    import numpy as np


class Prepared:
    """Examples of a split by number, decoded when they are first asked for, and kept on disk (see `KeptRows`).

    Args:
      builder: TFDS's object for the data set, whose files are there.
      split: as TFDS names it.
      count: how many of its examples there are, from the first.
      convert: gives (inputs, targets), or with weights, of an example's features.
      about: what the examples are, for `identity`.
    """

    def __init__(
        self,
        builder: Any,
        split: str,
        count: int,
        convert: Callable[[Mapping[str, Any]], tuple[Nest, ...]],
        about: Mapping[str, Any],
    ):
        self.builder, self.split, self.count, self.convert, self.about = builder, split, count, convert, dict(about)
        self._lock = threading.Lock()
        self._found: tuple[tuple[Nest, ...], KeptRows] | None = None

    def __len__(self) -> int:
        return self.count

    def identity(self) -> dict[str, Any]:
        """The prepared files, and what is made of them."""
        return {**self.about, "count": self.count}

    def batch(self, indices: Indices) -> tuple[Nest, ...]:
        """These examples. Raises `DataCorrupt`, or `InvalidValue` where examples differ in shape or are no numbers."""
        with self._lock:  # threads of a pipeline may ask at once
            self._found = self._found or self._open()
        form, kept = self._found
        rows = kept.rows(indices)
        columns = (rows[name] for name in rows.dtype.names or ())
        return tuple(mapped(lambda leaf: None if leaf is None else next(columns), part) for part in form)

    def bytes_to_keep(self, indices: Indices) -> int:
        """What is written when these are asked for; 0 before the first is, as nobody knows how large one is."""
        return self._found[1].bytes_to_keep(indices) if self._found else 0

    def _open(self) -> tuple[tuple[Nest, ...], KeptRows]:
        """The form of an example, and where the examples are kept."""
        import numpy as np

        at_random = self._random_access()
        in_order = iter(()) if at_random else self._in_order()
        form = self.convert(at_random(0) if at_random else next(in_order))
        first = _arrays(form)
        row = np.dtype([(str(number), array.dtype, array.shape) for number, array in enumerate(first)])

        def fields(features: Mapping[str, Any]) -> tuple[np.ndarray, ...]:
            return _alike(_arrays(self.convert(features)), first)

        if at_random:
            return form, KeptRows(self.count, row, lambda number: fields(at_random(number)))
        kept = KeptRows(self.count, row, self._missing)
        kept.fill(itertools.chain([tuple(first)], map(fields, in_order)))
        return form, kept

    def _random_access(self) -> Callable[[int], Mapping[str, Any]] | None:
        """Gives the features of an example by number; None where the files' format, or the installation, cannot."""
        try:
            source = self.builder.as_data_source(self.split)
        except (NotImplementedError, ImportError):
            return None

        def read(number: int) -> Mapping[str, Any]:
            try:
                features: Mapping[str, Any] = source[number]
            except Exception as error:  # of the reader's and the decoder's own classes
                raise self._corrupt(error) from error
            return features

        return read

    def _in_order(self) -> Iterator[Mapping[str, Any]]:
        """The features of one example after another."""
        import tensorflow_datasets as tfds

        config = tfds.ReadConfig(try_autocache=False)  # it would hold small data sets in memory
        try:
            examples = iter(
                tfds.as_numpy(self.builder.as_dataset(split=self.split, shuffle_files=False, read_config=config))
            )
            yield from examples
        except Exception as error:  # of TensorFlow's own classes
            raise self._corrupt(error) from error
        raise self._corrupt(ValueError(f"it holds less than {self.count:,} examples"))

    def _missing(self, number: int) -> Any:
        raise self._corrupt(ValueError(f"it has no example {number:,}"))

    def _corrupt(self, error: Exception) -> DataCorrupt:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return DataCorrupt(
            f"{self.split} of {self.builder.data_path} cannot be read: {reason}. Delete that folder and have it made "
            "anew."
        )


def resized(array: Any, size: tuple[int, int], nearest: bool = False) -> Any:
    """An image (height, width, channels) of bytes in another size; anything else as it is.

    >>> import numpy as np
    >>> resized(np.zeros((4, 6, 1), "uint8"), (2, 3)).shape, resized(7, (2, 3))
    ((2, 3, 1), 7)
    """
    import numpy as np
    from PIL import Image

    if getattr(array, "ndim", 0) != 3 or array.dtype != np.uint8 or array.shape[-1] not in (1, 3, 4):
        return array
    image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    return np.asarray(image.resize(size[::-1], how)).reshape(*size, array.shape[-1])


def _arrays(example: tuple[Nest, ...]) -> list[np.ndarray]:
    import numpy as np

    arrays = [np.asarray(leaf) for leaf in leaves(example) if leaf is not None]
    for array in arrays:
        if array.dtype.kind not in "biufc":
            raise InvalidValue(
                f"Tfds.inputs and Tfds.targets must be numbers. Received: {array.dtype}, as of text. Turn it into "
                "numbers with transform=..., a function of (inputs, targets)."
            )
    return arrays


def _alike(arrays: list[np.ndarray], first: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The arrays of an example. Raises `InvalidValue` where they differ from those of the first."""
    form, wanted = ([f"{array.shape} of {array.dtype}" for array in each] for each in (arrays, first))
    if form != wanted:
        raise InvalidValue(
            f"Tfds must give examples of one shape and dtype. Received: {', '.join(wanted)}, and then "
            f"{', '.join(form)}. Use image_size=(height, width), or pad and convert them with transform=..."
        )
    return tuple(arrays)
