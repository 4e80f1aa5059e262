"""A user's own recordings: a folder of class folders, or a CSV file, read as log-mel spectrograms."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataUnavailable, InvalidValue, expect
from ...core.examples.notes import Notes
from ...core.examples.source import Indices
from ...core.types import Data
from ..kept_rows import KeptRows
from ..listing import ListedFile, list_files
from ..splits.doubles import say_double_files
from ..splits.splitting import split_by_label
from .log_mel import LogMel, notes_of_words
from .recording import SUFFIXES, read_recording

if TYPE_CHECKING:
    import numpy as np

EACH_ALONE, BY_NAME = "none", "name"


@dataclasses.dataclass(frozen=True)
class AudioFolder(Data):
    """Recordings in a folder with a subfolder a class (or in a CSV file), as log-mel spectrograms (frames, mels, 1).

    WAV of any rate and bits, mono or stereo; FLAC and OGG with `pip install 'tfcompress[audio]'`. A file is read when
    it is first asked for, and its spectrogram is kept in a temporary file (in `TMPDIR`) as long as this object lasts.

    Args:
      source: the folder: `CLASS/NAME.wav`, or `train/CLASS/NAME.wav` and `test/CLASS/NAME.wav`; or a CSV file with
        columns path, label and, if wanted, split.
      features: what a recording becomes. Defaults to `LogMel()`: one second at 16 kHz.
      classes: names in the order of the model's outputs. Defaults to None: in alphabetical order.
      test_share: of the recordings of each class, in (0, 1), that are kept for evaluation where the source names no
        splits. Defaults to 0.2.
      groups: "name": files whose names begin alike up to the first "_" are of one speaker, and lie in one split;
        "none": each file is drawn alone. Defaults to "none".
      num_examples: use only N of each split, drawn at random. Defaults to None: all.
      seed: of the split and the draw. Defaults to 0.

    Raises:
      InvalidValue: for a value out of range, or a class that `classes` lacks.
      DataUnavailable: when there are no recordings; at the first use.
      DataCorrupt: for a recording that cannot be read; when it is read.

    Example:

    >>> AudioFolder("words", LogMel(8000)).input_shape
    (61, 40, 1)
    """

    source: str | Path
    features: LogMel = LogMel()
    classes: tuple[str, ...] | None = None
    test_share: float = 0.2
    groups: str = EACH_ALONE
    num_examples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.2.")
        expect(self.groups in (EACH_ALONE, BY_NAME), self, "groups", "must be none or name", "Use none.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """The folder's name."""
        return f"recordings in {Path(self.source).name}"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The spectrograms'."""
        return self.features.shape

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the labels."""
        found = sorted({file.label for file in self._files})
        if self.classes is None:
            return tuple(sorted(found, key=int) if all(name.isdigit() for name in found) else found)
        unknown = [name for name in found if name not in self.classes]
        if unknown:
            raise InvalidValue(
                f"AudioFolder.classes must name every class of the data. Received: {', '.join(self.classes)}, without "
                f"{', '.join(unknown)}. Add them in the order of the model's outputs, or take their recordings out."
            )
        return self.classes

    @property
    def num_classes(self) -> int:
        """How many names there are."""
        return len(self.class_names)

    @property
    def num_train(self) -> int:
        """Recordings to train on."""
        return len(self._parts[0])

    def require(self) -> None:
        """Lists the recordings. Raises `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        for name, part in zip(("train", "test"), self._parts, strict=True):
            if not part:
                raise DataUnavailable(
                    f"data must leave recordings to {name} on. Received: {self.source}, with {len(self._files)} in "
                    "all. Add some, or change test_share."
                )
        _ = self.class_names

    def notes(self) -> Notes:
        """What the spectrogram is, and the names of the classes."""
        return notes_of_words(self.features, self.class_names)

    def identity(self) -> dict[str, Any]:
        """The settings, and each recording's path, size and time of change."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "source"}
        return {
            "type": "AudioFolder",
            **fields,
            "files": [(file.path.resolve(), file.label, file.split) for file in self._files],
        }

    def load(self) -> tuple[Recordings, Recordings]:
        """The training and the test split, of which nothing is read yet."""
        self.require()
        first, second = ([self._files[number].path for number in part] for part in self._parts)
        say_double_files(first, second, "recordings")
        train, test = (self._split(part) for part in self._parts)
        return train, test

    def _split(self, numbers: list[int]) -> Recordings:
        import numpy as np

        label = {name: position for position, name in enumerate(self.class_names)}
        files = [self._files[number] for number in numbers]
        return Recordings(
            [file.path for file in files], np.array([label[file.label] for file in files], "int64"), self.features
        )

    def sample_clips(self, num_examples: int) -> np.ndarray:
        """The first recordings of the test split as clips, (N, num_samples)."""
        return self.test_clips(range(min(num_examples, len(self.test))))

    def test_clips(self, numbers: Sequence[int]) -> np.ndarray:
        """These recordings of the test split as clips, (len(numbers), num_samples)."""
        import numpy as np

        test: Any = self.test
        return np.stack([test.clip(number) for number in numbers])

    @cached_property
    def _files(self) -> tuple[ListedFile, ...]:
        return list_files(Path(self.source).expanduser(), SUFFIXES, "recordings")

    @cached_property
    def _parts(self) -> tuple[list[int], list[int]]:
        """The numbers of the training and the test recordings."""
        groups = [file.path.stem.partition("_")[0] for file in self._files] if self.groups == BY_NAME else None
        labels, splits = [file.label for file in self._files], [file.split for file in self._files]
        return split_by_label(labels, splits, self.test_share, self.seed, self.num_examples, groups)


class Recordings:
    """Sound files as a `Source` of spectrograms (N, frames, mels, 1): each is read once, when first asked for.

    Args:
      paths: files that `read_recording` can read.
      targets: of each, (N,).
      features: what a recording becomes.
    """

    def __init__(self, paths: list[Path], targets: np.ndarray, features: LogMel):
        self.paths, self.targets, self.features = tuple(paths), targets, features
        self._rows = KeptRows(len(paths), ("float32", features.shape), partial(_spectrogram, self.paths, features))

    def __len__(self) -> int:
        return len(self.paths)

    def identity(self) -> dict[str, Any]:
        """The files with their sizes and times of change, and what is made of them."""
        return {"files": self.paths, "targets": self.targets, "features": self.features}

    def batch(self, indices: Indices) -> tuple[np.ndarray, np.ndarray]:
        """These spectrograms and their targets. Raises `DataCorrupt` for a recording that cannot be read."""
        import numpy as np

        return self._rows.rows(indices), self.targets[np.asarray(indices)]

    def bytes_to_keep(self, indices: Indices) -> int:
        """What is written when these are asked for."""
        return self._rows.bytes_to_keep(indices)

    def clip(self, number: int) -> np.ndarray:
        """A recording as a clip, (num_samples,), float32."""
        return _clip(self.paths[number], self.features)


def _clip(path: Path, features: LogMel) -> np.ndarray:
    clip: np.ndarray = features.clip(read_recording(path, features.sample_rate)).astype("float32")
    return clip


def _spectrogram(paths: tuple[Path, ...], features: LogMel, number: int) -> np.ndarray:
    found: np.ndarray = features.features(_clip(paths[number], features)[None])[0]
    return found
