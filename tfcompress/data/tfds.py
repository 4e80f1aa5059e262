"""Any data set of tensorflow-datasets: downloaded once, or from a prepared folder; its examples are read from disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ..backend.tensorflow import import_quietly
from ..core.errors import DataCorrupt, DataUnavailable, InvalidValue, expect
from ..core.examples.nests import Nest, leaves, mapped
from ..core.extras import require_extra
from ..core.selection import near
from ..core.types import Data
from .prepared import Prepared, resized

ANSWER_WITHIN_S = 5.0  # without a network the error must come at once, not after a downloader's many tries

Keys = Any  # a feature's name, or a tuple or dict of such


@dataclasses.dataclass(frozen=True)
class Tfds(Data):
    """A data set of tensorflow-datasets by its name.

    An example is decoded once, and its numbers are kept in a temporary file (in `TMPDIR`) as long as this object lasts:
    memory holds a batch, however many examples there are. Files in ArrayRecord are decoded example by example, as these
    are asked for; TFRecord, TFDS's default, cannot be read so, and a split of it is decoded when its first example is
    asked for.

    Args:
      name: as in `tfds.load`: "mnist", with a configuration "glue/sst2", with a version "cifar10:3.0.2".
      inputs: the feature that the model sees; or a tuple of them in the order of the model's inputs, or a dict by their
        names. Defaults to None: what the data set calls supervised keys.
      targets: likewise. Defaults to None: the supervised keys, and where there are none, no targets.
      train_split: what is trained on, as TFDS names it: "train", "train[:80%]". Defaults to "train".
      test_split: what is evaluated on. Defaults to "test".
      image_size: (height, width) that images are resized to; class masks among the targets too, by the nearest pixel.
        Defaults to None: as they are.
      transform: a function of one example, (inputs, targets) -> (inputs, targets), that turns text into tokens, boxes
        into a grid, and so on; what it gives must be of one shape for all. Defaults to None.
      scale: what stored inputs are multiplied by, as in `Data`: 1 / 255 for images in [0, 1]. Defaults to 1.
      offset: what is then added. Defaults to 0.
      data_dir: the folder that tensorflow-datasets keeps prepared data sets in. Defaults to None: `TFDS_DATA_DIR` when
        set, else ~/tensorflow_datasets. What is not there is downloaded into it, once.
      num_examples: use only the first N of each split. Defaults to None: all.

    Raises:
      InvalidValue: for a value out of range; at the first use for a name, split or feature that there is not.
      MissingExtra: tensorflow-datasets is not installed; at the first use.
      DataUnavailable: not there, and no network; at the first use.
      DataCorrupt: there, but not readable or not whole; when it is read.

    Example:

    >>> Tfds("tf_flowers", train_split="train[:80%]", test_split="train[80%:]", image_size=(96, 96)).title
    'tf_flowers'
    """

    name: str
    inputs: Keys = None
    targets: Keys = None
    train_split: str = "train"
    test_split: str = "test"
    image_size: tuple[int, int] | None = None
    transform: Callable[[Any, Any], tuple[Any, Any]] | None = None
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    data_dir: str | Path | None = None
    num_examples: int | None = None

    def __post_init__(self) -> None:
        expect(bool(self.name), self, "name", "must name a data set", 'Use "mnist".')
        size = self.image_size
        sizes = size is None or (len(size) == 2 and all(isinstance(each, int) and each >= 1 for each in size))
        expect(sizes, self, "image_size", "must be (height, width), or None", "Use (96, 96).")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """The data set's name."""
        return self.name

    @property
    def folder(self) -> Path:
        """Where the prepared data set is looked for."""
        return folder_of_tfds(self.data_dir)

    @property
    def num_train(self) -> int:
        """Examples to train on."""
        return self._count("train_split")

    @property
    def num_classes(self) -> int:
        """How many classes the targets have. Raises `AttributeError` where these are no classes."""
        return int(self._classes().num_classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Their names. Raises `AttributeError` where targets are no classes."""
        return tuple(self._classes().names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example's only input."""
        shape: tuple[int, ...] = leaves(self.train.batch([0])[0])[0].shape[1:]
        return shape

    def identity(self) -> dict[str, Any] | None:
        """The settings, and the prepared folder with its files; None while it is not prepared."""
        path = Path(self._builder.data_path)
        if not path.exists():
            return None
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**{name: value for name, value in settings.items() if name != "data_dir"}, "folder": path}

    def require(self) -> None:
        """Makes sure, within seconds, that the prepared folder or the network is there, and that it has the features.

        Raises `MissingExtra`, `DataUnavailable`, `DataCorrupt` or `InvalidValue`.
        """
        builder = self._builder
        _ = self._keys
        if Path(builder.data_path).exists():
            for field in ("train_split", "test_split"):
                self._count(field)
            return
        address = next(iter(getattr(builder, "url_infos", None) or ()), None)
        if address is not None:  # a builder of the user's own may need no network
            import requests

            try:
                requests.head(address, timeout=ANSWER_WITHIN_S)
            except requests.RequestException as error:
                raise DataUnavailable(self._unavailable(type(error).__name__)) from error

    def load(self) -> tuple[Prepared, Prepared]:
        """The training and the test split, of which nothing is decoded yet; downloads them when they are not there."""
        train, test = (self._split(field) for field in ("train_split", "test_split"))
        return train, test

    def _split(self, field: str) -> Prepared:
        about = {**(self.identity() or {}), "split": getattr(self, field)}
        return Prepared(self._prepared, getattr(self, field), self._count(field), self._example, about)

    def _example(self, features: Mapping[str, Any]) -> tuple[Nest, ...]:
        """(inputs, targets), or with weights, of an example as TFDS gives it."""
        inputs, targets, *weights = (_chosen(part, features) for part in self._keys)
        if self.image_size is not None:
            size = self.image_size
            inputs = mapped(lambda array: resized(array, size), inputs)
            targets = mapped(lambda array: resized(array, size, nearest=True), targets)
        if self.transform is not None:
            inputs, targets = self.transform(inputs, targets)
        return inputs, targets, *weights

    @cached_property
    def _builder(self) -> Any:
        """TFDS's own object for the data set, prepared or not."""
        require_extra("tfds", "Tfds")
        import_quietly()  # tensorflow-datasets would import TensorFlow, which is not quiet
        import tensorflow_datasets as tfds

        name = self.name.partition("/")[0].partition(":")[0]
        try:
            return tfds.builder(self.name, data_dir=self.folder)
        except Exception as error:  # many classes, some of them private
            if (self.folder / name).exists():
                raise DataCorrupt(self._corrupt(self.folder / name, error)) from error
            if isinstance(error, tfds.core.DatasetNotFoundError):
                raise InvalidValue(
                    f"Tfds.name must be a data set of tensorflow-datasets, or one prepared in {self.folder}. Received: "
                    f"{self.name!r}. Near it: {near(name, tfds.list_builders())}."
                ) from error
            raise InvalidValue(
                f"Tfds.name must be a data set, its configuration and its version. Received: {self.name!r}, of which "
                f"tensorflow-datasets says: {_first_line(error)}. Look at its page in the catalog."
            ) from error

    @cached_property
    def _prepared(self) -> Any:
        """The same, with its files there."""
        builder = self._builder
        if not Path(builder.data_path).exists():
            self.require()
            try:
                builder.download_and_prepare()
            except Exception as error:  # tfds, TensorFlow and the network raise classes of their own
                raise DataUnavailable(self._unavailable(_first_line(error))) from error
        return builder

    def _count(self, field: str) -> int:
        """The examples in a split, as many as are wanted. Raises `InvalidValue` where there is no such split."""
        builder, split = self._prepared, getattr(self, field)
        try:
            count = int(builder.info.splits[split].num_examples)
        except (KeyError, ValueError) as error:
            names = list(builder.info.splits)
            others = f"{names[0]}[:80%] to train on and {names[0]}[80%:] to test on" if len(names) == 1 else names[-1]
            raise InvalidValue(
                f"Tfds.{field} must be a split of {self.name}, {', '.join(names)}, or a part of one. Received: "
                f"{split!r}. Use {others}."
            ) from error
        if not count:
            raise InvalidValue(
                f"Tfds.{field} must have examples. Received: {split!r}, without any. Take a larger part."
            )
        return min(count, self.num_examples or count)

    @cached_property
    def _keys(self) -> tuple[Keys, ...]:
        """The names of inputs and targets, and of weights where the supervised keys have some."""
        info = self._builder.info
        supervised = tuple(info.supervised_keys or (None, None))
        keys = (self.inputs or supervised[0], self.targets or supervised[1], *supervised[2:])
        if keys[0] is None:
            raise InvalidValue(
                f"Tfds.inputs must name what the model sees, as {self.name} has no supervised keys. Received: None. "
                f"Use inputs=..., targets=... with names of: {', '.join(info.features)}."
            )
        for field, part in zip(("inputs", "targets"), keys, strict=False):
            unknown = [key for key in leaves(part) if key is not None and key not in info.features]
            if unknown:
                raise InvalidValue(
                    f"Tfds.{field} must name features of {self.name}: {', '.join(info.features)}. Received: "
                    f"{', '.join(map(repr, unknown))}. Use these names."
                )
        return keys

    def _classes(self) -> Any:
        """The feature of targets that are a class each. Raises `AttributeError` where they are something else."""
        key = self._keys[1]
        feature = self._builder.info.features[key] if isinstance(key, str) else None
        if not hasattr(feature, "num_classes"):
            raise AttributeError(f"the targets of {self.name} are no classes")
        return feature

    def _unavailable(self, reason: str) -> str:
        return (
            f"{self.name} is not in {self.folder} and could not be downloaded ({reason}). Give the folder of a "
            "prepared copy in data_dir or TFDS_DATA_DIR."
        )

    def _corrupt(self, path: Path, error: Exception) -> str:
        return f"{self.name} in {path} cannot be read: {_first_line(error)}. Delete that folder and have it made anew."


def folder_of_tfds(data_dir: str | Path | None) -> Path:
    """Where tensorflow-datasets keeps prepared data sets: the given folder, or TFDS_DATA_DIR, or its own default."""
    root = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(root).expanduser().absolute()


def _chosen(keys: Keys, features: Mapping[str, Any]) -> Nest:
    return mapped(lambda key: None if key is None else features[key], keys)


def _first_line(error: Exception) -> str:
    return next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), type(error).__name__)
