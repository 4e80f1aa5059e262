"""Which image has which mask, and in which split: read off two folders, off one, or off a CSV file."""

from __future__ import annotations

import csv
import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import DataCorrupt, DataUnavailable
from ...core.remarks import remark
from ..listing import SUFFIXES
from ..splits.named import split_named, split_said

PICTURES = ("images", "image", "imgs", "img", "pictures", "jpegimages")
MASKS = ("masks", "mask", "labels", "label", "segmentationclass", "annotations", "gt")
MARKS = ("_mask", "-mask", "_label", "_labels", "_gt", "_seg", "_segmentation")  # of a mask's name
FORMS = "images/NAME.png and masks/NAME.png, in train/ and test/ or without, NAME_mask.png beside NAME.png, or a CSV"


@dataclasses.dataclass(frozen=True)
class Pair:
    """An image, its mask, and the split that whoever made the data put them into; "" for none."""

    picture: Path
    mask: Path
    split: str = ""


def list_pairs(source: Path) -> tuple[Pair, ...]:
    """All images with their masks, in the order of their names.

    A folder has subfolders of images (images, ...) and of masks (masks, labels, ...), whose files have the same
    names, or the mask's ends in _mask, _label or the like; each of train/, val/ and test/ may have two such, or lie
    in both. Else masks lie beside the images and are called NAME_mask. A CSV file has columns image, mask and, if
    wanted, split, with paths relative to its folder. Masks without an image are remarked, and not used.

    Raises:
      DataUnavailable: when there is no such folder or file, or no image in it.
      DataCorrupt: for images without masks, for two files that could be one's, and for a split of another name.
    """
    if source.is_file():
        pairs = tuple(_in_table(source))
    elif source.is_dir():
        pairs = tuple(_in_folder(source))
    else:
        raise DataUnavailable(
            f"data must be a folder of images and masks, or a CSV file. Received: {source}. None there."
        )
    if not pairs:
        raise DataUnavailable(f"data must hold images with masks. Received: {source}, with none. Use {FORMS}.")
    return pairs


def _in_folder(folder: Path) -> Iterator[Pair]:
    parts = {split_named(child.name): child for child in _folders(folder) if split_named(child.name)}
    if any(_two_folders(part) for part in parts.values()):
        for child in _folders(folder):
            if _two_folders(child):
                split_said(child.name, folder, f"{child.name}/")
        for split, part in sorted(parts.items()):
            two = _two_folders(part)
            if two is None:
                raise DataUnavailable(
                    f"data must have images and masks in each split. Received: {part}, which has not both folders. "
                    f"Add {part.name}/images and {part.name}/masks."
                )
            yield from (dataclasses.replace(pair, split=split) for pair in _of_folders(*two))
        return
    two = _two_folders(folder)
    yield from _of_folders(*two) if two else _of_one(folder)


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _two_folders(folder: Path) -> tuple[Path, Path] | None:
    """The subfolders of images and of masks."""
    found = {child.name.lower(): child for child in _folders(folder)}
    pictures, masks = (next((found[name] for name in names if name in found), None) for names in (PICTURES, MASKS))
    return (pictures, masks) if pictures and masks else None


def _of_folders(pictures: Path, masks: Path) -> Iterator[Pair]:
    yield from _paired(_by_key(pictures, _files(pictures)), _by_key(masks, _files(masks)), masks)


def _of_one(folder: Path) -> Iterator[Pair]:
    files = _files(folder)
    are_masks = [path for path in files if path.stem != _plain(path.stem)]
    pictures = _by_key(folder, [path for path in files if path.stem == _plain(path.stem)])
    yield from _paired(pictures, _by_key(folder, are_masks), folder)


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def _plain(stem: str) -> str:
    """A mask's name without what says that it is one."""
    return next((stem[: -len(mark)] for mark in MARKS if stem.lower().endswith(mark)), stem)


def _by_key(folder: Path, files: list[Path]) -> dict[str, Path]:
    """Files by their place in the folder, without their suffix. Raises `DataCorrupt` for two of one name."""
    found: dict[str, Path] = {}
    for path in files:
        key = path.relative_to(folder).with_name(_plain(path.stem)).as_posix()
        if key in found:
            raise DataCorrupt(
                f"data must have one file of a name in a folder. Received: {found[key]} and {path.name}. Move one away."
            )
        found[key] = path
    return found


def _paired(pictures: dict[str, Path], masks: dict[str, Path], where: Path) -> Iterator[Pair]:
    missing = sorted(set(pictures) - set(masks))
    if missing:
        raise DataCorrupt(
            f"data must have a mask for each image. Received: {len(missing)} of {len(pictures)} images without one "
            f"in {where}, {pictures[missing[0]]} for one. Add masks of the same names, or take the images out."
        )
    spare = sorted(set(masks) - set(pictures))
    if spare:
        remark(f"{len(spare)} masks have no image and are not used, {masks[spare[0]]} for one", level=logging.WARNING)
    folders = {key: key.partition("/")[0] if "/" in key else "" for key in pictures}
    # Where no folder names a split, their names say something else.
    said = any(map(split_named, folders.values()))
    for key, path in sorted(pictures.items()):
        yield Pair(path, masks[key], split_said(folders[key], where, str(path)) if said else "")


def _in_table(table: Path) -> Iterator[Pair]:
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataCorrupt(
            f"data must be a CSV file in UTF-8. Received: {table}, over which: {error}. Save it as CSV UTF-8."
        ) from error
    for number, row in enumerate(rows, start=2):
        cells = {(name or "").strip().lower(): (cell or "").strip() for name, cell in row.items() if name is not None}
        if not cells.get("image") or not cells.get("mask"):
            raise DataCorrupt(
                f"data must have columns image and mask, filled in each row. Received: {table}, line {number}, with "
                f"{', '.join(filter(None, cells.values())) or 'nothing'}. Add them."
            )
        split = split_said(cells.get("split", ""), table, f"line {number}")
        pair = Pair(table.parent / cells["image"], table.parent / cells["mask"], split)
        gone = next((path for path in (pair.picture, pair.mask) if not path.is_file()), None)
        if gone:
            raise DataCorrupt(
                f"data must name files that are there. Received: {table}, line {number}, with {gone}. Paths are "
                f"relative to {table.parent}."
            )
        yield pair
