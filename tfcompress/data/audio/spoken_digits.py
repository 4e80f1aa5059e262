"""The Free Spoken Digit Dataset as one .npz file: spoken digits of six speakers, at 8 kHz."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, InvalidValue, expect
from ...core.examples.notes import Notes
from ...core.examples.source import Split
from ...core.types import Data
from .log_mel import LogMel, notes_of_words

if TYPE_CHECKING:
    import numpy as np

KEYS = ("audio", "offsets", "digit", "speaker", "is_test")


@dataclasses.dataclass(frozen=True)
class SpokenDigits(Data):
    """Spoken digits as log-mel spectrograms (61, 40, 1), ten classes: 2,700 to train on and 300 to test on.

    Args:
      source: an .npz file with `audio` (all samples, int16, one recording after another), `offsets` (where each begins,
        and the end), `digit`, `speaker` and `is_test` of each.
      held_out: a speaker whose recordings are the test split, and all others' the training split. Defaults to None: the
        official split, in which each speaker is in both.
      features: what a recording becomes. Defaults to `LogMel(8000)`.
      num_examples: use only N of each split, drawn at random. Defaults to None: all.
      seed: of the draw. Defaults to 0.

    Raises:
      InvalidValue: for a speaker that there is not; at the first use.
      DataUnavailable: when the file is not there; at the first use.
      DataCorrupt: when it holds something else; at the first use.

    Example:

    >>> SpokenDigits("fsdd.npz").input_shape
    (61, 40, 1)

    Source: Z. Jackson et al., "Free Spoken Digit Dataset", https://github.com/Jakobovski/free-spoken-digit-dataset
    """

    source: str | Path
    held_out: str | None = None
    features: LogMel = LogMel(8000)
    num_examples: int | None = None
    seed: int = 0

    num_classes = 10
    class_names = tuple(str(digit) for digit in range(10))

    def __post_init__(self) -> None:
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """Which split of which file."""
        split = f", {self.held_out} held out" if self.held_out else ""
        return f"spoken digits in {Path(self.source).name}{split}"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The spectrograms'."""
        return self.features.shape

    @property
    def num_train(self) -> int:
        """Recordings to train on."""
        return len(self._parts[0])

    def require(self) -> None:
        """Raises `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        _ = self._parts

    def notes(self) -> Notes:
        """What the spectrogram is, and the names of the classes."""
        return notes_of_words(self.features, self.class_names)

    def identity(self) -> dict[str, Any]:
        """The settings and the file, which counts by its size and time of change."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"type": "SpokenDigits", **fields, "source": Path(self.source).expanduser()}

    def load(self) -> tuple[Split, Split]:
        """Spectrograms of the training and the test split."""
        train, test = (
            Split(self.features.features(self.clips(part)), self._archive["digit"][part].astype("int64"))
            for part in self._parts
        )
        return train, test

    def clips(self, numbers: np.ndarray) -> np.ndarray:
        """Recordings as clips in [-1, 1], (len(numbers), num_samples), float32."""
        import numpy as np

        audio, offsets = self._archive["audio"], self._archive["offsets"]
        parts = [self.features.clip(audio[offsets[number] : offsets[number + 1]]) for number in numbers]
        clips: np.ndarray = np.stack(parts).astype("float32") / 32768
        return clips

    def sample_clips(self, num_examples: int) -> np.ndarray:
        """The first recordings of the test split as clips, (N, num_samples)."""
        return self.clips(self._parts[1][:num_examples])

    def test_clips(self, numbers: Sequence[int]) -> np.ndarray:
        """These recordings of the test split as clips, (len(numbers), num_samples)."""
        return self.clips(self._parts[1][list(numbers)])

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the training and the test recordings."""
        import numpy as np

        speakers = self._archive["speaker"]
        if self.held_out is not None and self.held_out not in speakers:
            names = ", ".join(dict.fromkeys(speakers.tolist()))
            raise InvalidValue(
                f"SpokenDigits.held_out must be a speaker of {self.source}. Received: {self.held_out!r}. Use one "
                f"of: {names}."
            )
        is_test = self._archive["is_test"] if self.held_out is None else speakers == self.held_out
        draw = np.random.default_rng(self.seed)
        parts = (np.flatnonzero(~is_test), np.flatnonzero(is_test))
        limited = (part if self.num_examples is None else draw.permutation(part)[: self.num_examples] for part in parts)
        return next(limited), next(limited)

    @cached_property
    def _archive(self) -> dict[str, np.ndarray]:
        import zipfile

        import numpy as np

        path = Path(self.source).expanduser()
        if not path.is_file():
            raise DataUnavailable(
                f"data must be an .npz file of recordings. Received: {path}. There is none. Look at its name."
            )
        try:
            with np.load(path, allow_pickle=False) as archive:
                found = {key: archive[key] for key in KEYS}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataCorrupt(
                f"data must be an .npz file with {', '.join(KEYS)}. Received: {path}, over which: {error}. "
                "Make it again."
            ) from error
        counts = {len(found["offsets"]) - 1, len(found["digit"]), len(found["speaker"]), len(found["is_test"])}
        if len(counts) > 1 or found["offsets"][-1] > len(found["audio"]):
            raise DataCorrupt(
                f"data must be an .npz file whose parts belong together. Received: {path}, with "
                f"{counts} recordings. Make it again."
            )
        return {**found, "is_test": found["is_test"].astype(bool)}
