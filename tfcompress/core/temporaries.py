"""Temporary folders: named by the process that made them, so that those of processes that were killed can be swept.

```
$TMPDIR/tfcompress-1f3c5a7e-4242-convert-k3x9q0zs
        prefix     place    pid  for     random
```

The place is a machine since its last start, and a namespace of process numbers in it (a container has its own): the
same number elsewhere is another process, and what lies in a shared TMPDIR may be at work.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "tfcompress"
_NAME = re.compile(rf"{PREFIX}-([0-9a-f]{{8}})-(\d+)-")


def temporary_folder(purpose: str) -> Path:
    """Makes a folder, which whoever asked for it removes; `sweep` does when the process was killed.

    Args:
      purpose: a word that says what it is for, as part of its name.

    >>> folder = temporary_folder("example")
    >>> folder.name.startswith(f"tfcompress-{place()}-{os.getpid()}-example-")
    True
    >>> folder.rmdir()
    """
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{place()}-{os.getpid()}-{purpose}-"))


@contextlib.contextmanager
def in_temporary_folder(purpose: str) -> Iterator[Path]:
    """Gives a folder that is there until the block ends."""
    folder = temporary_folder(purpose)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_temporaries() -> Iterator[None]:
    """For a command of its own process: sweeps, and puts all temporary files until the block ends into one folder.

    Those of libraries and child processes too, as `TMPDIR` says so; whatever is left in it goes with it.
    """
    sweep()
    before, before_in_environment = tempfile.tempdir, os.environ.get("TMPDIR")
    with in_temporary_folder("all") as folder:
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before
            if before_in_environment is None:
                os.environ.pop("TMPDIR", None)
            else:
                os.environ["TMPDIR"] = before_in_environment


def sweep() -> int:
    """Removes what processes left that are no more, of this user and this place alone; gives how much that was."""
    removed = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(tempfile.gettempdir()):
            found = _NAME.match(entry.name)
            if not found or found[1] != place() or _is_alive(int(found[2])):
                continue
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
                removed += 1
    return removed


@functools.cache
def place() -> str:
    """A name for where process numbers mean what they mean to this process."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            parts.append(os.readlink(path) if path.endswith("pid") else Path(path).read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; no number of a process
        return True
    return True
