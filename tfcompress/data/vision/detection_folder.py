"""A user's own images with boxes: annotations found, checked, and made the targets of an SSD network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, InvalidValue, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.extras import require_extra
from ...core.types import Data
from ..images import MODES, Images
from ..scaling import SCALINGS, names_for
from ..splits.doubles import say_double_files
from ..splits.named import divided, split_named, split_said
from .anchors import Anchors, fitted_anchors
from .annotated import ROW, Annotated, rows_of
from .coco import coco_pictures, looks_like_coco
from .detection_task import Detection
from .voc import voc_pictures

if TYPE_CHECKING:
    import numpy as np

PICTURES = ("images", "Images", "JPEGImages", "img")
ANNOTATIONS = "annotations"
FORMS = "Annotations/NAME.xml and JPEGImages/NAME.jpg as PASCAL VOC has them, or a JSON file as COCO has it"


@dataclasses.dataclass(frozen=True)
class DetectionFolder(Data):
    """Pictures (height, width, channels) as bytes, and rows of boxes as targets of the outputs `boxes` and `scores`.

    PASCAL VOC: XML files in Annotations/ with images in JPEGImages/ or images/, and splits in ImageSets/Main; or XML
    beside images, in train/, val/ and test/ or without. COCO: a JSON file with images beside it, in images/ or in
    train/ and val/; one JSON a split, in annotations/ or in train/, val/ and test/. mAP is measured by pycocotools
    (`pip install 'tfcompress[detection]'`).

    Boxes that stand out of their image are cut off, those without an area inside are left out, and both are remarked;
    difficult objects (VOC) and crowds (COCO) need not be found. An image without objects teaches background. Where
    val/ and test/ are there, val/ is the validation split; val/ alone is the test split.

    Args:
      source: the folder, or a JSON file.
      input_shape: (height, width, channels) that images are resized to, sides divisible by the largest stride; 1, 3
        or 4 channels. Defaults to (192, 256, 3).
      classes: names in the order of the model's outputs. Defaults to None: in alphabetical order.
      strides: of the network's feature maps, the finest first. Defaults to (8, 16).
      per_cell: anchors at each place of each map; their sizes are those that training boxes have. Defaults to 3.
      scaling: what pixels become: "0..255", "0..1", "-1..1", or keras.applications' "torch". Defaults to "-1..1".
      test_share: of the images, in (0, 1), that is kept for evaluation where the source names no splits. Defaults to
        0.2.
      num_examples: use only N images of each split, drawn at random. Defaults to None: all.
      seed: of the split and the draw. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range, or a class that `classes` lacks.
      DataUnavailable: when there are no annotations, or no boxes; at the first use.
      DataCorrupt: for annotations of another form, images that are missing or of another size, and a folder or a file
        beside those of splits that names none; at the first use.
      MissingExtra: without pycocotools; at the first use.

    Example:

    >>> DetectionFolder("cells", (96, 128, 3)).grids
    ((12, 16), (6, 8))
    """

    source: str | Path
    input_shape: tuple[int, int, int] = (192, 256, 3)
    classes: tuple[str, ...] | None = None
    strides: tuple[int, ...] = (8, 16)
    per_cell: int = 3
    scaling: str = "-1..1"
    test_share: float = 0.2
    num_examples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        rising = list(self.strides) == sorted(set(self.strides)) and all(stride >= 1 for stride in self.strides)
        expect(bool(self.strides) and rising, self, "strides", "must rise", "Use (8, 16).")
        sizes = len(self.input_shape) == 3 and all(isinstance(size, int) and size >= 1 for size in self.input_shape)
        fits = sizes and self.input_shape[-1] in MODES and not any(n % self.strides[-1] for n in self.input_shape[:2])
        shape = f"must be (height, width, 1, 3 or 4 channels), sides divisible by {self.strides[-1]}"
        expect(fits, self, "input_shape", shape, "Use (192, 256, 3).")
        expect(1 <= self.per_cell <= 16, self, "per_cell", "must be from 1 to 16", "Use 3.")
        known = [name for name in names_for(self.input_shape[-1]) if not SCALINGS[name].reverses_channels]
        expect(self.scaling in known, self, "scaling", f"must be one of {', '.join(known)}", "Use -1..1.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.2.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"boxes of {Path(self.source).name}"

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
    def grids(self) -> tuple[tuple[int, int], ...]:
        """(rows, columns) of each feature map."""
        height, width, _ = self.input_shape
        return tuple((height // stride, width // stride) for stride in self.strides)

    @cached_property
    def anchors(self) -> Anchors:
        """Of the sizes that the training boxes have."""
        rows = self._rows[0].reshape(-1, ROW)
        rows = rows[rows[:, 4] >= 0]
        return fitted_anchors(rows[:, 2:4] - rows[:, :2], rows[:, 4].astype("int64"), self.grids, self.per_cell)

    @property
    def task(self) -> Detection:
        """Boxes from anchors, and classes."""
        return Detection(anchors=self.anchors)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the outputs."""
        found = sorted({each.label for picture in self._pictures for each in picture.objects})
        if self.classes is None:
            return tuple(found)
        unknown = [name for name in found if name not in self.classes]
        if unknown:
            raise InvalidValue(
                f"DetectionFolder.classes must name every class of the data. Received: {', '.join(self.classes)}, "
                f"without {', '.join(unknown[:5])}. Add them in the order of the model's outputs."
            )
        return self.classes

    @property
    def num_classes(self) -> int:
        """How many names there are."""
        return len(self.class_names)

    @property
    def num_train(self) -> int:
        """Pictures to train on."""
        return len(self._parts[0])

    def require(self) -> None:
        """Reads the annotations. Raises `DataUnavailable`, `DataCorrupt`, `InvalidValue` or `MissingExtra`."""
        require_extra("detection", "DetectionFolder")
        for name, rows in (("train", self._rows[0]), ("test", self._rows[2])):
            if not ((rows[..., 4] >= 0) & (rows[..., 5] > 0)).any():
                raise DataUnavailable(
                    f"data must have boxes to {name} on. Received: {self.source}, with {len(rows)} images for it and "
                    "no box in them that must be found. Add some, or change test_share."
                )

    def notes(self) -> Notes:
        """What the pixels are, the names of the classes, and the anchors by which boxes are decoded."""
        height, width, channels = self.input_shape
        mode = {1: "grey", 3: "RGB", 4: "RGBA"}[channels]
        scaled = SCALINGS[self.scaling].mean_and_deviation
        seen = TensorNotes(f"an image, {height}x{width} {mode}, pixels x from 0 to 255", scaling=scaled)
        anchors = {"anchors": dataclasses.asdict(self.anchors)}
        offsets = "offsets of boxes from the anchors: tfc.decode_detections makes boxes of both outputs"
        boxes = TensorNotes(offsets, settings=anchors)
        scores = TensorNotes("logits of each class at each anchor", self.class_names, settings=anchors)
        return Notes({"": seen}, {"boxes": boxes, "scores": scores})

    def identity(self) -> dict[str, Any]:
        """The settings, the annotations, and each image's path, size and time of change."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "source"}
        files = [
            (each.picture.resolve(), each.split, each.size, [dataclasses.astuple(found) for found in each.objects])
            for each in self._pictures
        ]
        return {"type": "DetectionFolder", **fields, "files": files}

    def load(self) -> tuple[PicturesWithBoxes, PicturesWithBoxes]:
        """The training and the test split, of which no image is decoded yet."""
        self.require()
        train, _, test = ([self._pictures[number].picture for number in part] for part in self._parts)
        say_double_files(train, test, "images")
        return self._split(0), self._split(2)

    @cached_property
    def validation(self) -> PicturesWithBoxes | None:
        """What a search looks at, where val/ and test/ are there."""
        return self._split(1) if self._parts[1] else None

    def _split(self, part: int) -> PicturesWithBoxes:
        paths = [self._pictures[number].picture for number in self._parts[part]]
        return PicturesWithBoxes(Images(paths, self._rows[part], self.input_shape))

    @cached_property
    def _rows(self) -> tuple[np.ndarray, ...]:
        """The rows of each split."""
        order = {name: number for number, name in enumerate(self.class_names)}
        return tuple(rows_of([self._pictures[number] for number in part], order) for part in self._parts)

    @cached_property
    def _pictures(self) -> tuple[Annotated, ...]:
        source = Path(self.source).expanduser()
        if not source.exists():
            raise DataUnavailable(
                f"data must be a folder of images and annotations, or a JSON file. Received: {source}. None there."
            )
        found = tuple(_of_file(source) if source.is_file() else _of_folder(source))
        if not found:
            raise DataUnavailable(
                f"data must hold images with annotations. Received: {source}, with none. Put them as {FORMS}."
            )
        return found

    @cached_property
    def _parts(self) -> tuple[list[int], list[int], list[int]]:
        """The numbers of the training, the validation and the test images."""
        return divided([each.split for each in self._pictures], self.test_share, self.seed, self.num_examples)


class PicturesWithBoxes:
    """Pictures by number, with the same rows of boxes as targets of `boxes` and `scores`."""

    def __init__(self, pictures: Images):
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def targets(self) -> dict[str, np.ndarray]:
        """Of all, (N, boxes, 6)."""
        return dict.fromkeys(("boxes", "scores"), self.pictures.targets)

    def identity(self) -> Any:
        """That of the images, with the rows."""
        return self.pictures.identity()

    def bytes_to_keep(self, indices: Any) -> int:
        """What is written when these are asked for."""
        return self.pictures.bytes_to_keep(indices)

    def batch(self, indices: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """These images and their rows. Raises `DataCorrupt` for one that cannot be decoded."""
        pixels, rows = self.pictures.batch(indices)
        return pixels, dict.fromkeys(("boxes", "scores"), rows)


def _of_file(path: Path, split: str = "") -> Iterator[Annotated]:
    """The images of a COCO file, looked for beside it, in images/, and in the folders beside its own."""
    here = path.parent
    roots = [here, *([here.parent] if here.name.lower() == "annotations" else [])]
    inside = [folder for root in roots for folder in sorted(root.iterdir()) if folder.is_dir()]
    named = [folder for folder in inside if split_named(folder.name)]
    named.sort(key=lambda folder: split_named(folder.name) != split)
    pictures = [root / name for root in roots for name in PICTURES if (root / name).is_dir()]
    within = [folder / each.name for folder in pictures for each in named if (folder / each.name).is_dir()]
    yield from coco_pictures(path, [*roots, *named, *pictures, *within], split)


def _of_folder(folder: Path) -> Iterator[Annotated]:
    parts = {split_named(child.name): child for child in sorted(folder.iterdir()) if child.is_dir()}
    parts.pop("", None)
    inside = {split: found for split, part in parts.items() if (found := list(_of_part(part)))}
    if inside:
        _require_splits(folder)
        for split, found in inside.items():
            yield from (dataclasses.replace(each, split=split) for each in found)
        return
    yield from _of_part(folder, names_splits=True)


def _require_splits(folder: Path) -> None:
    """Refuses a folder of annotations beside those of splits whose name is no split's."""
    for child in sorted(folder.iterdir()):
        is_place = child.name in PICTURES or child.name.lower() == ANNOTATIONS or child.name.startswith(".")
        if child.is_dir() and not is_place and _is_annotated(child):
            split_said(child.name, folder, f"{child.name}/")


