"""Speech Commands by tensorflow-datasets: one-second recordings of twelve classes, at 16 kHz."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ...core.errors import expect
from ...core.examples.notes import Notes
from ...core.types import Data
from ..prepared import Prepared
from ..tfds import Tfds
from .log_mel import LogMel, notes_of_words

NUM_TRAIN = 85_511


@dataclasses.dataclass(frozen=True)
class SpeechCommands(Data):
    """Ten words, silence and other words as log-mel spectrograms (61, 40, 1): 85,511 to train on, 4,890 to test on.

    Args:
      data_dir: the folder that tensorflow-datasets keeps prepared data sets in. Defaults to None: `TFDS_DATA_DIR` when
        set, else ~/tensorflow_datasets. What is not there is downloaded, once: 2.3 GB.
      features: what a recording becomes. Defaults to `LogMel()`.
      num_examples: use only the first N of each split. Defaults to None: all.

    Raises:
      MissingExtra: tensorflow-datasets is not installed; at the first use.
      DataUnavailable: not there, and no network; at the first use.

    Example:

    >>> SpeechCommands(num_examples=100).num_train
    100

    Source: P. Warden, "Speech Commands: a dataset for limited-vocabulary speech recognition", 2018,
    https://arxiv.org/abs/1804.03209
    """

    data_dir: str | None = None
    features: LogMel = LogMel()
    num_examples: int | None = None

    title = "speech_commands"
    class_names = (
        *("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes"),
        *("_silence_", "_unknown_"),
    )
    num_classes = len(class_names)

    def __post_init__(self) -> None:
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The spectrograms'."""
        return self.features.shape

    @property
    def num_train(self) -> int:
        """Recordings to train on."""
        return min(NUM_TRAIN, self.num_examples or NUM_TRAIN)

    def require(self) -> None:
        """Raises `MissingExtra`, `DataUnavailable` or `DataCorrupt`."""
        self._tfds.require()

    def notes(self) -> Notes:
        """What the spectrogram is, and the names of the classes."""
        return notes_of_words(self.features, self.class_names)

    def sample_clips(self, num_examples: int) -> Any:
        """The first recordings of the test split as clips, (N, num_samples)."""
        return self.test_clips(range(min(num_examples, len(self.test))))

    def test_clips(self, numbers: Sequence[int]) -> Any:
        """These recordings of the test split as clips, (len(numbers), num_samples)."""
        return dataclasses.replace(self._tfds, transform=self.features.sound).test.batch(numbers)[0]

    def identity(self) -> dict[str, Any] | None:
        """The settings and the prepared files; None while they are not there."""
        return self._tfds.identity()

    def load(self) -> tuple[Prepared, Prepared]:
        """The training and the test split."""
        return self._tfds.load()

    @cached_property
    def _tfds(self) -> Tfds:
        return Tfds(
            "speech_commands",
            inputs="audio",
            targets="label",
            transform=self.features,
            data_dir=self.data_dir,
            num_examples=self.num_examples,
        )
