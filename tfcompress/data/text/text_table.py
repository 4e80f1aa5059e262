"""A user's own texts in a CSV file: a column of texts and one of labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ...core.errors import DataCorrupt, expect
from ..splits.named import TEST, TRAIN, VALIDATION, split_said
from ..splits.splitting import split_by_label
from ..table import column, read_table
from .texts import Labelled, Texts

TEXTS = ("text", "sentence", "utterance", "question")
LABELS = ("label", "category", "class", "intent")


@dataclasses.dataclass(frozen=True)
class TextTable(Texts):
    """Texts and labels of a CSV file, as numbers of words (N, length).

    Args:
      source: a CSV file in UTF-8 with a header. Of NAME_train.csv, NAME_test.csv beside it is the test split.
      test_source: another CSV file, with the test split. Defaults to None.
      text: the column of texts. Defaults to None: text, sentence, utterance or question.
      label: the column of labels. Defaults to None: label, category, class or intent.
      test_share: of the texts of each label, in (0, 1), that are kept for the test where there is neither a test file
        nor a column split with train and test (val is tested on, too). Defaults to 0.2.
      seed: of the split, and of the draw of `num_examples`. Defaults to 0.
      length, min_count, max_words, num_examples: see `Texts`.

    Raises:
      InvalidValue: for a value out of range; at the first use for a column that there is not.
      DataUnavailable: when there is no file; at the first use.
      DataCorrupt: for one that cannot be read, a text without a label, a word for a split that names none, or a label
        of the test split that no training text has; at the first use.

    Example:

    >>> TextTable("questions.csv", length=24).input_shape
    (24,)
    """

    source: str | Path
    test_source: str | Path | None = None
    text: str | None = None
    label: str | None = None
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        expect(bool(str(self.source)), self, "source", "must be a CSV file", "Use questions.csv.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.2.")

    @property
    def title(self) -> str:
        """The file's name."""
        return f"texts in {self._train_file.name}"

    @property
    def _train_file(self) -> Path:
        return Path(self.source).expanduser()

    @property
    def _test_file(self) -> Path | None:
        if self.test_source is not None:
            return Path(self.test_source).expanduser()
        beside = self._train_file.with_name(self._train_file.name.replace("train", "test"))
        return beside if beside != self._train_file and beside.is_file() else None

    def identity(self) -> dict[str, Any]:
        """The settings and the files, which count by their sizes and times of change."""
        return {"type": "TextTable", **self.settings(), "source": self._train_file, "test_source": self._test_file}

    def read(self) -> tuple[Labelled, Labelled]:
        """The training and the test texts."""
        files = {TRAIN: self._train_file, TEST: self._test_file}
        read = {split: self._rows(path) for split, path in files.items() if path is not None}
        rows = [row for part in read.values() for row in part]
        # What a row says of its split goes before what its file says, so that no test row is trained on.
        named = [said or (split if TEST in read else "") for split, part in read.items() for _, _, said in part]
        labels = [label for _, label, _ in rows]
        parts = split_by_label(labels, named, self.test_share, self.seed, self.num_examples)
        train, test = (Labelled(tuple(rows[n][0] for n in part), tuple(labels[n] for n in part)) for part in parts)
        return train, test

    def _rows(self, path: Path) -> list[tuple[str, str, str]]:
        """(text, label, split) of each row."""
        header, rows = read_table(path)
        text = column(header, self.text, TEXTS, "text", path)
        label = column(header, self.label, LABELS, "label", path)
        split = next((name for name in header if name.lower() == "split"), None)
        for line, row in rows:
            if not row[label].strip() or not row[text].strip():
                missing = "label" if row[text].strip() else "text"
                raise DataCorrupt(
                    f"data must have a text and a label in each row. Received: {path}, without a {missing} in line "
                    f"{line:,}. Add it or take the row out."
                )
        said = [split_said(row[split], path, f"line {line:,}") if split else "" for line, row in rows]
        tested = [TEST if each == VALIDATION else each for each in said]
        return [(row[text], row[label].strip(), each) for (_, row), each in zip(rows, tested, strict=True)]