def _is_annotated(folder: Path) -> bool:
    try:
        return any(_lists(folder))
    except DataCorrupt:  # JSON of something else, which nobody reads
        return False


def _of_part(folder: Path, names_splits: bool = False) -> Iterator[Annotated]:
    """Of a folder that is no folder of splits: by XML files, or else by JSON files, whose names may say splits."""
    files, found = _lists(folder)
    if files:
        yield from voc_pictures(folder, files)
        return
    splits = {path: next(filter(None, map(split_named, _words(path))), "") for path in found}
    for path, split in splits.items():
        if names_splits and not split and any(splits.values()):
            split_said(path.stem, folder, path.name)
        yield from _of_file(path, split)


def _lists(folder: Path) -> tuple[list[Path], list[Path]]:
    """The XML files of a folder and of annotations/ in it; and the JSON files, where there are none of XML."""
    lists = [child for child in sorted(folder.iterdir()) if child.is_dir() and child.name.lower() == ANNOTATIONS]
    places = [folder, *lists]
    files = [path for place in places for path in sorted(place.glob("*.xml")) if not path.name.startswith(".")]
    if files:
        return files, []
    found = [path for place in places for path in sorted(place.glob("*.json")) if not path.name.startswith(".")]
    instances = [path for path in found if path.stem.startswith("instances")]  # COCO has keypoints of the same beside
    return [], instances or [path for path in found if looks_like_coco(path)]


def _words(path: Path) -> list[str]:
    """Of a file's name."""
    return path.stem.replace("-", "_").replace(".", "_").split("_")
