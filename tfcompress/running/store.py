"""The run folder: everything in it is whole, since it is made beside its place under another name, then renamed.

```
saved_models/cifar10/
  report.md report.json          the last thing written
  recipe.json                    the settings and versions of the run
  1-baseline/                    a stage: model.keras and stage.json (its measurements, and the key of what made it)
  2-pruned/
  tflite/cifar10-pruned-int8.tflite
  checks/                        what the checks found, a .json a file, and the CPU's outputs to compare others with
  earlier/                       stages made with other settings: moved here, never deleted
```
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.disk import REFUSED, output_errors

FILES = ("report.json", "report.md", "recipe.json")
FOLDERS = ("tflite", "checks")
PARTIAL = ".partial-"  # what an interrupted run leaves under such a name is swept at the next start


class Store:
    """A run folder at `root`.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()) / "run")
    >>> store.open()
    >>> store.write_json("report.json", {"verdict": "pass"})
    >>> store.read_json("report.json")
    {'verdict': 'pass'}
    """

    def __init__(self, root: Path):
        self.root = root

    def open(self, fresh: bool = False) -> None:
        """Makes the folder, and sweeps what an interrupted run left half done; `fresh` moves the rest to earlier/.

        Raises:
          OutputNotWritable: when the folder cannot be made or written.
        """
        with output_errors(self.root, (*REFUSED, errno.ENOENT)):  # ENOENT: what /proc says to a new folder
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, *(self.root / name for name in FOLDERS)):
                for left in folder.glob(PARTIAL + "*"):
                    _remove(left)
            probe = self.root / (PARTIAL + "probe")
            probe.write_bytes(b"x")
            probe.unlink()
        if fresh:
            for name in self._made():
                self.retire(name)

    def _made(self) -> list[str]:
        """What runs made here, and nothing else: `--out` may be a folder with other things of the user's in it."""
        stages = sorted(path.parent.name for path in self.root.glob("*/stage.json"))
        return [*FILES, *FOLDERS, *stages]

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path to write a file or a folder at; when the block ends well it is renamed to `name`.

        Raises:
          OutputFull, OutputNotWritable: whichever error of the disk ended the block.
        """
        final = self.root / name
        partial = final.with_name(PARTIAL + final.name)
        with output_errors(self.root):
            final.parent.mkdir(parents=True, exist_ok=True)
            _remove(partial)
            try:
                yield partial
                _flush(partial)
                if partial.is_dir() and final.exists():
                    _remove(final)
                os.replace(partial, final)
            finally:
                _remove(partial)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file, whole."""
        with self.writing(name) as path:
            path.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        """Writes `value` as JSON, whole."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def read_json(self, name: str) -> Any:
        """What `write_json` wrote; None when there is no such file, or none that can be read."""
        try:
            return json.loads((self.root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def retire(self, name: str) -> None:
        """Moves a file or folder into earlier/, under the name of the time: nothing that took time is deleted."""
        source = self.root / name
        if not source.exists():
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        taken = (self.root / "earlier" / f"{stamp}{suffix}" / name for suffix in _suffixes())
        target = next(path for path in taken if not path.exists())
        with output_errors(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)


def _suffixes() -> Iterator[str]:
    yield ""
    number = 2
    while True:
        yield f"-{number}"
        number += 1


def _flush(path: Path) -> None:
    """Asks the disk to keep the bytes before the rename: a power cut must not leave an empty file of the final name."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with open(file, "rb") as stream:
            os.fsync(stream.fileno())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
