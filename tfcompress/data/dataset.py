"""A user's own examples as `Data`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..core.errors import InvalidValue
from ..core.examples.source import Source, Stream, head
from ..core.examples.spool import Spool
from ..core.tasks.task import Task
from ..core.types import Data
from .adapters import as_source


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset(Data):
    """What `dataset` gives: own examples, with what is asked of a model of them."""

    train_split: Source | Stream
    test_split: Source | Stream
    validation_split: Source | Stream | None = None
    title: str = "own data"
    task: Task | None = None

    @property
    def num_train(self) -> int | None:
        """Examples to train on; None for a stream, which does not know."""
        return None if isinstance(self.train_split, Stream) else len(self.train_split)

    @property
    def train(self) -> Source | Stream:
        """What models are trained and calibrated on."""
        return self.train_split

    @cached_property
    def test(self) -> Source:
        """What models are evaluated on; a stream is read once, to disk."""
        return Spool(self.test_split) if isinstance(self.test_split, Stream) else self.test_split

    @cached_property
    def validation(self) -> Source | None:
        """What a search looks at; a stream is read once, to disk."""
        given = self.validation_split
        return Spool(given) if isinstance(given, Stream) else given


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData(Dataset):
    """Examples to train or to calibrate on, and none to evaluate on."""

    @property
    def test(self) -> Source:
        """None. Raises `InvalidValue`."""
        raise InvalidValue(
            f"{self.title} must have a test split to evaluate on. Received: training examples alone. Give "
            "tfc.dataset(train, test)."
        )


def as_data(value: Any, what: str) -> Data:
    """`value` where it is `Data`, else the training examples that it holds: arrays, tf.data, and so on.

    >>> import numpy as np
    >>> as_data((np.zeros((8, 4)), np.zeros(8)), "KerasFit.data").num_train
    8
    """
    if isinstance(value, Data) or hasattr(value, "train"):
        found: Data = value
        return found
    source = as_source(value, what, None)
    return TrainingData(source, source, title=f"the data of {what.partition('.')[0]}")


def dataset(
    train: Any,
    test: Any,
    validation: Any = None,
    *,
    task: Task | None = None,
    keys: Sequence[str] | None = None,
    num_examples: int | None = None,
    title: str = "own data",
) -> Dataset:
    """Own examples, for `KerasFit`, `compress` and every exporter and check.

    Args:
      train: arrays (inputs, targets) or (inputs, targets, weights), a tf.data.Dataset of batches, a keras PyDataset, a
        function that gives a generator of batches, a torch-style data set (`data[i]` is one example) or loader (it
        gives batches), a source of tensorflow-datasets, or the path of an .npz file with x and y. Inputs and targets
        may be dicts by the model's names, or tuples in its order; their dtypes are kept.
      test: likewise; nothing is fitted to it.
      validation: likewise; what a search looks at. Defaults to None.
      task: what is asked of a model of this data. Defaults to None: the fit, the recipe or the compiled model says it.
      keys: where examples are dicts, the names of inputs and targets, and of weights if there are some. Defaults to
        None: x and y, inputs and targets, image and label, or text and label.
      num_examples: use only the first N of each split. Defaults to None: all.
      title: as reports call it.

    Raises:
      InvalidValue: for anything else.

    Example:

    >>> import numpy as np
    >>> data = dataset((np.zeros((8, 4)), np.zeros(8)), (np.zeros((2, 4)), np.zeros(2)))
    >>> data.num_train, len(data.test)
    (8, 2)
    """

    def split(what: str, value: Any) -> Source | Stream:
        found = head(as_source(value, f"dataset.{what}", keys), num_examples)
        if not isinstance(found, Stream) and not len(found):
            raise InvalidValue(f"dataset.{what} must have examples. Received: none. Look at how they are read.")
        return found

    checked = None if validation is None else split("validation", validation)
    return Dataset(split("train", train), split("test", test), checked, title=title, task=task)
