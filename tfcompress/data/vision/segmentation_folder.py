"""A user's own images with a mask each: listed, checked, resized or cut into tiles."""

from __future__ import annotations

import dataclasses
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, InvalidValue, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.examples.source import Indices
from ...core.tasks.presets import Segmentation
from ...core.types import Data
from ..images import MODES, UNREADABLE, read_upright, reason_of
from ..kept_rows import KeptRows
from ..scaling import SCALINGS, names_for
from ..splits.doubles import say_double_files
from ..splits.named import divided
from .masks import AUTO, BINARY, IGNORE, INDICES, Coding, coding_of, read_mask, require_sizes
from .pairs import Pair, list_pairs

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class SegmentationFolder(Data):
    """Pictures (height, width, channels) as bytes, and masks (height, width) with a class for each pixel.

    Files are read when they are first asked for, and what they become is kept in a temporary file (in `TMPDIR`) as long
    as this object lasts. Images are resized bilinearly, masks take the nearest pixel. Where val/ and test/ are there,
    val/ is the validation split; val/ alone is the test split.

    Args:
      source: a folder with images/ and masks/, or train/, val/ and test/ with two such each; a folder with NAME.png and
        NAME_mask.png; or a CSV file with columns image, mask and split (see `list_pairs`).
      input_shape: (height, width, channels) of an example; 1, 3 or 4 channels. Defaults to (128, 128, 3).
      tiles: each image is cut into tiles x tiles parts, an example each, so that small things stay visible to a small
        network. Defaults to 1: the whole image.
      classes: names in the order of the indices. Defaults to None: 0, 1 and so on, as the masks have them.
      masks: "indices" (of a palette, or grey values 0, 1, ...; 255 does not count), "binary" (0 and 255), or "auto":
        what all masks look like, which are then read once before. Defaults to "auto".
      scaling: what pixels become: "0..255", "0..1", "-1..1", or keras.applications' "torch". Defaults to "0..1".
      test_share: of the images, in (0, 1), that is kept for evaluation where the source names no splits. Defaults to
        0.2.
      num_examples: use only N images of each split, drawn at random. Defaults to None: all.
      seed: of the split and the draw. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range.
      DataUnavailable: when there are no images with masks; at the first use.
      DataCorrupt: for a missing mask, one of another size or with unknown classes, and files that cannot be read.

    Example:

    >>> SegmentationFolder("cells", (64, 64, 1), tiles=2).scaling
    '0..1'
    """

    source: str | Path
    input_shape: tuple[int, int, int] = (128, 128, 3)
    tiles: int = 1
    classes: tuple[str, ...] | None = None
    masks: str = AUTO
    scaling: str = "0..1"
    test_share: float = 0.2
    num_examples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = len(self.input_shape) == 3 and all(isinstance(size, int) and size >= 1 for size in self.input_shape)
        channels = sizes and self.input_shape[-1] in MODES
        expect(channels, self, "input_shape", "must be (height, width, 1, 3 or 4 channels)", "Use (128, 128, 3).")
        expect(1 <= self.tiles <= 64, self, "tiles", "must be from 1 to 64", "Use 1.")
        expect(self.masks in (AUTO, BINARY, INDICES), self, "masks", "must be auto, binary or indices", "Use auto.")
        known = [name for name in names_for(self.input_shape[-1]) if not SCALINGS[name].reverses_channels]
        expect(self.scaling in known, self, "scaling", f"must be one of {', '.join(known)}", "Use 0..1.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.2.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")
        named = self.classes is None or 2 <= len(self.classes) <= IGNORE
        expect(named, self, "classes", f"must be from 2 to {IGNORE} names", "Name the background too.")

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"masks of {Path(self.source).name}"

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
    def task(self) -> Segmentation:
        """A class for each pixel; 255 does not count."""
        return Segmentation(ignore=IGNORE)

    @cached_property
    def coding(self) -> Coding:
        """What the numbers in the masks mean."""
        named = None if self.classes is None else len(self.classes)
        coding = coding_of([pair.mask for pair in self._pairs], self.masks, named)
        if named not in (None, coding.num_classes):
            raise InvalidValue(
                f"SegmentationFolder.classes must be two names for masks of black and white. Received: {named}. Name "
                "the background and the rest."
            )
        return coding

    @property
    def num_classes(self) -> int:
        """Of the pixels."""
        return self.coding.num_classes

    @property
    def num_outputs(self) -> int:
        """Channels of a model's output: 1 for two classes, else one a class."""
        return 1 if self.num_classes == 2 and not self.coding.ignores else self.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the classes."""
        return self.classes or tuple(map(str, range(self.num_classes)))

    @property
    def num_train(self) -> int:
        """Examples to train on: tiles."""
        return len(self._parts[0]) * self.tiles**2

    def require(self) -> None:
        """Lists the images, and compares their sizes with the masks'. Raises `DataUnavailable` or `DataCorrupt`."""
        for name, part in (("train", self._parts[0]), ("test", self._parts[2])):
            if not part:
                raise DataUnavailable(
                    f"data must leave images to {name} on. Received: {self.source}, with {len(self._pairs)} in all. "
                    "Add some, or change test_share."
                )
        require_sizes(self._pairs)

    def notes(self) -> Notes:
        """What the pixels are, and the names of the classes."""
        height, width, channels = self.input_shape
        mode = {1: "grey", 3: "RGB", 4: "RGBA"}[channels]
        whole = "an image" if self.tiles == 1 else f"one of {self.tiles}x{self.tiles} tiles of an image"
        scaled = SCALINGS[self.scaling].mean_and_deviation
        seen = TensorNotes(f"{whole}, {height}x{width} {mode}, pixels x from 0 to 255", scaling=scaled)
        said = "a logit for each pixel: above 0 it is of the second class"
        each = "logits of the classes for each pixel: the largest names it"
        return Notes({"": seen}, {"": TensorNotes(said if self.num_outputs == 1 else each, self.class_names)})

    def identity(self) -> dict[str, Any]:
        """The settings, and each file's path, size and time of change."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "source"}
        files = [(pair.picture.resolve(), pair.mask.resolve(), pair.split) for pair in self._pairs]
        return {"type": "SegmentationFolder", **fields, "files": files}

    def load(self) -> tuple[PicturesWithMasks, PicturesWithMasks]:
        """The training and the test split, of which nothing is read yet but what the masks' numbers mean."""
        self.require()
        train, _, test = ([self._pairs[number].picture for number in part] for part in self._parts)
        say_double_files(train, test, "images")
        return self._split(self._parts[0]), self._split(self._parts[2])

    @cached_property
    def validation(self) -> PicturesWithMasks | None:
        """What a search looks at, where val/ and test/ are there."""
        return self._split(self._parts[1]) if self._parts[1] else None

    def _split(self, numbers: list[int]) -> PicturesWithMasks:
        return PicturesWithMasks([self._pairs[number] for number in numbers], self.input_shape, self.tiles, self.coding)

    @cached_property
    def _pairs(self) -> tuple[Pair, ...]:
        return list_pairs(Path(self.source).expanduser())

    @cached_property
    def _parts(self) -> tuple[list[int], list[int], list[int]]:
        """The numbers of the training, the validation and the test images."""
        return divided([pair.split for pair in self._pairs], self.test_share, self.seed, self.num_examples)


