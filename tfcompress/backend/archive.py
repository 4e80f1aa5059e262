"""A .keras file that tf_keras can read on Python 3.12 and newer, and one without the date on which it was written.

tf_keras reads the weights through TensorFlow's file object. Since Python 3.12 zipfile seeks in that object where a
member is stored uncompressed, as Keras stores it, and TensorFlow says "reached end of file". A compressed member is
read from front to back, which works.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Gives a path at which tf_keras can read `path`: itself, or a compressed copy while the block lasts.

    >>> with readable(Path("model.h5")) as path:
    ...     path.name
    'model.h5'
    """
    if sys.version_info < (3, 12) or not zipfile.is_zipfile(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with (
            zipfile.ZipFile(path) as source,
            zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
        ):
            for name in source.namelist():
                target.writestr(name, source.read(name))
        yield copy


def forget_dates(path: Path) -> None:
    """Takes out of a .keras file when it was written, so that equal models are equal files, byte by byte."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members["metadata.json"])
    about["date_saved"] = ""
    members["metadata.json"] = json.dumps(about).encode()
    partial = path.with_name(f".{path.name}-undated")
    with zipfile.ZipFile(partial, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # of 1980, as far back as the format goes
    os.replace(partial, path)
