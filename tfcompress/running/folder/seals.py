"""JSON that knows whether it is what was written: its last member, the seal, is the SHA-256 of all the rest.

A seal finds accidents and careless edits. It is no signature: who changes the content can also compute a new seal.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEAL = "seal"
CHUNK_BYTES = 1 << 20
MOST_BYTES = 256 << 20  # of a record: those of the largest runs have a few


def sealed(value: Mapping[str, Any]) -> str:
    """The text of a JSON file with its seal.

    >>> unsealed(sealed({"accuracy": 0.9}))
    {'accuracy': 0.9}
    """
    return _dumped({**value, SEAL: hashlib.sha256(_dumped(value).encode()).hexdigest()})


def unsealed(text: str) -> dict[str, Any]:
    """The value that `sealed` was given.

    Raises:
      ValueError: when the text is not what it gave, to the last space.

    >>> unsealed(sealed({"accuracy": 0.9}).replace("0.9", "1.0"))
    Traceback (most recent call last):
    ...
    ValueError: is not what was written
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(value, dict) or SEAL not in value:
        raise ValueError("has no seal")
    del value[SEAL]
    if sealed(value) != text:
        raise ValueError("is not what was written")
    return value


def read_sealed(path: Path) -> dict[str, Any]:
    """The value in a sealed file. A folder from elsewhere may hold a pipe or a file without end under any name.

    Raises:
      OSError: when it cannot be read.
      ValueError: when it is no plain file of a record's size, or not what was written; says how.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("is no plain file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"has {found.st_size:,} bytes, and no record has more than {MOST_BYTES:,}")
    # Between the look and the opening it may have become a pipe, which would be waited for.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as stream:
        return unsealed(stream.read(MOST_BYTES).decode())


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal, read a part at a time."""
    content = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(CHUNK_BYTES):
            content.update(part)
    return content.hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"
