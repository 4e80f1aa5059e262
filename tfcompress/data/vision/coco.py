"""COCO's annotations: one JSON file of images, categories and boxes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import DataCorrupt
from .annotated import Annotated, Object


def coco_pictures(path: Path, folders: Sequence[Path], split: str = "") -> Iterator[Annotated]:
    """The images of a COCO file with their boxes, those without any too; crowds are optional.

    Args:
      path: the JSON file.
      folders: where images are looked for, by their `file_name`; the first that has it counts.
      split: that they belong to. Defaults to "": none is said.

    Raises:
      DataCorrupt: for a file of another form, boxes of unknown images or categories, and images that are not there.
    """
    content = _read(path)
    labels = {each["id"]: str(each["name"]).strip() for each in _records(path, content, "categories", ("id", "name"))}
    images = _records(path, content, "images", ("id", "file_name"))
    objects: dict[Any, list[Object]] = {each["id"]: [] for each in images}
    if len(objects) != len(images):
        raise _corrupt(path, f"{len(images) - len(objects)} of its {len(images)} images have the id of another")
    boxes = _records(path, content, "annotations", ("image_id", "category_id", "bbox"))
    for what, known in (("image_id", objects), ("category_id", labels)):
        unknown = [each for each in boxes if each[what] not in known]
        if unknown:
            raise _corrupt(
                path, f"{len(unknown)} of its {len(boxes)} boxes have a {what} that there is not, {unknown[0][what]}"
            )
    for each in boxes:
        found = Object(_box(path, each["bbox"]), labels[each["category_id"]], bool(each.get("iscrowd")))
        objects[each["image_id"]].append(found)
    for each in images:
        width, height = each.get("width"), each.get("height")
        size = (width, height) if isinstance(width, int) and isinstance(height, int) and width and height else None
        yield Annotated(_picture(path, folders, str(each["file_name"])), tuple(objects[each["id"]]), path, size, split)


def looks_like_coco(path: Path) -> bool:
    """Whether a JSON file has images and boxes; captions have none."""
    content = _read(path)
    boxes = content.get("annotations") if isinstance(content, Mapping) else None
    return isinstance(boxes, list) and "images" in content and (not boxes or "bbox" in boxes[0])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, OSError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise _corrupt(path, f"it is no JSON: {' '.join(str(error).split())}") from error


def _records(path: Path, content: Any, name: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """One of the lists of a COCO file, each of whose entries has these keys."""
    found = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(found, list):
        raise _corrupt(path, f"it has no list of {name}")
    for number, each in enumerate(found):
        missing = [key for key in keys if key not in each] if isinstance(each, dict) else list(keys)
        if missing:
            raise _corrupt(path, f"{name}[{number}] has no {missing[0]}")
        if any(key.endswith("id") and not isinstance(each[key], int | str) for key in keys):
            raise _corrupt(path, f"{name}[{number}] has an id that is no number")
    return found


def _box(path: Path, given: Any) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 of COCO's x0, y0, width, height."""
    are_numbers = isinstance(given, list) and len(given) == 4 and all(_is_number(side) for side in given)
    if not are_numbers:
        raise _corrupt(path, f"a bbox is {str(given)[:60]}, and no four numbers")
    x, y, width, height = (float(side) for side in given)
    return x, y, x + width, y + height


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _picture(path: Path, folders: Sequence[Path], name: str) -> Path:
    try:
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    except (OSError, ValueError):  # a name too long, or with a zero in it
        found = None
    if found is None:
        raise DataCorrupt(
            f"data must have the images that it names. Received: {path}, with {name[:200]!r}, which is not in "
            f"{', '.join(map(str, folders))}. Put it there."
        )
    return found


def _corrupt(path: Path, reason: str) -> DataCorrupt:
    return DataCorrupt(f"data must have annotations as COCO's JSON. Received: {path}: {reason}. Mend it.")
