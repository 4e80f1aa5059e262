"""PASCAL VOC's annotations: an XML file an image, read without entities, and its lists of splits."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from ...core.errors import DataCorrupt
from ...core.remarks import remark
from ..listing import SUFFIXES
from ..splits.named import TEST, TRAIN, VALIDATION, split_named, split_said
from .annotated import Annotated, Object

MOST_BYTES = 1 << 26  # of an XML file: more is no annotation of one image
_SIDES = ("xmin", "ymin", "xmax", "ymax")
_PLACES = ("JPEGImages", "images", "Images", "img", ".")


def voc_pictures(folder: Path, files: list[Path]) -> Iterator[Annotated]:
    """The images that XML files of a folder speak of, in the splits that ImageSets/Main names, if it is there.

    An image lies in JPEGImages or images beside the files' folder, or beside the file, and has its name or the one
    that it says. Where trainval.txt and test.txt are there, these are the splits; else train.txt, val.txt, test.txt.
    What no list names is left out; a name without an annotation is remarked.
    Coordinates are VOC's: pixels from 1 on, both ends included.

    Raises:
      DataCorrupt: for a file that is no such annotation, an image that is not there, or train.txt beside a list of
        another name alone.
    """
    pictures = _pictures({*(folder / place for place in _PLACES), *(path.parent for path in files)})
    splits = _splits(folder)
    gone = sorted(set(splits or ()) - {path.stem for path in files})
    if gone:
        remark(
            f"{len(gone)} names in the lists of {folder / 'ImageSets' / 'Main'} have no annotation and are left out, "
            f"{gone[0]} for one",
            level=logging.WARNING,
        )
    for path in files:
        name, size, objects = read_voc(path)
        picture = pictures.get(path.stem) or pictures.get(Path(name.replace("\\", "/")).stem)
        if picture is None:
            raise DataCorrupt(
                f"data must have the image of each annotation. Received: {path}, and no image {path.stem} or "
                f"{name or '(it names none)'} in {folder}. Put it there, or take the annotation out."
            )
        if splits is None:
            yield Annotated(picture, objects, path, size)
        elif path.stem in splits:
            yield Annotated(picture, objects, path, size, splits[path.stem])


def read_voc(path: Path) -> tuple[str, tuple[int, int] | None, tuple[Object, ...]]:
    """An image's name, its (width, height) where it is said, and the objects in it; `difficult` ones are optional.

    Raises:
      DataCorrupt: for what is no XML of that form; a document type, which entities need, is refused unread.
    """
    root = _parsed(path)
    if root.tag != "annotation":
        raise _corrupt(path, f"its first element is {root.tag!r}, and not 'annotation'")
    size = tuple(_number(path, root, f"size/{side}", 0.0) for side in ("width", "height"))
    objects = []
    for number, found in enumerate(root.findall("object"), start=1):
        label, box = (found.findtext("name") or "").strip(), found.find("bndbox")
        if not label or box is None:
            raise _corrupt(path, f"object {number} has no {'name' if not label else 'bndbox'}")
        x0, y0, x1, y1 = (_number(path, box, side) for side in _SIDES)
        is_optional = (found.findtext("difficult") or "0").strip() not in ("", "0")
        objects.append(Object((x0 - 1, y0 - 1, x1, y1), label, is_optional))
    width, height = (int(side) for side in size)
    return (root.findtext("filename") or "").strip(), (width, height) if width and height else None, tuple(objects)


def _parsed(path: Path) -> ElementTree.Element:
    """The root of an XML file. A document type is refused where it begins, before any entity is defined."""

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type (DOCTYPE), as files have that unpack to gigabytes")

    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has {path.stat().st_size:,} bytes")
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, OSError) as error:  # LookupError: an unknown encoding
        raise _corrupt(path, " ".join(str(error).split())) from error


def _number(path: Path, element: ElementTree.Element, place: str, otherwise: float | None = None) -> float:
    text = element.findtext(place)
    if text is None and otherwise is not None:
        return otherwise
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _corrupt(path, f"{place} is {text!r}, and no number")
    return value


def _corrupt(path: Path, reason: str) -> DataCorrupt:
    return DataCorrupt(
        f"data must have annotations as PASCAL VOC's XML. Received: {path}: {reason}. Mend it or take it out."
    )


def _pictures(folders: set[Path]) -> dict[str, Path]:
    """By their names without a suffix; JPEG before others of the same name."""
    files = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    found = (path for path in files if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return {path.stem: path for path in sorted(found, key=lambda path: (-SUFFIXES.index(path.suffix.lower()), path))}


def _splits(folder: Path) -> Mapping[str, str] | None:
    """The split of each name; None where no lists say it."""
    lists = {path.stem: path for path in (folder / "ImageSets" / "Main").glob("*.txt")}
    pairs = [("trainval", TRAIN)] if {"trainval", "test"} <= set(lists) else [("train", TRAIN), ("val", VALIDATION)]
    asked = [(name, split) for name, split in (*pairs, ("test", TEST)) if name in lists]
    if len(asked) < 2:
        others = [name for name in sorted(lists) if not any(map(split_named, name.split("_")))]
        if asked and others:  # else the images of holdout.txt would be drawn from, too
            split_said(others[0], folder / "ImageSets" / "Main", f"{others[0]}.txt")
        return None
    # A line of VOC's lists by class is a name and a number; these have the name alone.
    return {
        line.split()[0]: split
        for name, split in asked
        for line in lists[name].read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    }
