"""Reads a .tflite in a child process with limits of time and memory: a damaged one may say "four billion tensors".

`python -m tfcompress.inspecting.tflite.reading FILE FOLDER` is the child; it writes `seen.json` into FOLDER.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

from ...backend.child import die_with_parent, run_limited
from ...backend.search_path import for_children
from ...core.temporaries import in_temporary_folder
from ...measuring.tflite import UnreadableFile
from ..hints import of_tflite
from ..values import GPU_NOT_ASKED, Gpu, OperatorRow, TensorRow, TfliteFile

TIME_LIMIT_S = 60.0
BYTES_PER_EXTRA_SECOND = 4 << 20  # counting distinct values sorts every kernel
MEMORY_LIMIT_BYTES = 8 << 30


def read_tflite(path: Path, time_limit_s: float | None = None) -> TfliteFile:
    """What is in a .tflite file.

    Args:
      path: the file.
      time_limit_s: for the child. Defaults to 60 s and another second for each 4 MB.

    Raises:
      UnreadableFile: when it is none, or damaged, or its reader crashed or took too long.
    """
    limit_s = time_limit_s or TIME_LIMIT_S + path.stat().st_size / BYTES_PER_EXTRA_SECOND
    with in_temporary_folder("read") as folder:
        command = [sys.executable, "-m", "tfcompress.inspecting.tflite.reading", str(path.resolve()), str(folder)]
        end = run_limited(command, limit_s, folder, {"PYTHONPATH": for_children()})
        if end.death:
            raise UnreadableFile(f"{path} cannot be read: its reader {end.death}. Export the file again.")
        found = json.loads((folder / "seen.json").read_text())
    if "damage" in found:
        raise UnreadableFile(found["damage"].replace(str(path.resolve()), str(path), 1))
    file = from_json({**found, "file": str(path)})
    return dataclasses.replace(file, hints=of_tflite(file.operators))


def from_json(value: dict[str, Any]) -> TfliteFile:
    """The inverse of `dataclasses.asdict`, for a file of which no delegate was asked."""
    tuples = {name: tuple(value[name]) for name in ("metadata", "signatures", "inputs", "outputs", "hints")}
    return TfliteFile(
        **{
            **value,
            **tuples,
            "operators": tuple(_row(OperatorRow, {**row, "gpu": GPU_NOT_ASKED}) for row in value["operators"]),
            "tensors": tuple(_row(TensorRow, row) for row in value["tensors"]),
            "gpu": Gpu(**{**value["gpu"], "refusals": ()}),
        }
    )


def _row(kind: Any, fields: dict[str, Any]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


def finite(value: Any) -> Any:
    """The same with None for numbers that are none: JSON has no name for them, and a damaged file has many."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main(path: Path, folder: Path) -> None:
    """The child: what is in the file, or what is wrong with it, as JSON."""
    from .tflite_file import look_at

    die_with_parent()
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on Windows; macOS refuses the limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    try:
        found = dataclasses.asdict(look_at(path))
    except UnreadableFile as error:
        found = {"damage": " ".join(str(error).split())}
    except (MemoryError, RecursionError) as error:
        found = {"damage": f"{path} is not a whole .tflite file: reading it ends in a {type(error).__name__}."}
    (folder / "seen.json").write_text(json.dumps(finite(found), allow_nan=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
