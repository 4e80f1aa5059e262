"""A user's own images: a folder of class folders, or a CSV file, split, resized and scaled as a model wants them."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import DataUnavailable, InvalidValue, expect
from ..core.tasks.presets import Classification
from ..core.types import Data
from .images import MODES, Images
from .listing import ListedFile, list_images
from .scaling import SCALINGS, names_for
from .splits.doubles import say_double_files

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class ImageFolder(Data):
    """Images in a folder with a subfolder a class (or in a CSV file), as bytes (height, width, channels).

    An image is decoded when it is first asked for, and its pixels are kept in a temporary file (in `TMPDIR`) as long as
    this object lasts: memory holds a batch, however many images there are.

    Args:
      source: the folder: `CLASS/NAME.jpg`, or `train/CLASS/NAME.jpg` and `test/CLASS/NAME.jpg`; or a CSV file with
        columns path, label and, if wanted, split.
      input_shape: (height, width, channels) that images are resized to; 1, 3 or 4 channels. Defaults to
        (224, 224, 3).
      scaling: what pixels become: "0..255", "0..1", "-1..1", or keras.applications' "torch" or "caffe". Defaults to
        "0..1".
      classes: names in the order of the model's outputs. Defaults to None: in alphabetical order, as Keras's
        `image_dataset_from_directory` numbers them.
      test_share: of the images of each class, in (0, 1), that are kept for evaluation where the source names no splits.
        Defaults to 0.2.
      resize: "stretch" or "crop" (see `read_images`). Defaults to "stretch".
      num_examples: use only N of each split, drawn at random. Defaults to None: all.
      seed: of the split and the draw. Defaults to 0.
      several_labels: whether an image may have any number of labels, as in "cat|dog" in a CSV file; nothing for none.
        Targets are then 0 and 1 of shape (N, labels), and splits are drawn from all images together. Defaults to False.

    Raises:
      InvalidValue: for a value out of range, or a class that `classes` lacks.
      DataUnavailable: when there are no images; at the first use.
      DataCorrupt: for an image that cannot be decoded; when it is read.

    Example:

    >>> ImageFolder("photos", input_shape=(96, 96, 3), scaling="-1..1").offset
    -1.0
    """

    source: str | Path
    input_shape: tuple[int, int, int] = (224, 224, 3)
    scaling: str = "0..1"
    classes: tuple[str, ...] | None = None
    test_share: float = 0.2
    resize: str = "stretch"
    num_examples: int | None = None
    seed: int = 0
    several_labels: bool = False

    def __post_init__(self) -> None:
        sizes = len(self.input_shape) == 3 and all(isinstance(size, int) and size >= 1 for size in self.input_shape)
        channels = sizes and self.input_shape[-1] in MODES
        expect(channels, self, "input_shape", "must be (height, width, 1, 3 or 4 channels)", "Use (224, 224, 3).")
        known = f"must be one of {', '.join(self.scalings)}"
        expect(self.scaling in self.scalings, self, "scaling", known, "Use 0..1.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.2.")
        expect(self.resize in ("stretch", "crop"), self, "resize", "must be stretch or crop", "Use stretch.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def scale(self) -> float | tuple[float, ...]:
        """What stored pixels are multiplied by."""
        return SCALINGS[self.scaling].scale

    @property
    def offset(self) -> float | tuple[float, ...]:
        """What is then added."""
        return SCALINGS[self.scaling].offset

    @property
    def seen_as(self) -> str:
        """Pixels are numbers to a model, also where they stay 0 to 255."""
        return "float32"

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"images in {Path(self.source).name}"

    @property
    def task(self) -> Classification:
        """One class of several, or several labels."""
        return Classification(several_labels=self.several_labels)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""
        found = sorted({label for image in self._images for label in self._labels(image)})
        if self.classes is None:
            # Numbers are labels already: 10 comes after 9.
            return tuple(sorted(found, key=int) if all(name.isdecimal() for name in found) else found)
        unknown = [name for name in found if name not in self.classes]
        if unknown:
            raise InvalidValue(
                f"ImageFolder.classes must name every class of the data. Received: {', '.join(self.classes)}, without "
                f"{', '.join(unknown)}. Add them in the order of the model's outputs, or take their images out."
            )
        return self.classes

    @property
    def num_classes(self) -> int:
        """How many names there are."""
        return len(self.class_names)

    @property
    def num_train(self) -> int:
        """Images to train on."""
        return len(self._parts[0])

    def require(self) -> None:
        """Lists the images. Raises `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        for name, part in zip(("train", "test"), self._parts, strict=True):
            if not part:
                raise DataUnavailable(
                    f"data must leave images to {name} on. Received: {self.source}, with {len(self._images)} "
                    "images in all. Add some, or change test_share."
                )
        _ = self.class_names

    def identity(self) -> dict[str, Any]:
        """The settings, and each image's path, size and time of change: other images are other data."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "source"}
        stats = [(image, image.path.stat()) for image in self._images]
        files = [f"{p.split}/{p.label}/{p.path.resolve()} {stat.st_size} {stat.st_mtime_ns}" for p, stat in stats]
        return {"type": "ImageFolder", **fields, "num_images": len(files), "images": _digest(files)}

    def load(self) -> tuple[Images, Images]:
        """The training and the test split, of which nothing is decoded yet."""
        self.require()
        first, second = ([image.path for image in part] for part in self._parts)
        say_double_files(first, second, "images")
        train, test = (self._split(part) for part in self._parts)
        return train, test

    @property
    def scalings(self) -> tuple[str, ...]:
        """The scalings that images of this many channels can have."""
        return names_for(self.input_shape[-1])

    def with_scaling(self, scaling: str) -> ImageFolder:
        """The same images, scaled in another way."""
        return dataclasses.replace(self, scaling=scaling)

    def _split(self, images: list[ListedFile]) -> Images:
        reverses = SCALINGS[self.scaling].reverses_channels
        return Images([p.path for p in images], self._targets(images), self.input_shape, self.resize, reverses)

    def _targets(self, images: list[ListedFile]) -> np.ndarray:
        """The class of each image, (N,), or 0 and 1 for each label, (N, labels)."""
        import numpy as np

        number = {name: position for position, name in enumerate(self.class_names)}
        if not self.several_labels:
            return np.array([number[image.label] for image in images], "int64")
        targets = np.zeros((len(images), len(number)), "uint8")
        for row, image in zip(targets, images, strict=True):
            row[[number[label] for label in self._labels(image)]] = 1
        return targets

    def _labels(self, image: ListedFile) -> tuple[str, ...]:
        return image.labels if self.several_labels else (image.label,)

    @cached_property
    def _images(self) -> tuple[ListedFile, ...]:
        return list_images(Path(self.source).expanduser())

    @cached_property
    def _parts(self) -> tuple[list[ListedFile], list[ListedFile]]:
        """The training and the test images, each in an order drawn by the seed."""
        import random

        draw = random.Random(self.seed)  # Python's own is the same everywhere, and comes without NumPy
        named = {split: [p for p in self._images if p.split == split] for split in ("train", "test", "")}
        train, test = list(named["train"]), list(named["test"])
        loose: dict[str, list[ListedFile]] = {}
        for image in named[""]:
            loose.setdefault("" if self.several_labels else image.label, []).append(image)
        for label in sorted(loose):
            group = draw.sample(loose[label], len(loose[label]))
            # What a CSV file puts into no split is trained on, where it names a split at all.
            num_test = 0 if named["test"] else min(len(group) - 1, max(1, round(self.test_share * len(group))))
            test_part, train_part = group[:num_test], group[num_test:]
            train, test = [*train, *train_part], [*test, *test_part]
        shuffled = (draw.sample(part, len(part))[: self.num_examples] for part in (train, test))
        return next(shuffled), next(shuffled)


def _digest(lines: list[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
