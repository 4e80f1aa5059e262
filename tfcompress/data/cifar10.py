"""CIFAR-10 through tensorflow-datasets: from a prepared folder, or downloaded once."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from ..backend.tensorflow import import_quietly
from ..core.errors import DataCorrupt, DataUnavailable, expect
from ..core.examples.source import Split
from ..core.extras import require_extra
from ..core.types import Data
from .tfds import folder_of_tfds

SOURCE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SIZES = {"train": 50_000, "test": 10_000}
ANSWER_WITHIN_S = 5.0  # without a network the error must come at once, not after a downloader's many tries


@dataclasses.dataclass(frozen=True)
class Cifar10(Data):
    """CIFAR-10, (32, 32, 3), ten classes: 50,000 images to train on and 10,000 to test on.

    Args:
      data_dir: the folder that tensorflow-datasets keeps prepared data sets in. Defaults to None: `TFDS_DATA_DIR` when
        set, else ~/tensorflow_datasets. What is not there is downloaded into it, once.
      num_examples: use only the first N of each split. Defaults to None: all.

    Example:

    >>> Cifar10(num_examples=256).num_train
    256

    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009,
    https://www.cs.toronto.edu/~kriz/cifar.html
    """

    data_dir: str | None = None
    num_examples: int | None = None

    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    num_classes = 10
    input_shape = (32, 32, 3)
    scale = 1 / 255

    def __post_init__(self) -> None:
        expect(
            self.num_examples is None or self.num_examples >= 1, self, "num_examples", "must be at least 1", "Use 256."
        )

    @property
    def folder(self) -> Path:
        """Where the prepared data set is looked for."""
        return folder_of_tfds(self.data_dir)

    @property
    def title(self) -> str:
        """The data set's name; a copy stored as JPEG says so: accuracy on it compares with no published figure."""
        return "CIFAR-10 (JPEG copy)" if self._stored_as_jpeg() else "CIFAR-10"

    @property
    def num_train(self) -> int:
        """Examples to train on."""
        return min(SIZES["train"], self.num_examples or SIZES["train"])

    def identity(self) -> dict[str, Any] | None:
        """The prepared folder, and the size and time of change of its files; None while it is not prepared."""
        prepared = self._prepared()
        if prepared is None:
            return None
        folder = prepared.parent.resolve()
        stats = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sorted(folder.iterdir())]
        files = hashlib.sha256("\n".join(stats).encode()).hexdigest()[:16]
        settings = {"title": self.title, "num_examples": self.num_examples}
        return {"type": "Cifar10", **settings, "folder": str(folder), "files": files}

    def load(self) -> tuple[Split, Split]:
        """Reads the training and the test split; downloads them when they are not there.

        Raises:
          MissingExtra: tensorflow-datasets is not installed.
          DataUnavailable: not there, and no network.
          DataCorrupt: there, but not readable or not whole.
        """
        self.require()
        prepared = self._prepared()
        sizes = {name: min(size, self.num_examples or size) for name, size in SIZES.items()}
        import_quietly()  # tensorflow-datasets would import TensorFlow, which is not quiet
        import tensorflow_datasets as tfds

        try:
            builder = tfds.builder("cifar10", data_dir=self.folder)
            builder.download_and_prepare()
            splits = {
                name: tfds.as_numpy(builder.as_dataset(split=f"{name}[:{size}]", batch_size=-1, shuffle_files=False))
                for name, size in sizes.items()
            }
        except Exception as error:  # tfds, TensorFlow and the network raise classes of their own, many of them private
            raise self._explain(error, prepared) from error
        found = {name: len(split["label"]) for name, split in splits.items()}
        if found != sizes:
            raise DataCorrupt(self._corrupt(prepared or self.folder, f"it holds {found} examples, not {sizes}"))
        parts = (Split(splits[name]["image"], splits[name]["label"]) for name in sizes)
        return next(parts), next(parts)

    def require(self) -> None:
        """Makes sure that the prepared folder or the network is there. Raises `DataUnavailable` within seconds.

        Raises `MissingExtra` when tensorflow-datasets is not installed.
        """
        require_extra("cifar10", "Cifar10")
        if self._prepared() is not None:
            return
        import requests

        try:
            requests.head(SOURCE, timeout=ANSWER_WITHIN_S)
        except requests.RequestException as error:
            raise DataUnavailable(self._unavailable(type(error).__name__)) from error

    def _prepared(self) -> Path | None:
        return next((self.folder / "cifar10").glob("*/dataset_info.json"), None)

    def _explain(self, error: Exception, prepared: Path | None) -> DataCorrupt | DataUnavailable:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        if prepared is None:
            return DataUnavailable(self._unavailable(reason))
        return DataCorrupt(self._corrupt(prepared, reason))

    def _unavailable(self, reason: str) -> str:
        return (
            f"CIFAR-10 is not in {self.folder} and could not be downloaded ({reason}). Give the folder of a prepared "
            "copy in TFDS_DATA_DIR (to a recipe with --data-dir), or run `python -m tfcompress.recipe digits`, which "
            "works offline."
        )

    def _corrupt(self, prepared: Path, reason: str) -> str:
        folder = prepared.parent if prepared.is_file() else prepared
        return f"CIFAR-10 in {folder} cannot be read: {reason}. Delete that folder to have it downloaded anew."

    def _stored_as_jpeg(self) -> bool:
        record = next((self.folder / "cifar10").glob("*/cifar10-test.tfrecord-*"), None)
        if record is None:
            return False
        with open(record, "rb") as stream:
            return b"\xff\xd8\xff" in stream.read(4096)
