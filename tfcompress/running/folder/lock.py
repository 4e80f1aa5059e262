"""Who works in a run folder: one process at a time, and a second one is refused at once, with the first one's name.

The lock is flock(2) on the file `.lock`, so that it goes with the process that holds it, however that ends. The file
says who that is, and how long runs have worked here that came to no report: a killed run cannot add up its own time.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import RunLocked
from ...core.remarks import remark

NAME = ".lock"
UNTIL_IT_IS_NAMED_S = 1.0  # a process has the lock for a moment before it has written its name
_CANNOT_LOCK = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class Lock:
    """The lock on a run folder, held until `release`, or until nothing refers to it any more.

    Attributes:
      seconds_before: for which earlier processes worked here since the last report.

    Raises:
      RunLocked: when another process, or another `Lock` in this one, has it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = Lock(Path(folder), "tfcompress recipe digits")
    ...     lock.release(is_finished=True)
    ...     os.listdir(folder)
    []
    """

    def __init__(self, root: Path, command: str = ""):
        self.path = root / NAME
        self._file = _locked(self.path)
        self._closed = weakref.finalize(self, os.close, self._file)
        self.seconds_before = _seconds(self._file)
        self._started = time.monotonic()
        self._who = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "command": command}
        self.count_from(self.seconds_before)

    def count_from(self, seconds_before: float) -> None:
        """Says for how long others have worked here before."""
        self.seconds_before = seconds_before
        self._write({**self._who, "seconds": seconds_before})

    @property
    def seconds(self) -> float:
        """For which this process has worked."""
        return time.monotonic() - self._started

    def beat(self) -> None:
        """Says that work goes on: what is killed now has worked until now."""
        os.utime(self._file)

    def release(self, is_finished: bool) -> None:
        """Lets others in. The file stays, with the time that was spent, where the run did not come to its report."""
        if not self._closed.alive:
            return
        if is_finished:
            with contextlib.suppress(OSError):
                self.path.unlink()
        else:
            with contextlib.suppress(OSError):  # a full disk has been told of
                self._write({"seconds": self.seconds_before + self.seconds})
        self._closed()

    def _write(self, value: Mapping[str, Any]) -> None:
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, (json.dumps(value) + "\n").encode(), 0)


def require_unlocked(root: Path) -> None:
    """Raises `RunLocked` when a process works in the folder. Writes nothing, so that a read-only folder will do."""
    import fcntl

    try:
        file = os.open(root / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # not to wait for a pipe
    except OSError:  # nobody does, or nobody says so
        return
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _CANNOT_LOCK:
            raise RunLocked(_refusal(root / NAME)) from None
    finally:
        os.close(file)


def _locked(path: Path) -> int:
    """The lock's file, open and locked."""
    import fcntl

    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _CANNOT_LOCK:
                remark(
                    f"{path.parent} is on a disk that cannot lock files: two runs at once are not noticed here",
                    level=logging.WARNING,
                )
                return file
            os.close(file)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise RunLocked(_refusal(path)) from None
            raise
        if _is_still(file, path):
            return file
        os.close(file)  # whoever had it took the file away between our opening and locking it


def _is_still(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def _refusal(path: Path) -> str:
    who: Mapping[str, Any] = {}
    end = time.monotonic() + UNTIL_IT_IS_NAMED_S
    while "pid" not in who and time.monotonic() < end:
        who = _content(path)
        if "pid" not in who:
            time.sleep(0.02)
    if "pid" not in who:
        holder = "another process, which does not say its name"
    else:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(who.get("since", 0))))
        command = f": {who['command']}" if who.get("command") else ""
        holder = f"process {who['pid']} on {who.get('host')}, since {since}{command}"
    return (
        f"{path.parent} must be used by one run at a time. Received: a folder in which another works ({holder}). Wait "
        "until it ends, or choose another folder with --out."
    )


def _content(path: Path | int) -> dict[str, Any]:
    try:
        text = os.pread(path, 1 << 16, 0) if isinstance(path, int) else path.read_bytes()
        value = json.loads(text)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(file: int) -> float:
    """For which those worked who left the file: it says until when they did, or its time of change does."""
    left = _content(file)
    try:
        killed = os.fstat(file).st_mtime - float(left["since"]) if "since" in left else 0.0
        return max(0.0, float(left.get("seconds", 0))) + max(0.0, killed)
    except (TypeError, ValueError):
        return 0.0
