"""What a disk says when it is full or cannot be written, in one line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import OutputError, OutputFull, OutputNotWritable

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


@contextlib.contextmanager
def output_errors(folder: Path, refused: tuple[int, ...] = REFUSED) -> Iterator[None]:
    """Turns the disk's errors into one line that says which folder and what to do; `refused` mean "not writable"."""
    try:
        yield
    except OutputError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        # When the disk is full h5py raises OSError without a number, TensorFlow its own classes.
        full = number in (errno.ENOSPC, errno.EDQUOT) or (number is None and _names_the_disk(error))
        if full and (number is not None or _is_full(folder)):
            raise OutputFull(
                f"No space left on the disk of {folder}. Finished stages are kept: free some space and give the same "
                "command again, or choose another folder with --out."
            ) from error
        if number in refused:
            raise OutputNotWritable(
                f"{folder} cannot be written: {os.strerror(number)}. Choose a folder of your own with --out DIR."
            ) from error
        raise


def _names_the_disk(error: Exception) -> bool:
    words = ("no space left", "disk full", "write failed", "unable to", "resource exhausted", "errno = 28")
    return isinstance(error, OSError) or any(word in str(error).lower() for word in words)


def _is_full(folder: Path) -> bool:
    existing: Path = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free < 1 << 20
