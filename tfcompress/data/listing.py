"""Which files there are, of which class and in which split: read off a folder of folders, or off a CSV file."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import DataCorrupt, DataUnavailable
from .splits.named import TEST, TRAIN, VALIDATION, split_named, split_said

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
SEPARATOR = "|"  # of several labels of an image in a CSV file


@dataclasses.dataclass(frozen=True)
class ListedFile:
    """A file, its class by name, and the split that it was put into by whoever made the data; "" for none."""

    path: Path
    label: str
    split: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, where it may have several: "cat|dog"; none for "".

        >>> ListedFile(Path("a.jpg"), "cat | dog").labels
        ('cat', 'dog')
        """
        return tuple(name for name in (part.strip() for part in self.label.split(SEPARATOR)) if name)


def list_images(source: Path) -> tuple[ListedFile, ...]:
    """All images of a folder with a subfolder a class, or of a CSV file (see `list_files`)."""
    return list_files(source, SUFFIXES, "images")


def list_files(source: Path, suffixes: Sequence[str], things: str) -> tuple[ListedFile, ...]:
    """All files of a folder with a subfolder a class, or of a CSV file with columns path, label and maybe split.

    Subfolders train/ and test/ (or val/) that hold the class folders are taken as the splits. Paths in a CSV file are
    relative to its own folder; a header is recognised by the word "path", "file" or "filename".

    Args:
      source: the folder or the CSV file.
      suffixes: of the files that count in a folder.
      things: as messages call them: "images".

    Raises:
      DataUnavailable: when there is no such folder or file, or nothing of two classes at least.
      DataCorrupt: when the CSV file cannot be read, or names files that are not there; for a split of another name.
    """
    if source.is_dir():
        images = tuple(_in_splits(source, suffixes) or _in_classes(source, "", suffixes))
    elif source.is_file():
        images = tuple(_in_table(source, things))
    else:
        raise DataUnavailable(f"data must be a folder of class folders, or a CSV file. Received: {source}. None there.")
    labels = {image.label for image in images}
    if len(labels) < 2:
        name = "photos" if things == "images" else things
        raise DataUnavailable(
            f"data must hold {things} of two classes at least, a folder each ({', '.join(suffixes)}). Received: "
            f"{source}, with {len(images)} {things} of {len(labels)} classes. Put them as "
            f"{name}/CLASS/NAME{suffixes[0]}."
        )
    return images


def _in_splits(folder: Path, suffixes: Sequence[str]) -> list[ListedFile]:
    """Files of folder/train and folder/test; none when it has not both."""
    found: dict[str, Path] = {}
    for child in _folders(folder):
        found.setdefault(split_named(child.name), child)
    train, test = found.get(TRAIN), found.get(TEST, found.get(VALIDATION))
    _require_splits(folder, [part for part in (train, test) if part is not None])
    if train is None or test is None:
        return []
    return [*_in_classes(train, TRAIN, suffixes), *_in_classes(test, TEST, suffixes)]


def _require_splits(folder: Path, parts: Sequence[Path]) -> None:
    """Refuses a folder that has the classes of train/ or test/ in it, and no split's name."""
    classes = {child.name for part in parts for child in _folders(part)}
    for child in _folders(folder):
        if child not in parts and classes & {each.name for each in _folders(child)}:
            split_said(child.name, folder, f"{child.name}/")


def _in_classes(folder: Path, split: str, suffixes: Sequence[str]) -> list[ListedFile]:
    return [
        ListedFile(path, child.name, split)
        for child in _folders(folder)
        for path in sorted(child.rglob("*"))
        if path.suffix.lower() in suffixes and path.is_file() and not path.name.startswith(".")
    ]


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _in_table(table: Path, things: str) -> list[ListedFile]:
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataCorrupt(
            f"data must be a CSV file in UTF-8. Received: {table}, over which: {error}. Save it as CSV UTF-8."
        ) from error
    columns = _columns(rows[0] if rows else [])
    body = rows[1:] if columns is not None else rows
    at = columns or {"path": 0, "label": 1, "split": 2}
    short = next((number for number, row in enumerate(body) if len(row) <= max(at["path"], at["label"])), None)
    if short is not None:
        raise DataCorrupt(
            f"data must have a path and a label in each row. Received: {table}, with {body[short]}. Mend that row."
        )
    images = [
        ListedFile(table.parent / row[at["path"]], row[at["label"]], _split(row, at.get("split"), table, at["path"]))
        for row in body
    ]
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        raise DataCorrupt(
            f"data must name {things} that are there. Received: {table}, of whose {len(images)} files {len(missing)} "
            f"are missing, {missing[0]} for one. Paths are relative to {table.parent}."
        )
    return images


def _columns(header: Sequence[str]) -> dict[str, int] | None:
    """Where path, label and split stand, by the header; None when the first row is no header."""
    words = {
        "path": ("path", "file", "filename", "image"),
        "label": ("label", "class", "category"),
        "split": ("split", "set"),
    }
    lower = [cell.lower() for cell in header]
    found = {
        column: next(lower.index(name) for name in names if name in lower)
        for column, names in words.items()
        if set(names) & set(lower)
    }
    return found if {"path", "label"} <= set(found) else None


def _split(row: Sequence[str], column: int | None, table: Path, path: int) -> str:
    """The split that a row says; there are but two, and what validates is tested on."""
    split = "" if column is None or len(row) <= column else split_said(row[column], table, row[path])
    return TEST if split == VALIDATION else split
