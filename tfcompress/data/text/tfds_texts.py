"""Texts of tensorflow-datasets by name: news by topic, reviews of films, and others."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from ...core.errors import DataCorrupt, InvalidValue
from ..tfds import Tfds
from .texts import Labelled, Texts

NUM_TRAIN = {"ag_news_subset": 120_000, "imdb_reviews": 25_000}  # so that a plan needs no download


@dataclasses.dataclass(frozen=True)
class TfdsTexts(Texts):
    """Texts and labels of a data set of tensorflow-datasets, as numbers of words (N, length).

    Args:
      name: as in `tfds.load`: "ag_news_subset", "imdb_reviews". Defaults to "ag_news_subset".
      text: the feature that is the text. Defaults to None: what the data set calls supervised keys.
      label: the feature that is the class. Defaults to None: likewise.
      data_dir: the folder of prepared data sets. Defaults to None: `TFDS_DATA_DIR` when set, else
        ~/tensorflow_datasets.
      length, min_count, max_words, num_examples: see `Texts`.

    Raises:
      InvalidValue: at the first use, for a name that there is not, or a text that is none.
      DataUnavailable: not there, and no network; at the first use.

    Example:

    >>> TfdsTexts("imdb_reviews", length=256).title
    'imdb_reviews'
    """

    name: str = "ag_news_subset"
    text: str | None = None
    label: str | None = None
    data_dir: str | None = None

    @property
    def title(self) -> str:
        """The data set's name."""
        return self.name

    @property
    def num_train(self) -> int:
        """Texts to train on."""
        known = NUM_TRAIN.get(self.name)
        return super().num_train if known is None else min(known, self.num_examples or known)

    def identity(self) -> dict[str, Any] | None:
        """The settings and the prepared files; None while they are not there."""
        prepared = self._tfds.identity()
        return None if prepared is None else {"type": "TfdsTexts", **self.settings(), "prepared": prepared}

    def require(self) -> None:
        """Raises `MissingExtra`, `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        self._tfds.require()
        if self._tfds.identity() is not None:
            super().require()

    def read(self) -> tuple[Labelled, Labelled]:
        """The training and the test texts, in the order of the files."""
        train, test = (self._split(name) for name in ("train", "test"))
        return train, test

    def _split(self, name: str) -> Labelled:
        import itertools

        import tensorflow_datasets as tfds

        builder, (text, label, *_) = self._tfds._prepared, self._tfds._keys
        names = self._tfds.class_names
        config = tfds.ReadConfig(try_autocache=False)
        try:
            examples = tfds.as_numpy(builder.as_dataset(split=name, shuffle_files=False, read_config=config))
            found = list(itertools.islice(((each[text], int(each[label])) for each in examples), self.num_examples))
        except Exception as error:  # of TensorFlow's own classes
            raise DataCorrupt(f"{name} of {builder.data_path} cannot be read: {error}. Have it made anew.") from error
        if not found or not isinstance(found[0][0], bytes):
            raise InvalidValue(f"TfdsTexts.text must be a text. Received: {text!r} of {self.name}. Use text=...")
        return Labelled(tuple(t.decode("utf-8", "replace") for t, _ in found), tuple(names[n] for _, n in found))

    @cached_property
    def _tfds(self) -> Tfds:
        return Tfds(self.name, self.text, self.label, data_dir=self.data_dir)
