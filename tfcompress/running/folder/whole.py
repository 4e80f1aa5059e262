"""Whether a run folder is what its run wrote: files that changed, are missing, or came from somewhere else.

Reads all of every file, and needs neither TensorFlow nor NumPy.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...backend.noise import LOG
from .lock import NAME as LOCK
from .manifest import FOLDERS, NAME, REPORTS, SINGLE, Manifest, files_below, is_inside, read_manifest, stage_folders
from .seals import digest, read_sealed

EARLIER, PARTIAL = "earlier", ".partial-"
EXAMPLES = "examples/kept.json"  # what a run keeps of its test split
TRAINING = ".training-"  # and a stage's folder: how far its training is
UNFINISHED, DAMAGED, WHOLE = "unfinished", "damaged", "whole"


@dataclasses.dataclass(frozen=True)
class Problem:
    """A file and what is wrong with it: `kind` is "changed", "missing" or "foreign", `how` says more, if anything."""

    kind: str
    path: str
    how: str = ""


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found in a run folder.

    Attributes:
      problems: with its files, one a file.
      num_files: that were read and found to be what was written.
      num_bytes: of these.
      others: names in the folder that are nobody's of the run; they may be there.
      manifest: what the run says of itself; None where it is not finished, or its manifest cannot be believed.
    """

    problems: tuple[Problem, ...]
    num_files: int
    num_bytes: int
    others: tuple[str, ...] = ()
    manifest: Manifest | None = None

    @property
    def verdict(self) -> str:
        """ "whole", "damaged", or "unfinished" where nothing is wrong with what is there so far."""
        return DAMAGED if self.problems else WHOLE if self.manifest else UNFINISHED


def check_folder(root: Path) -> Checked:
    """Reads every file of the run in `root`.

    A finished run is compared with its manifest. Of another one, each stage and each exported file is compared with
    what was noted when it was written.
    """
    try:
        manifest = read_manifest(root)
    except FileNotFoundError:
        # It is written after the reports, and a run that did not come so far leaves its lock's file.
        is_lost = any(_exists(root / name) for name in REPORTS) and not _exists(root / LOCK)
        return _by_seals(root, [Problem("missing", NAME)] if is_lost else [])
    except ValueError as error:
        return _by_seals(root, [Problem("changed", NAME, str(error))])
    found = _compared(root, {name: (str(of["sha256"]), int(of["bytes"])) for name, of in manifest.files.items()})
    known = {*manifest.files, NAME}
    return dataclasses.replace(
        found,
        problems=(*found.problems, *_foreign(root, known)),
        others=tuple(_others(root, known)),
        manifest=manifest,
    )


def _by_seals(root: Path, noted: list[Problem]) -> Checked:
    """What can be said without a manifest: of each part of the run that is there.

    Where nothing is `noted` the run is not finished: a file may then be written, and its record not yet.
    """
    is_unfinished = not noted
    expected: dict[str, tuple[str, int | None]] = {}
    known = {NAME}
    for name in ("recipe.json", "report.json"):
        if _exists(root / name):
            _, problem = _unsealed(root, name)
            known.add(name)
            noted += [problem] if problem else []
    for folder in stage_folders(root):
        value, problem = _unsealed(root, f"{folder}/stage.json")
        known.add(f"{folder}/stage.json")
        if problem:
            noted.append(problem)
            known |= set(files_below(root, folder))  # nothing tells what they should be
        expected |= {f"{folder}/{name}": (sha, None) for name, sha in _digests(value, "files")}
    for path in sorted((root / "checks").glob("*.json")):
        name = f"checks/{path.name}"
        value, problem = _unsealed(root, name)
        known.add(name)
        if problem:
            noted.append(problem)
            known |= {f"tflite/{path.stem}.tflite", *files_below(root, f"checks/{path.stem}")}
            continue
        expected |= {f"checks/{path.stem}/{each}": (sha, None) for each, sha in _digests(value, "arrays")}
        file = value.get("path")
        if isinstance(file, str) and is_inside(file):
            expected[file] = (str(value.get("sha256")), None)
            folder = file.rpartition("/")[0]
            expected |= {f"{folder}/{each}": (sha, None) for each, sha in _digests(value, "beside")}
    if _exists(root / EXAMPLES):
        folder = EXAMPLES.partition("/")[0]
        value, problem = _unsealed(root, EXAMPLES)
        noted += [problem] if problem else []
        known |= set(files_below(root, folder)) if problem else {EXAMPLES}
        expected |= {f"{folder}/{name}": (sha, None) for name, sha in _digests(value, "files")}
    found = _compared(root, expected)
    foreign = () if is_unfinished else _foreign(root, {*known, *expected})
    problems = (*noted, *found.problems, *foreign)
    return dataclasses.replace(found, problems=problems, others=tuple(_others(root, known | set(expected))))


def _digests(value: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    noted = value.get(name)
    if isinstance(noted, dict):
        yield from ((path, str(sha)) for path, sha in noted.items() if is_inside(path))


def _unsealed(root: Path, name: str) -> tuple[dict[str, Any], Problem | None]:
    try:
        return read_sealed(root / name), None
    except ValueError as error:
        return {}, Problem("changed", name, str(error))
    except OSError as error:
        return {}, Problem("changed", name, f"cannot be read ({error.strerror})")


def _compared(root: Path, expected: Mapping[str, tuple[str, int | None]]) -> Checked:
    """Each file beside the SHA-256 and the size that it should have."""
    problems, num_files, num_bytes = [], 0, 0
    for name, (sha, size) in expected.items():
        problem, found = _looked_at(root, name, sha, size)
        if problem:
            problems.append(problem)
        else:
            num_files, num_bytes = num_files + 1, num_bytes + found
    return Checked(tuple(problems), num_files, num_bytes)


def _looked_at(root: Path, name: str, sha: str, size: int | None) -> tuple[Problem | None, int]:
    path = root / name
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return Problem("changed", name, "is no plain file"), 0
        if size is not None and found.st_size != size:
            return Problem("changed", name, f"{found.st_size:,} bytes, and {size:,} were written"), 0
        if digest(path) != sha:
            return Problem("changed", name, f"other content of {found.st_size:,} bytes"), 0
    except (FileNotFoundError, NotADirectoryError):
        return Problem("missing", name), 0
    except OSError as error:
        return Problem("changed", name, f"cannot be read ({error.strerror})"), 0
    return None, found.st_size


def _foreign(root: Path, known: Iterable[str]) -> Iterator[Problem]:
    """Files where only a run writes, that it did not write."""
    known = set(known)
    ours = {name.partition("/")[0] for name in known if "/" in name}
    for folder in sorted({*FOLDERS, *stage_folders(root), *ours}):
        for name in files_below(root, folder):
            if name not in known and not name.rpartition("/")[2].startswith(PARTIAL):
                yield Problem("foreign", name)


def _others(root: Path, known: Iterable[str]) -> list[str]:
    tops = {name.partition("/")[0] for name in known} | {*SINGLE, *FOLDERS, *stage_folders(root), EARLIER, LOCK, LOG}
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    return [name for name in names if name not in tops and not name.startswith((PARTIAL, TRAINING))]


def _exists(path: Path) -> bool:
    return os.path.lexists(path)
