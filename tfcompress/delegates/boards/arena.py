"""The tensor arena of a file on a microcontroller, measured in a child process.

`python -m tfcompress.delegates.boards.arena FILE FOLDER` is the child; it writes `arena.json` into FOLDER.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from ...backend import child
from ...backend.search_path import for_children
from ...core.temporaries import in_temporary_folder
from .microcontroller import Microcontroller, operations_that_lack, version

TIME_LIMIT_S = 120.0


@dataclasses.dataclass(frozen=True)
class Arena:
    """The arena of a file, or why nobody knows it.

    Attributes:
      num_bytes: the least in which the file runs; None where it was not measured.
      reason: "" or why not.
      lacks: operations that the interpreter has not, with their layers; "" for none.
      measured_by: the interpreter, with its version.
    """

    num_bytes: int | None = None
    reason: str = ""
    lacks: str = ""
    measured_by: str = ""


def measure_arena(path: Path, time_limit_s: float = TIME_LIMIT_S) -> Arena:
    """Measures the least arena of a .tflite with tflite-micro, where that is installed.

    Args:
      path: the file.
      time_limit_s: for the child. Defaults to 120.
    """
    missing = Microcontroller().missing()
    if missing:
        return Arena(reason=f"{missing[0]}. {missing[1]}")
    with in_temporary_folder("arena") as folder:
        command = [sys.executable, "-m", "tfcompress.delegates.boards.arena", str(path.resolve()), str(folder)]
        end = child.run_limited(command, time_limit_s, folder, {"PYTHONPATH": for_children()})
        if end.death:
            return Arena(reason=f"the child process {end.death}", measured_by=f"tflite-micro {version()}")
        found = json.loads((folder / "arena.json").read_text())
    lacks = operations_that_lack(path, found["lacks"], ()) if found["lacks"] else ""
    return Arena(found["num_bytes"], found["reason"], lacks, f"tflite-micro {version()}")


def main(path: Path, folder: Path) -> None:
    """The child: from the file to `arena.json`."""
    from .lacking import lacking
    from .micro_runtime import least_arena

    child.die_with_parent()
    found: dict[str, object] = {"num_bytes": None, "reason": "no size of it was enough", "lacks": []}
    try:
        size = least_arena(path)
        if size is not None:
            found |= {"num_bytes": size, "reason": ""}
    except (RuntimeError, ValueError) as error:
        found |= {"reason": child.last_words(str(error)), "lacks": lacking(path)}
    (folder / "arena.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