class PicturesWithMasks:
    """Files as a `Source` of images (N, height, width, channels) and masks (N, height, width), both bytes.

    Args:
      pairs: images with their masks.
      shape: (height, width, channels) of an example.
      tiles: an image gives tiles x tiles examples, one after another.
      coding: what a mask's numbers mean.
    """

    def __init__(self, pairs: list[Pair], shape: tuple[int, int, int], tiles: int, coding: Coding):
        self.pairs, self.shape, self.tiles, self.coding = tuple(pairs), shape, tiles, coding
        row = [("picture", "uint8", shape), ("mask", "uint8", shape[:2])]
        make = partial(_example, self.pairs, shape, tiles, coding)
        self._rows = KeptRows(len(pairs) * tiles**2, row, make)

    def __len__(self) -> int:
        return len(self.pairs) * self.tiles**2

    def identity(self) -> dict[str, Any]:
        """The files with their sizes and times of change, and what is made of them."""
        files = [(pair.picture, pair.mask) for pair in self.pairs]
        return {"files": files, "shape": self.shape, "tiles": self.tiles, "coding": self.coding}

    def batch(self, indices: Indices) -> tuple[np.ndarray, np.ndarray]:
        """These images and masks. Raises `DataCorrupt` for files that cannot be read."""
        rows = self._rows.rows(indices)
        return rows["picture"], rows["mask"]

    def bytes_to_keep(self, indices: Indices) -> int:
        """What is written when these are asked for."""
        return self._rows.bytes_to_keep(indices)


def _example(
    pairs: tuple[Pair, ...], shape: tuple[int, int, int], tiles: int, coding: Coding, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """A tile of an image, and of its mask."""
    import numpy as np
    from PIL import Image

    pair, (row, column) = pairs[number // tiles**2], divmod(number % tiles**2, tiles)
    try:
        picture = read_upright(pair.picture).convert(MODES[shape[-1]])
    except UNREADABLE as error:
        raise DataCorrupt(
            f"data must hold images that can be decoded. Received: {pair.picture}, which cannot "
            f"({reason_of(error)}). Mend it or take it out."
        ) from error
    mask = read_mask(pair.mask)
    width, height = picture.width / tiles, picture.height / tiles
    box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
    size = (shape[1], shape[0])
    pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box)).reshape(shape)
    numbers = np.asarray(mask.resize(size, Image.Resampling.NEAREST, box))
    return pixels, coding.classes(numbers, pair.mask)
