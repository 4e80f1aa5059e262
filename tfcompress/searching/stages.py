"""The stages that trials of a search share: each is computed by one process, which the others wait for.

```
stages/NAME-KEY    a file a stage: locked while a process computes it, then the folder of the one that has it
```

The lock is flock(2), so that it goes with a process that is killed, and another one computes the stage. On a disk that
cannot lock, two processes may compute the same stage: each keeps its own, and the first that is done is shared.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ..core.disk import output_errors
from ..core.types import Recipe
from ..running.keys import StageKey
from ..running.records import stage_from_json
from ..running.store import Store

FOLDER = "stages"
PAUSE_S = 0.2
_CANNOT_LOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class SharedStages:
    """The stages in the folder `root` of a search.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> stages, stage = SharedStages(root), root / "trials" / "0001" / "1-baseline"
    >>> with stages.claimed("baseline", "0a1b") as claim:
    ...     stage.mkdir(parents=True)
    ...     _ = (stage / "stage.json").write_text("{}")
    ...     claim.publish(stage)
    >>> stages.find("baseline", "0a1b") == stage
    True
    """

    def __init__(self, root: Path):
        self.root = root

    def find(self, name: str, key: str) -> Path | None:
        """The folder of a stage that is computed; None where there is none."""
        try:
            return self._folder(self._path(name, key).read_bytes())
        except OSError:
            return None

    def publish(self, name: str, key: str, folder: Path) -> None:
        """Says of a stage that is computed where it is, unless another one says it."""
        if self.find(name, key) is None:
            with self.claimed(name, key) as claim:
                if claim.folder is None:
                    claim.publish(folder)

    @contextlib.contextmanager
    def claimed(self, name: str, key: str, look: Callable[[], None] = lambda: None) -> Iterator[Claim]:
        """The right to compute a stage, which is waited for while another process has it.

        Args:
          name: of the stage.
          key: of all that makes it what it is.
          look: is called while waiting; may raise.
        """
        path = self._path(name, key)
        with output_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        claim = Claim(file, self.root)
        try:
            while not _lock(file):
                look()
                time.sleep(PAUSE_S)
            claim.folder = self._folder(os.pread(file, 1 << 12, 0))
            yield claim
        finally:
            claim.release()

    def _path(self, name: str, key: str) -> Path:
        return self.root / FOLDER / f"{name}-{key}"

    def _folder(self, content: bytes) -> Path | None:
        if not content.endswith(b"\n"):  # nobody has said it yet, or not to its end
            return None
        folder = self.root / content.decode("utf-8", "replace").strip()
        return folder if (folder / "stage.json").exists() else None


class Claim:
    """The right to compute a stage; `folder` is where it is computed already, None where it is not."""

    def __init__(self, file: int, root: Path):
        self.folder: Path | None = None
        self._file, self._root, self._is_open = file, root, True

    def publish(self, folder: Path) -> None:
        """Says where the stage is, now that it is computed."""
        content = os.fsencode(folder.relative_to(self._root)) + b"\n"
        with output_errors(self._root):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, content, 0)
            os.fsync(self._file)

    def release(self) -> None:
        """Lets others have it."""
        if self._is_open:
            self._is_open = False
            os.close(self._file)


def _lock(file: int) -> bool:
    """Whether the file is locked now; one on a disk that cannot lock counts as locked."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno not in _CANNOT_LOCK:
            raise
    return True


class Sharing:
    """The stages of one run: each is taken from another run of the search, or trained while the others wait for it."""

    def __init__(
        self,
        stages: SharedStages,
        store: Store,
        recipe: Recipe,
        keys: Mapping[str, StageKey],
        look: Callable[[], None] = lambda: None,
    ):
        self.stages, self.store, self.keys, self.look = stages, store, keys, look
        self.positions = {stage.name: position for position, stage in enumerate(recipe.stages, start=1)}
        self.names: list[str] = []

    @contextlib.contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Puts a stage that was trained elsewhere into the run folder; else says of this one where it is."""
        key, folder = self.keys[name].name, f"{self.positions[name]}-{name}"
        if key is None:  # it is never reused
            yield
            return
        with self.stages.claimed(name, key, self.look) as claim:
            if claim.folder is None or claim.folder.parent == self.store.root:
                yield
                claim.publish(self.store.root / folder)
                return
            claim.release()
            if key != key_in(self.store, folder):
                with self.store.writing(folder) as partial:
                    shutil.copytree(claim.folder, partial, copy_function=_linked)
            self.names.append(name)
        yield


def key_in(store: Store, name: str) -> str | None:
    """The key of a stage in a run folder; None where there is none, or one without a key."""
    record = stage_from_json(store.read_json(f"{name}/stage.json"))
    return record.key if record else None


def _linked(source: str, target: str) -> str:
    """A second name for a file, which no run changes in place; a copy where the disk has no such names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
