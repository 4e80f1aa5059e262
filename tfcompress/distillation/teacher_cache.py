"""A teacher's answers, computed once and kept on disk: for each view of each example its logits in float16.

A folder a teacher, data set and augmentation, named by the fingerprint of all three, so that what is stale is never
found. Answers are written block by block, each followed by its mark: what a killed process left half-written has no
mark, and is computed again. A lock lets one process at a time compute; the others wait, and then find it done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.describe import describe, fingerprint
from ..core.store import output_errors

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1000  # examples that are computed, written and marked together
LARGEST = 65_504.0  # of float16


def default_folder() -> Path:
    """Where answers are kept when no folder is named: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tfcompress" / "teachers"


@dataclasses.dataclass(frozen=True)
class TeacherCache:
    """The answers of one teacher to all views of one data set: an array (views, examples, classes) of float16.

    Args:
      root: the folder that holds the folders of all caches.
      identity: whatever makes the answers what they are; another one is another cache.
      shape: (views, examples, classes), each at least 1.
    """

    root: Path
    identity: Any
    shape: tuple[int, int, int]

    @property
    def folder(self) -> Path:
        """This cache's own."""
        return self.root / fingerprint([self.identity, self.shape])

    def answers(self, compute: Callable[[int, np.ndarray], np.ndarray]) -> np.ndarray:
        """All answers, mapped from disk; those that are not there yet are computed first.

        Args:
          compute: (view, indices of examples) -> logits, (len(indices), classes).

        Raises:
          OutputNotWritable: when the folder cannot be written.
          OutputFull: when the disk is full.
        """
        import numpy as np

        views, examples, _ = self.shape
        with output_errors(self.root), self._locked():
            stored, marks = self._opened()
            for view in range(views):
                for number in np.flatnonzero(marks[view] == 0):
                    indices = np.arange(number * BLOCK, min((number + 1) * BLOCK, examples))
                    stored[view, indices] = np.clip(compute(view, indices), -LARGEST, LARGEST)
                    stored.flush()  # the answers before their mark
                    marks[view, number] = 1
                    marks.flush()
        return np.load(self.folder / "logits.npy", mmap_mode="r")

    def _opened(self) -> tuple[np.ndarray, np.ndarray]:
        """The answers and the marks of their blocks, for writing; made when they are not there, or not whole."""
        import numpy as np

        views, examples, _ = self.shape
        wanted = {"logits.npy": (self.shape, "float16"), "marks.npy": ((views, -(-examples // BLOCK)), "uint8")}
        if not all(_is_whole(self.folder / name, *kind) for name, kind in wanted.items()):
            for name, (shape, dtype) in reversed(wanted.items()):  # no mark may outlive its answers
                (self.folder / name).unlink(missing_ok=True)
                np.lib.format.open_memmap(self.folder / name, "w+", dtype, shape).flush()
            text = json.dumps({"shape": self.shape, "identity": describe(self.identity)}, indent=2)
            (self.folder / "about.json").write_text(text, encoding="utf-8")
        logits, marks = (np.load(self.folder / name, mmap_mode="r+") for name in wanted)
        return logits, marks

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds off other processes; the system lets go of the lock of a process that dies."""
        import fcntl

        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def digest(model: Any) -> str:
    """A name for what a model answers: its layers, whatever they are called, and its weights."""
    kinds = [
        (type(layer).__name__, getattr(getattr(layer, "activation", None), "__name__", "")) for layer in model.layers
    ]
    digest = hashlib.sha256(json.dumps(kinds).encode())
    for weight in model.get_weights():
        digest.update(str(weight.shape).encode() + weight.tobytes())
    return digest.hexdigest()[:16]


def _is_whole(path: Path, shape: tuple[int, ...], dtype: str) -> bool:
    import numpy as np

    try:
        found = np.load(path, mmap_mode="r")
    except (OSError, ValueError):
        return False
    return found.shape == shape and found.dtype == dtype
