"""Where Python looks for modules while a file is opened: never in the current folder.

Who opens a file often stands in the folder that it was unpacked into, and `python -m` and interactive Python search the
current folder first. A `h5py.py` beside a downloaded model would be run instead of the real one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


@contextlib.contextmanager
def without_current_folder() -> Iterator[None]:
    """Takes the current folder off `sys.path` while the block lasts.

    It stays when it is where packages are installed.

    >>> with without_current_folder():
    ...     "" in sys.path
    False
    """
    before = list(sys.path)
    sys.path[:] = _elsewhere(before)
    try:
        yield
    finally:
        sys.path[:] = before + [entry for entry in sys.path if entry not in before]  # an import may have added some


@contextlib.contextmanager
def with_folder(folder: Path) -> Iterator[None]:
    """Puts a folder first on `sys.path` while the block lasts, as Python does with the folder of a script."""
    entry = str(folder.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # what ran in between may have taken it off
            sys.path.remove(entry)


def for_children() -> str:
    """A PYTHONPATH with which a child process finds this package, and does not find the current folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([PACKAGE_PARENT, *_elsewhere(entry for entry in given if entry)])


def _elsewhere(entries: Iterable[str]) -> list[str]:
    try:
        here = Path.cwd().resolve()
    except FileNotFoundError:  # it was deleted: there is nothing to import from
        return list(entries)
    if here in _installed():
        return list(entries)
    return [entry for entry in entries if Path(entry or ".").resolve() != here]


def _installed() -> set[Path]:
    """The folders of installed packages: Python's own, and that from which TensorFlow has come."""
    tensorflow = getattr(sys.modules.get("tensorflow"), "__file__", None)
    known = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    return {Path(folder).resolve() for folder in known} | (
        {Path(tensorflow).resolve().parents[1]} if tensorflow else set()
    )
