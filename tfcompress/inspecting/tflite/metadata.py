"""What a .tflite says of itself in words: metadata, signatures, names."""

from __future__ import annotations

from typing import Any

from ...measuring.tflite import text_of

_MOST_TEXT = 64  # characters of a metadata entry that are shown


def metadata(model: Any, entry: Any) -> dict[str, Any]:
    """A named buffer; its text when it is one, as the converter's runtime version is."""
    data = model.buffers[entry.buffer].data
    content = b"" if data is None else bytes(bytearray(data)).rstrip(b"\0")
    is_text = content.isascii() and content.decode("ascii").isprintable()
    text = content.decode("ascii")[:_MOST_TEXT] if is_text else ""
    return {"name": printable(entry.name), "bytes": 0 if data is None else len(data), "text": text}


def signature(entry: Any) -> dict[str, Any]:
    """A signature: its key, and the names of its inputs and outputs."""
    names = {kind: [printable(item.name) for item in getattr(entry, kind) or ()] for kind in ("inputs", "outputs")}
    return {"key": printable(entry.signatureKey), **names}


def printable(name: bytes | str | None) -> str:
    """A name from a file with everything that a terminal could take for an order written out.

    >>> printable(b"conv\\x1b[2J")
    'conv\\\\x1b[2J'
    """
    text = text_of(name or "")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
