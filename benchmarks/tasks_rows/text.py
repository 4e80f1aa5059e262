"""Words as numbers, and the files of banking77 and snips, read for two of the rows."""

from __future__ import annotations

import collections
import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

PAD, UNKNOWN = 0, 1


def words(text: str) -> list[str]:
    """Lower-case words and signs."""
    return re.findall(r"[a-z0-9']+|[^\sa-z0-9]", text.lower())


def vocabulary(sentences: Iterable[Sequence[str]]) -> dict[str, int]:
    """A number from 2 for each word that occurs twice."""
    counts = collections.Counter(word for sentence in sentences for word in sentence)
    return {word: number for number, word in enumerate(sorted(w for w, n in counts.items() if n > 1), 2)}


def numbers(sentences: Sequence[Sequence[str]], known: dict[str, int], length: int, other: int = UNKNOWN) -> np.ndarray:
    """(N, length) of int32, padded with 0."""
    found = np.full((len(sentences), length), PAD, "int32")
    for row, sentence in zip(found, sentences, strict=True):
        told = [known.get(word, other) for word in sentence[:length]]
        row[: len(told)] = told
    return found


def banking(folder: Path, split: str) -> tuple[list[list[str]], list[str]]:
    """Questions as words, and their categories; split: "train" or "test"."""
    with (folder / "text" / f"banking77_{split}.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [words(line["text"]) for line in lines], [line["category"] for line in lines]


def snips(folder: Path, split: str) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Sentences as words, a slot for each word (B-name, I-name or O), and intents; split: "train" or "validate"."""
    sentences, slots, intents = [], [], []
    pattern = "train_*_full.json" if split == "train" else "validate_*.json"
    for path in sorted((folder / "text" / "snips").glob(pattern)):
        for intent, examples in json.loads(path.read_text(encoding="utf-8", errors="replace")).items():
            for example in examples:
                told = [
                    (word, part.get("entity"), place)
                    for part in example["data"]
                    for place, word in enumerate(words(part["text"]))
                ]
                if told:
                    sentences.append([word for word, _, _ in told])
                    slots.append([f"{'I' if place else 'B'}-{slot}" if slot else "O" for _, slot, place in told])
                    intents.append(intent)
    return sentences, slots, intents
