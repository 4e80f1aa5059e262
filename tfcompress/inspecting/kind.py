"""Which kind of file a path is: by its first bytes, and by its name only where these say nothing."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UnreadableModel
from ..measuring.tflite import IDENTIFIER

KERAS_HEADS = (b"PK", b"\x89HDF")


def is_tflite(path: Path) -> bool:
    """Whether a model file is a .tflite by its bytes, or claims to be by its name, rather than a Keras file.

    Raises:
      UnreadableModel: for what is neither.
    """
    if path.is_dir():
        return False
    head = first_bytes(path, "FILE")
    if not head:
        raise UnreadableModel(f"FILE must be a model file. Received: {path}, which is empty. Save or copy it again.")
    if says_tflite(head) or (path.suffix == ".tflite" and not head.startswith(KERAS_HEADS)):
        return True
    if not head.startswith(KERAS_HEADS) and path.suffix not in (".keras", ".h5"):
        raise UnreadableModel(
            f"FILE must be a .keras, .h5 or .tflite file. Received: {path}, whose first bytes are {head.hex(' ')}. "
            "Export the model to one of these."
        )
    return False


def says_tflite(head: bytes) -> bool:
    """Whether the first eight bytes are those of a .tflite.

    >>> says_tflite(b"\\x1c\\0\\0\\0TFL3"), says_tflite(b"PK\\3\\4")
    (True, False)
    """
    return head[4:] == IDENTIFIER


def first_bytes(path: Path, what: str) -> bytes:
    """The first eight bytes of a file that the command line calls `what`.

    Raises:
      UnreadableModel: when it cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise UnreadableModel(f"{what} must be a file. Received: {path}, which is none. Give the file's own path.")
    try:
        with path.open("rb") as stream:
            return stream.read(8)
    except OSError as error:
        raise UnreadableModel(f"{what} must be readable. Received: {path}. {error.strerror}.") from error
