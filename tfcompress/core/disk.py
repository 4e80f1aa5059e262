"""What a disk, or the memory, says when it is full or cannot be written, in one line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import (
    FileTooLarge,
    OutOfMemory,
    OutputFull,
    OutputNotWritable,
    TemporaryFull,
    TfcompressError,
)

REFUSED = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EISDIR, errno.ENOTEMPTY),
)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_GOES_ON = "Finished stages are kept: the same command goes on."


@contextlib.contextmanager
def output_errors(folder: Path, refused: tuple[int, ...] = REFUSED) -> Iterator[None]:
    """Turns the disk's errors into one line that says which folder and what to do; `refused` mean "not writable"."""
    try:
        yield
    except TfcompressError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        # When the disk is full h5py raises OSError without a number, TensorFlow its own classes.
        full = number in _FULL or (number is None and _names_the_disk(error))
        if full and _is_of_temporaries(error, folder):
            raise _temporary_full() from error
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


def resource_error(error: BaseException) -> TfcompressError | None:
    """What the machine lacks, where that is behind an error from anywhere; None where it is something else.

    >>> str(resource_error(OSError(errno.EFBIG, "File too large", "big.npy")))[:40]
    'big.npy must be within the largest size '
    """
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number in _FULL or _names_a_full_disk(error):
            return _temporary_full() if _is_of_temporaries(error) else _full(getattr(error, "filename", None))
        if number == errno.EFBIG:
            name = getattr(error, "filename", None) or "A file"
            return FileTooLarge(
                f"{name} must be within the largest size of a file here. Received: a larger one. Raise the limit "
                f"(ulimit -f), or choose another disk with --out. {_GOES_ON}"
            )
        if isinstance(error, MemoryError) or number == errno.ENOMEM or _names_the_memory(error):
            return OutOfMemory(
                f"Memory must be enough for the work. Received: none left ({' '.join(str(error).split())[:120]}). Use "
                f"a smaller batch or fewer examples, close other programs, or raise the limit (ulimit -v). {_GOES_ON}"
            )
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return None


def _full(place: str | None) -> OutputFull:
    where = f"on the disk of {place}" if place else "on a disk"
    return OutputFull(f"No space left {where}. Free some space. {_GOES_ON}")


def _temporary_full() -> TemporaryFull:
    return TemporaryFull(
        f"No space left for temporary files in {tempfile.gettempdir()}. Free some space, or name a folder on another "
        f"disk in TMPDIR. {_GOES_ON}"
    )


def _names_a_full_disk(error: BaseException) -> bool:
    """Whether TensorFlow says so, which has no errno."""
    return type(error).__name__ == "ResourceExhaustedError" and "no space left on device" in str(error).lower()


def _names_the_memory(error: BaseException) -> bool:
    """Whether TensorFlow says so, in classes of its own."""
    words = str(error)
    return type(error).__name__ == "ResourceExhaustedError" and ("OOM" in words or "memory" in words.lower())


def _is_of_temporaries(error: BaseException, folder: Path | None = None) -> bool:
    """Whether it is the disk of temporary files that is full, and not that of `folder`: a write names no file."""
    name, place = getattr(error, "filename", None), Path(tempfile.gettempdir())
    if _names_a_full_disk(error) and str(place) in str(error):
        return not (folder and str(folder.absolute()) in str(error))
    if isinstance(name, str | bytes | os.PathLike):
        path = Path(os.fsdecode(name)).absolute()
        return path.is_relative_to(place) and not (folder and path.is_relative_to(folder.absolute()))
    return _is_full(place) and not (folder and _is_full(folder))


def _names_the_disk(error: Exception) -> bool:
    words = ("no space left", "disk full", "write failed", "unable to", "resource exhausted", "errno = 28")
    return isinstance(error, OSError) or any(word in str(error).lower() for word in words)


def _is_full(folder: Path) -> bool:
    existing: Path = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free < 1 << 20
