"""What a .tflite says of itself in words: metadata, signatures, names."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping
from typing import Any

from ...core.examples.notes import TensorNotes
from ...measuring.notes.in_file import notes_of_model
from ...measuring.tflite import text_of

_MOST_NAMES = 8  # labels or words that are shown
_MOST_TEXT = 64  # characters of a metadata entry that are shown


def metadata(model: Any, entry: Any) -> dict[str, Any]:
    """A named buffer; its text when it is one, as the converter's runtime version is."""
    data = model.buffers[entry.buffer].data
    content = b"" if data is None else bytes(bytearray(data)).rstrip(b"\0")
    is_text = content.isascii() and content.decode("ascii").isprintable()
    text = content.decode("ascii")[:_MOST_TEXT] if is_text else ""
    return {"name": printable(entry.name), "bytes": 0 if data is None else len(data), "text": text}


def notes_of_file(model: Any, content: bytes) -> dict[str, Any]:
    """What the file says of its inputs and outputs by TensorFlow Lite's metadata, as plain values; {} for nothing.

    Metadata that cannot be read is no reason not to look at the file: then there is the key "damaged" alone.
    """
    try:
        found = notes_of_model(model, content)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        return {"damaged": printable(str(error))}
    if found is None:
        return {}
    said = {name: printable(getattr(found, name)) for name in ("name", "description", "version", "recipe")}
    ends = {"inputs": _plain(found.notes.inputs), "outputs": _plain(found.notes.outputs)}
    return {**said, "recipe_sha256": printable(found.recipe_sha256), **ends}


def _plain(notes: Mapping[str, TensorNotes]) -> dict[str, Any]:
    found = {printable(name): dataclasses.asdict(each) for name, each in notes.items()}
    return {name: {key: value for key, value in each.items() if value} for name, each in found.items()}


def notes_lines(notes: Mapping[str, Any]) -> list[str]:
    """The same in lines for a terminal.

    >>> said = {"description": "a CNN", "version": "0.1.0", "recipe": "", "outputs": {"y": {"labels": ["a", "b"]}}}
    >>> notes_lines(said)
    ['says: a CNN, by tfcompress 0.1.0', 'out y: labels a, b']
    """
    if not notes or "damaged" in notes:
        return [f"metadata damaged: {notes['damaged']}"] if notes else []
    recipe = f", recipe {notes['recipe']} ({notes['recipe_sha256'][:12]})" if notes["recipe"] else ""
    version = f", by tfcompress {notes['version']}" if notes["version"] else ""
    lines = [f"says: {notes['description']}{version}{recipe}"]
    for title, end in (("in", "inputs"), ("out", "outputs")):
        for name, each in notes.get(end, {}).items():
            facts = [printable(each["meaning"])] if each.get("meaning") else []
            if each.get("scaling"):
                mean, deviation = (" ".join(f"{value:.6g}" for value in part[:_MOST_NAMES]) for part in each["scaling"])
                facts.append(f"as (x - {mean}) / {deviation}")
            facts += [_listed(kind, each[kind]) for kind in ("labels", "vocabulary") if each.get(kind)]
            lines += [f"{title} {name}: {'; '.join(facts)}"] if facts else []
    return lines


def _listed(kind: str, names: Any) -> str:
    rest = len(names) - _MOST_NAMES
    return f"{kind} {', '.join(map(printable, names[:_MOST_NAMES]))}" + (f" and {rest:,} more" if rest > 0 else "")


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
