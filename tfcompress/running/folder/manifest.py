"""manifest.json, the last thing that a run writes: every file with its SHA-256, and what all of it was made from."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .seals import read_sealed

NAME = "manifest.json"
FORMAT = 1
REPORTS = ("report.json", "report.md", "report.html", "card.md")
SINGLE = (*REPORTS, "recipe.json")
FOLDERS = ("tflite", "checks", "examples")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a finished run says of itself.

    Attributes:
      files: each file's path in the run folder, with its SHA-256 and its size in bytes.
      stages: by name, the key of what made a stage, its folder, its model's SHA-256, those of the models that it was
        made from, and the number of cores that it was made on.
      request: of everything that was asked for; None where nothing tells that from something else.
      data: the title of the data and a name for what it was.
      about: recipe, command, settings, versions, machine, verdict.
      seconds: of all processes that made the run.
      finished: when, in local time.
    """

    files: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, Mapping[str, Any]]
    request: str | None
    data: Mapping[str, str | None]
    about: Mapping[str, Any]
    seconds: float
    finished: str = ""
    format: int = FORMAT


def stamped(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON, with the time."""
    return dataclasses.asdict(dataclasses.replace(manifest, finished=time.strftime("%Y-%m-%d %H:%M:%S")))


def read_manifest(root: Path) -> Manifest:
    """The manifest of the run folder at `root`.

    Raises:
      FileNotFoundError: when there is none.
      ValueError: when it is not what a run wrote, or one of another format; says how, as the end of a sentence.
    """
    try:
        manifest = Manifest(**read_sealed(root / NAME))
    except FileNotFoundError:
        raise
    except TypeError:
        raise ValueError("is of another form") from None
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if not _is_of_our_form(manifest):
        raise ValueError("is of another form")
    return manifest


def _is_of_our_form(manifest: Manifest) -> bool:
    """Whether all that is read of it is what a run writes there: a seal is no signature, and anybody can make one."""
    mappings = (manifest.files, manifest.stages, manifest.data, manifest.about)
    return (
        manifest.format == FORMAT
        and all(isinstance(each, dict) for each in mappings)
        and all(is_inside(name) and _is_of_a_file(noted) for name, noted in manifest.files.items())
        and all(isinstance(stage, dict) for stage in manifest.stages.values())
        and isinstance(manifest.seconds, (int, float))
        and isinstance(manifest.finished, str)
        and isinstance(manifest.about.get("command", ""), str)
    )


def _is_of_a_file(noted: Any) -> bool:
    return isinstance(noted, dict) and isinstance(noted.get("sha256"), str) and isinstance(noted.get("bytes"), int)


def is_inside(name: str) -> bool:
    """Whether a path says nothing but a place below the run folder, in characters that a file's name can have."""
    try:
        if b"\0" in os.fsencode(name):
            return False
    except UnicodeEncodeError:
        return False
    parts = Path(name).parts
    return bool(parts) and not Path(name).is_absolute() and ".." not in parts


def stage_folders(root: Path) -> list[str]:
    """The names of the folders in `root` that stages left, whether or not a run still has these stages."""
    return sorted(
        path.parent.name
        for path in root.glob("*/stage.json")
        if path.parent.name != "earlier" and not path.parent.is_symlink()
    )


def files_below(root: Path, folder: str) -> Iterator[str]:
    """The paths, from `root`, of all that is no folder in one of its folders; links are not followed."""
    top = root / folder
    for path in sorted(top.rglob("*")) if top.is_dir() and not top.is_symlink() else []:
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(root).as_posix()
