"""What a disk, or the memory, says when it is full or cannot be written, in one line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
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
_OWN_FOLDER = "Choose a folder of your own with --out DIR."
_GOES_ON = "Finished stages are kept: the same command goes on."


@contextlib.contextmanager
def output_errors(folder: Path, refused: tuple[int, ...] = REFUSED, fix: str = _OWN_FOLDER) -> Iterator[None]:
    """Turns the disk's errors into one line that says which folder and what to do; `refused` mean "not writable"."""
    try:
        yield
    except TfcompressError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None) or _refusal(error, refused)
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
            raise OutputNotWritable(f"{folder} cannot be written: {os.strerror(number)}. {fix}") from error
        raise


def require_writable(path: Path, option: str, is_folder: bool = True) -> None:
    """Looks, before hours of work, whether what is written at its end can be written. Nothing is left there.

    Args:
      path: which may not be there yet.
      option: that named it, such as "--tensorboard".
      is_folder: whether a folder is written, which is made. Defaults to True; else a file, in a folder that is there.

    Raises:
      OutputNotWritable: when it is a file where a folder is expected, or the other way, or may not be made or written.
      OutputFull: when the disk takes no file.
    """
    wanted, other = ("a folder", "a file") if is_folder else ("a file", "a folder")
    with output_errors(path, (*REFUSED, errno.ENOENT), f"Choose another with {option}."):
        if path.exists() and path.is_dir() != is_folder:
            raise OutputNotWritable(f"{option} must be {wanted}. Received: {path}, {other}. Give it another name.")
        if not is_folder and path.exists():
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return
        above = path.absolute().parents
        nearest = next(place for place in (path, *above) if os.path.lexists(place)) if is_folder else above[0]
        with tempfile.TemporaryFile(dir=nearest):
            return


def resource_error(error: BaseException) -> TfcompressError | None:
    """What the machine lacks, where that is behind an error from anywhere; None where it is something else.

    >>> str(resource_error(OSError(errno.EFBIG, "File too large", "big.npy")))[:40]
    'big.npy must be within the largest size '
    """
    while error is not None:
        number = error.errno if isinstance(error, OSError) else None
        if number in _FULL or _names_a_full_disk(error):
            return _temporary_full() if _is_of_temporaries(error) else _full(getattr(error, "filename", None))
        if number == errno.EFBIG or _says(error, errno.EFBIG):
            name = getattr(error, "filename", None) or _named_in(error) or "A file"
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


def _refusal(error: Exception, refused: tuple[int, ...]) -> int | None:
    """The number of what the disk said, of an error of TensorFlow's, which has the words alone."""
    if not type(error).__module__.startswith("tensorflow."):
        return None
    return next((number for number in refused if os.strerror(number).lower() in str(error).lower()), None)


def _full(place: str | None) -> OutputFull:
    where = f"on the disk of {place}" if place else "on a disk"
    return OutputFull(f"No space left {where}. Free some space. {_GOES_ON}")


def _temporary_full() -> TemporaryFull:
    return TemporaryFull(
        f"No space left for temporary files in {tempfile.gettempdir()}. Free some space, or name a folder on another "
        f"disk in TMPDIR. {_GOES_ON}"
    )


def _names_a_full_disk(error: BaseException) -> bool:
    """Whether TensorFlow or h5py says so, which have no errno."""
    return any(_says(error, number) for number in _FULL)


def _says(error: BaseException, number: int) -> bool:
    """Whether these are the words of the disk's `number`, in an error that comes without it."""
    kind = type(error)
    is_of_tensorflow = kind.__module__.startswith("tensorflow.") or kind.__name__ == "ResourceExhaustedError"
    without_number = isinstance(error, OSError) and error.errno is None  # as h5py raises it
    return (is_of_tensorflow or without_number) and os.strerror(number).lower() in str(error).lower()


def _named_in(error: BaseException) -> str | None:
    """The file of an error of TensorFlow's: "{{node}} /tmp/x/variables; File too large [Op:SaveV2]"."""
    found = re.search(r"(/\S+); ", str(error))
    return found[1] if found else None


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
