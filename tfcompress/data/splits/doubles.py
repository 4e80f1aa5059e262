"""Which test examples are training examples too: files by their bytes, rows by what they say."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from ...core.remarks import remark

ENDS_BYTES = 4096
PART_BYTES = 1 << 20
MOST_SHOWN = 60  # characters of a text


def say_double_files(train: Iterable[Path], test: Sequence[Path], things: str) -> None:
    """Remarks which test files are training files too, by path or by content.

    Args:
      train: the files that are trained on.
      test: those that models are evaluated on.
      things: as the remark calls them: "images".
    """
    doubles = double_files(train, test)
    if doubles:
        first, second = doubles[0]
        _say(len(doubles), len(test), things, f"{second} for one, which is {first}")


def say_double_texts(train: Iterable[tuple[str, str]], test: Sequence[tuple[str, str]]) -> None:
    """Remarks which test texts are training texts of the same label too; spaces around a text do not count.

    Args:
      train: the texts that are trained on, each with its label.
      test: those that models are evaluated on.
    """
    trained = {(text.strip(), label) for text, label in train}
    doubles = [(text.strip(), label) for text, label in test if (text.strip(), label) in trained]
    if doubles:
        text, label = doubles[0]
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
        _say(len(doubles), len(test), "texts", f"{shown!r} of {label!r} for one")


def double_files(train: Iterable[Path], test: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Each test file that is a training file too, behind that one.

    All are asked for their size, those that share it for their ends, and only those that share these too are read: two
    recordings of one length may begin and end in silence.
    """
    keyed: list[dict[Path, Hashable]] = [dict.fromkeys(part) for part in (train, test)]
    keys: tuple[Callable[[Path], Hashable], ...] = (_size, _ends, _content)
    for key in keys:
        keyed = [{path: key(path) for path in part} for part in keyed]
        shared = set(keyed[0].values()) & set(keyed[1].values())
        keyed = [{path: found for path, found in part.items() if found in shared} for part in keyed]
    trained = {found: path for path, found in keyed[0].items()}
    return [(trained[found], path) for path, found in keyed[1].items()]


def _say(number: int, of: int, things: str, example: str) -> None:
    remark(
        f"{number} of {of} test {things} are training {things} too, {example}: figures come out better than they are",
        level=logging.WARNING,
    )


def _size(path: Path) -> int:
    return path.stat().st_size


def _ends(path: Path) -> tuple[int, bytes]:
    """A file's size, and a digest of its first and last bytes: of 100,000 files the bytes would fill the memory."""
    with open(path, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        head = stream.read(ENDS_BYTES)
        stream.seek(max(0, size - ENDS_BYTES))
        return size, hashlib.sha256(head + stream.read(ENDS_BYTES)).digest()


def _content(path: Path) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while part := stream.read(PART_BYTES):
            digest.update(part)
    return digest.digest()
