"""A teacher's logits on disk, which grow while students train.

One file a view, mapped into memory, one row an example. There is no lock: a row carries a checksum, so that what a
killed process, or one that is just writing, has left half-written counts as not there, and two processes that write
one row write the same.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...backend.tensorflow import tf
from ...core.errors import OutputFull, OutputNotWritable
from .rows import LogitRows

if TYPE_CHECKING:
    import numpy as np

NUM_PROBES = 8  # rows of an earlier run that are compared with the teacher
MOST_HELD = 1 << 28  # bytes of logits that are taken into memory
TOLERANCE = 0.02  # of the largest logit: rounding to float16 moves a logit by 0.0005 of it


class TeacherLogitCache:
    """The logits of one teacher in the views of one data set.

    Args:
      folder: this teacher's own.
      num_examples: N, rows of each view.
      rows: how an example's logits are written.
      about: what the folder's name stands for, written beside the logits for whoever looks.

    Raises:
      OutputNotWritable: when the folder cannot be written; OutputFull: when the disk is full.
    """

    def __init__(self, folder: Path, num_examples: int, rows: LogitRows, about: Mapping[str, Any]) -> None:
        self.folder, self.num_examples, self.rows, self.about = folder, num_examples, rows, dict(about)
        self._views: dict[int, np.ndarray] = {}
        self._held: Any = None
        self._make_folder()

    def hold(self, num_views: int) -> bool:
        """Takes the first views' logits into memory, when none is missing and they are not too large; says whether.

        `recall` then asks no Python, which a step of training would wait for.
        """
        import numpy as np

        paths = [self._path(view) for view in range(num_views)]
        size = num_views * self.num_examples * self.rows.num_classes * np.dtype("float32").itemsize
        if size > MOST_HELD or not all(path.exists() for path in paths):
            return False
        found = [np.asarray(self._view(view)) for view in range(num_views)]
        if all(self.rows.are_whole(rows).all() for rows in found):
            self._held = tf.constant(np.stack([self.rows.decode(rows) for rows in found]))
        return self.are_held

    @property
    def are_held(self) -> bool:
        """Whether all logits are in memory, so that no step needs the teacher."""
        return self._held is not None

    def recall(self, views: Any, indices: Any) -> dict[str, Any]:
        """In a tf.data pipeline: "logits" (batch, classes), float32, and which of them are "known" (batch,)."""
        if self.are_held:
            logits = tf.gather_nd(self._held, tf.stack([views, indices], axis=1))
            return {"logits": logits, "known": tf.ones_like(views, tf.bool)}
        logits, known = tf.numpy_function(self.read, [views, indices], [tf.float32, tf.bool], stateful=False)
        logits.set_shape([None, self.rows.num_classes])
        known.set_shape([None])
        return {"logits": logits, "known": known}

    def keep(self, views: Any, indices: Any, logits: Any) -> Any:
        """In a training step: writes the teacher's logits and gives them as they will be read, (batch, classes)."""
        kept = tf.numpy_function(self.write, [views, indices, logits], tf.float32)
        kept.set_shape([None, self.rows.num_classes])
        return kept

    def read(self, views: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (batch, classes), and which of them are there (batch,)."""
        import numpy as np

        found = np.zeros(len(indices), self.rows.row)
        for view in np.unique(views):
            found[views == view] = self._view(int(view))[indices[views == view]]
        return self.rows.decode(found), self.rows.are_whole(found)

    def write(self, views: np.ndarray, indices: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Writes what is not there yet, and gives all as it is kept, so that a first run sees what later ones see."""
        import numpy as np

        kept, known = self.read(views, indices)
        fresh = self.rows.encode(logits)
        for view in np.unique(views):
            chosen = (views == view) & ~known
            self._view(int(view))[indices[chosen]] = fresh[chosen]
        return np.where(known[:, None], kept, self.rows.decode(fresh))

    def require_agreement(self, ask: Callable[[int, np.ndarray], np.ndarray], num_views: int) -> None:
        """Compares some rows with the teacher; if they differ, says so, and begins anew.

        The folder's name is for teachers, data and augmentation by all that they say of themselves; what a user's
        own layer or augmentation computes may have changed without their saying so.

        Args:
          ask: (view, indices) -> logits (len(indices), classes).
          num_views: those that the training goes through.
        """
        import numpy as np

        for view in range(num_views):
            if not self._path(view).exists():
                continue
            known = np.flatnonzero(self.rows.are_whole(np.asarray(self._view(view))))
            if len(known):
                probes = np.unique(known[np.linspace(0, len(known) - 1, NUM_PROBES).astype(int)])
                asked = np.asarray(ask(view, probes))
                kept = np.asarray(self._view(view)[probes]["logits"], "float32")
                expected = self.rows.encode(asked)["logits"].astype("float32")
                difference = float(np.abs(kept - expected).max())
                if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
                    warnings.warn(
                        f"The teacher's logits kept in {self.folder} are not what it gives now (they differ by "
                        f"{difference:.3g}): a layer or an augmentation was changed. They are computed anew.",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                    self._begin_anew()
                return

    def _view(self, view: int) -> np.ndarray:
        """The rows of a view, mapped from its file, which is made when it is not there or too short."""
        import numpy as np

        if view not in self._views:
            with _disk_errors(self.folder):
                _reserve(self._path(view), self.num_examples * self.rows.row.itemsize)
                mapped = np.memmap(self._path(view), self.rows.row, "r+", shape=(self.num_examples,))
            self._views.setdefault(view, mapped)
        return self._views[view]

    def _path(self, view: int) -> Path:
        return self.folder / f"view-{view:05}.rows"

    def _make_folder(self) -> None:
        with _disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "about.json").write_text(json.dumps(self.about, indent=2), encoding="utf-8")

    def _begin_anew(self) -> None:
        """What other processes have mapped stays theirs; they and we no longer share it."""
        self._views.clear()
        away = self.folder.with_name(f"{self.folder.name}.{uuid.uuid4().hex}")
        # Another process may have found the same, and be the first.
        with _disk_errors(self.folder), contextlib.suppress(FileNotFoundError):
            self.folder.rename(away)
            shutil.rmtree(away)
        self._make_folder()


def _reserve(path: Path, size: int) -> None:
    """Gives a file its size at once: to write into a mapped file that the disk has no room for kills the process."""
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if os.fstat(number).st_size >= size:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(number, 0, size)
        else:
            os.ftruncate(number, size)
    finally:
        os.close(number)


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Turns the disk's errors into one line that says which folder and what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (OutputFull if full else OutputNotWritable)(
            f"The teacher's logits cannot be kept in {folder}: {os.strerror(error.errno or 0)}. "
            "Name another folder: distilled(..., cache=FOLDER)."
        ) from error
