"""The run folder: everything in it is whole, since it is made beside its place under another name, then renamed.

```
saved_models/cifar10/
  manifest.json                  the last thing written: every file's SHA-256, and what all of it was made from
  report.md report.json
  recipe.json                    the settings of the run
  1-baseline/                    a stage: model.keras and stage.json (its measurements, and the key of what made it)
  2-pruned/
  tflite/cifar10-pruned-int8.tflite
  checks/                        what the checks found, a .json a file, and the CPU's outputs to compare others with
  earlier/                       stages made with other settings: moved here, never deleted
  .lock                          who works here (folder/lock.py)
```

JSON has a seal (folder/seals.py): what was cut off or edited is taken for what is not there, and made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..core.disk import REFUSED, output_errors
from .folder.lock import Lock
from .folder.manifest import FOLDERS, NAME, REPORTS, SINGLE, files_below, read_manifest, stage_folders
from .folder.seals import digest, read_sealed, sealed
from .folder.whole import TRAINING

FILES = (NAME, *SINGLE)
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
        self.has_changed = False  # whether this run made or moved anything but its report
        self.seconds_reported: float | None = None  # what a finished run says, as long as it stays one
        self._lock: Lock | None = None
        self._digests: dict[str, tuple[Any, str]] = {}

    def open(self, fresh: bool = False, command: str = "") -> None:
        """Makes the folder, locks it, and sweeps what an interrupted run left half done.

        Args:
          fresh: whether what is there is moved to earlier/. Defaults to False.
          command: what was typed, for those who find the folder locked.

        Raises:
          OutputNotWritable: when the folder cannot be made or written.
          RunLocked: when another process has opened it and not closed it yet.
        """
        with output_errors(self.root, (*REFUSED, errno.ENOENT)):  # ENOENT: what /proc says to a new folder
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = self._lock or Lock(self.root, command)
            for folder in (self.root, *(self.root / name for name in FOLDERS)):
                if folder == self.root or not folder.is_symlink():  # what lies elsewhere is somebody else's
                    for left in folder.glob(PARTIAL + "*"):
                        _remove(left)
            probe = self.root / (PARTIAL + "probe")
            probe.write_bytes(b"x")
            probe.unlink()
            for left in self.root.glob(TRAINING + "*") if fresh else ():
                _remove(left)
        with contextlib.suppress(FileNotFoundError, ValueError):
            self.seconds_reported = read_manifest(self.root).seconds
        self._lock.count_from(0.0 if fresh else self._lock.seconds_before or self.seconds_reported or 0.0)
        if fresh:
            for name in self._made():
                self.retire(name)

    def close(self, is_finished: bool = True) -> None:
        """Lets other processes in. Without a report, the time that was spent is kept for the one that comes to it."""
        if self._lock is not None:
            with output_errors(self.root):
                self._lock.release(is_finished)
            self._lock = None

    @property
    def seconds(self) -> float:
        """For which all processes have worked here that made what is there now."""
        if self.seconds_reported is not None:
            return self.seconds_reported
        return 0.0 if self._lock is None else round(self._lock.seconds_before + self._lock.seconds, 1)

    def beat(self) -> None:
        """Says that work goes on."""
        if self._lock is not None:
            self._lock.beat()

    def _made(self) -> list[str]:
        """What runs made here, and nothing else: `--out` may be a folder with other things of the user's in it."""
        return [*FILES, *FOLDERS, *stage_folders(self.root)]

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Gives a path to write a file or a folder at; when the block ends well it is renamed to `name`.

        Raises:
          OutputFull, OutputNotWritable: whichever error of the disk ended the block.
        """
        final = self.root / name
        partial = final.with_name(PARTIAL + final.name)
        with output_errors(self.root):
            self._change(name)
            final.parent.mkdir(parents=True, exist_ok=True)
            _remove(partial)
            try:
                yield partial
                _flush(partial)
                if final.is_dir() and not final.is_symlink() and not partial.is_dir():
                    self.retire(name)  # a folder of a file's name is the user's
                elif partial.is_dir() and os.path.lexists(final):
                    _remove(final)
                os.replace(partial, final)
                self.beat()
            finally:
                _remove(partial)

    def training(self, name: str, made_from: Any) -> Path:
        """The folder in which the trainings of a stage may keep how far they are; another one for another stage."""
        made = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
        return self.root / f"{TRAINING}{name}-{made}"

    def forget_training(self, name: str) -> None:
        """Removes what trainings of a stage of this name kept."""
        with output_errors(self.root):
            for kept in self.root.glob(f"{TRAINING}{name}-*"):
                _remove(kept)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file, whole; leaves one alone that says the same."""
        if self._says(name, text):
            return
        with self.writing(name) as path:
            path.write_text(text, encoding="utf-8")

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Writes `value` as JSON with a seal, whole."""
        self.write_text(name, sealed(value))

    def read_json(self, name: str) -> Any:
        """What `write_json` wrote; None when there is no such file, or one that is not what it wrote."""
        try:
            return read_sealed(self.root / name)
        except (OSError, ValueError):
            return None

    def digest(self, name: str) -> str:
        """The SHA-256 of a file, read once while it does not change; "" for what is no plain file."""
        path = self.root / name
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                return ""
            state = (found.st_size, found.st_mtime_ns, found.st_ino)
            if self._digests.get(name, (None, ""))[0] != state:
                self._digests[name] = state, digest(path)
            return self._digests[name][1]
        except OSError:
            return ""

    def not_as_written(self, folder: str, files: Mapping[str, str]) -> list[str]:
        """Those of the files in `folder` that have another SHA-256 than they should, or are not there."""
        return [name for name, sha in files.items() if self.digest(f"{folder}/{name}") != sha]

    def retire_others(self, owned: Collection[str]) -> list[str]:
        """Moves what no part of the run owns into earlier/, of the places where only a run writes; gives its names."""
        stages = {name.partition("/")[0] for name in owned if "/" in name} - set(FOLDERS)
        moved = [folder for folder in stage_folders(self.root) if folder not in stages]
        for folder in (*FOLDERS, *sorted(stages)):
            moved += [name for name in files_below(self.root, folder) if name not in owned]
        for name in moved:
            self.retire(name)
        return moved

    def retire(self, name: str) -> None:
        """Moves a file or folder into earlier/, under the name of the time: nothing that took time is deleted."""
        source = self.root / name
        if not os.path.lexists(source):
            return
        self._change(name)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        taken = (self.root / "earlier" / f"{stamp}{suffix}" / name for suffix in _suffixes())
        target = next(path for path in taken if not path.exists())
        with output_errors(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)

    def _change(self, name: str) -> None:
        """Before something of the run changes, what was said of it as a whole goes: it would be wrong from now on."""
        if name == NAME or self.has_changed:
            return
        if name in REPORTS:  # the manifest comes after them
            with contextlib.suppress(FileNotFoundError):
                _remove(self.root / NAME)
            return
        self.has_changed, self.seconds_reported = True, None
        with contextlib.suppress(FileNotFoundError):
            _remove(self.root / NAME)
        for report in REPORTS:
            self.retire(report)

    def _says(self, name: str, text: str) -> bool:
        path = self.root / name
        try:
            is_plain = stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size == len(text.encode())
            return is_plain and path.read_text(encoding="utf-8") == text
        except (OSError, ValueError):
            return False


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
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
