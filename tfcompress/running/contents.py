"""What a finished run is made of: its files, and the manifest that names them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from .examples.kept import kept_files
from .folder.manifest import NAME, REPORTS, Manifest, read_manifest, stamped
from .folder.seals import sealed
from .records import FileRecord, StageRecord
from .store import Store


def owned_files(stages: Sequence[StageRecord], files: Sequence[FileRecord]) -> dict[str, str | None]:
    """The files of a run but for its report: each one's SHA-256, None where it is not known yet."""
    owned: dict[str, str | None] = {"recipe.json": None}
    for number, stage in enumerate(stages, 1):
        folder = f"{number}-{stage.name}"
        owned |= {f"{folder}/stage.json": None, **{f"{folder}/{name}": sha for name, sha in stage.files.items()}}
    for file in files:
        base = f"checks/{PurePosixPath(file.path).stem}"
        owned |= {file.path: file.sha256, f"{base}.json": None}
        owned |= {f"{base}/{name}": sha for name, sha in file.arrays.items()}
        owned |= {f"{PurePosixPath(file.path).parent}/{name}": sha for name, sha in file.beside.items()}
    return owned


def write_manifest(
    store: Store,
    stages: Sequence[StageRecord],
    files: Sequence[FileRecord],
    about: tuple[str | None, Mapping[str, str | None], Mapping[str, Any], float],
) -> None:
    """Writes the manifest of a run whose other files are written, unless it stands there already.

    Args:
      store: the run folder.
      stages: of the run.
      files: of the run.
      about: the manifest's `request`, `data`, `about` and `seconds`.
    """
    owned = {**owned_files(stages, files), **kept_files(store), **dict.fromkeys(REPORTS)}
    there = {name: sha or store.digest(name) for name, sha in owned.items() if (store.root / name).is_file()}
    made = {
        stage.name: {"key": stage.key, "model": stage.model, "made_from": stage.models, "num_cores": stage.num_cores}
        for stage in stages
    }
    sizes = {name: {"sha256": sha, "bytes": (store.root / name).stat().st_size} for name, sha in there.items()}
    manifest = Manifest(sizes, made, *about)
    try:
        said = dataclasses.replace(read_manifest(store.root), finished="")
    except (FileNotFoundError, ValueError):
        said = None
    if said is None or sealed(dataclasses.asdict(said)) != sealed(dataclasses.asdict(manifest)):
        store.write_json(NAME, stamped(manifest))
