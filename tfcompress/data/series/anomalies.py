"""What is unusual in series: windows to reconstruct, and whether each test window is an anomaly."""

from __future__ import annotations

import dataclasses
import datetime
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataCorrupt, DataUnavailable, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.examples.source import Split
from ...core.tasks.presets import Reconstruction
from ...core.types import Data
from .series import Series, labels_of, read_series, whole_windows

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Anomalies(Data):
    """Windows (N, window * columns) of one or more series: the beginning to train on, the rest to find anomalies in.

    Each column of a series has the mean of its training part taken off, and is divided by its deviation. Whether a test
    window is an anomaly is said by a column anomaly of 0 and 1, or by spans of time in a JSON file; it is one where
    half of its steps are. Training windows with an anomalous step are left out. Without labels the error alone is told.

    Args:
      source: a CSV file with a header and a row for each step, or a folder of such files.
      spans: a JSON file {"FOLDER/NAME.csv": [[begin, end], ...]} with ISO times, as NAB's combined_windows.json.
        Defaults to None.
      columns: of numbers. Defaults to (): all.
      window: steps in a window, at least 2. Defaults to 288.
      step: from a window to the next, at least 1. Defaults to 4.
      test_share: of the time, in (0, 1), at its end. Defaults to 0.6.
      most_gap: steps in a row that are filled where nothing is known. Defaults to 3.
      num_examples: use only N windows of each split, spread evenly. Defaults to None: all.

    Raises:
      InvalidValue: for a value out of range; at the first use for a column that there is not.
      DataUnavailable: when there is no file, or too little in it; at the first use.
      DataCorrupt: for what are no numbers, or no spans; at the first use.

    Example:

    >>> Anomalies("machine.csv", window=144).step
    4
    """

    source: str | Path
    spans: str | Path | None = None
    columns: tuple[str, ...] = ()
    window: int = 288
    step: int = 4
    test_share: float = 0.6
    most_gap: int = 3
    num_examples: int | None = None

    def __post_init__(self) -> None:
        expect(self.window >= 2, self, "window", "must be at least 2", "Use 288.")
        expect(self.step >= 1, self, "step", "must be at least 1", "Use 4.")
        expect(self.most_gap >= 0, self, "most_gap", "must be at least 0", "Use 3.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.6.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """The file's or the folder's name."""
        return f"the series in {Path(self.source).name}"

    @property
    def task(self) -> Reconstruction:
        """The area under the ROC curve of the error, where there are labels of both kinds."""
        return Reconstruction(anomalies=self.has_labels)

    @cached_property
    def has_labels(self) -> bool:
        """Whether anybody says what is an anomaly."""
        return self.spans is not None or any(labels_of(path) for path in self._files)

    @property
    def input_shape(self) -> tuple[int]:
        """(window * columns,)."""
        return (self.window * len(self._all[0].columns),)

    @property
    def num_train(self) -> int:
        """Windows to train on."""
        return len(self._windows[0])

    def notes(self) -> Notes:
        """What a window is; its scaling is its own series'."""
        names = ", ".join(self._all[0].columns)
        scaling = "each less its mean, divided by its deviation, over a time without anomalies"
        return Notes(
            {"": TensorNotes(f"{self.window} steps of {names}, {scaling}", settings={"window": self.window})},
            {"": TensorNotes("the window again: the mean squared difference tells how unusual it is")},
        )

    def identity(self) -> dict[str, Any]:
        """The settings and the files, which count by their sizes and times of change."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            "type": "Anomalies",
            **settings,
            "files": self._files,
            "spans": self.spans and Path(self.spans).expanduser(),
        }

    def require(self) -> None:
        """Reads the files. Raises `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        train, test, unusual = self._windows
        for name, windows in (("train", train), ("test", test)):
            if not len(windows):
                raise DataUnavailable(
                    f"data must have {self.window} steps without a long gap to {name} on. Received: {self.source}, "
                    f"with {max(len(each.values) for each in self._all):,} steps. Use a smaller window."
                )
        if self.has_labels and len(set(unusual.tolist())) < 2:
            raise DataUnavailable(
                f"data must have usual and anomalous windows in the test split. Received: {self.source}, with "
                f"{int(unusual.sum())} anomalous of {len(unusual)}. Change test_share or window."
            )

    def load(self) -> tuple[Split, Split]:
        """Windows of the beginning; and of the end, with 1 for an anomaly and 0 for what is usual."""
        self.require()
        train, test, unusual = self._windows
        return Split(train), Split(test, unusual if self.has_labels else None)

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        path = Path(self.source).expanduser()
        return tuple(sorted(path.glob("*.csv"))) if path.is_dir() else (path,)

    @cached_property
    def _all(self) -> tuple[Series, ...]:
        found = tuple(read_series(path, self.columns, self.most_gap) for path in self._files)
        if not found:
            raise DataUnavailable(f"data must be a CSV file, or a folder of such. Received: {self.source}. None there.")
        if len({len(each.columns) for each in found}) > 1:
            raise DataCorrupt(
                f"data must have as many columns in each file. Received: {self.source}. Name the columns."
            )
        return found

    @cached_property
    def _windows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Training windows, test windows, and which of these are anomalies."""
        import numpy as np

        train, test, unusual = [], [], []
        for path, series in zip(self._files, self._all, strict=True):
            anomalous = self._anomalous(path, series)
            end = round(len(series.values) * (1 - self.test_share))
            mean, deviation = np.nanmean(series.values[:end], 0), np.nanstd(series.values[:end], 0)
            scaled = (series.values - mean) / np.where(deviation > 0, deviation, 1)
            begins = whole_windows(scaled[:end], self.window, self.step)
            train.append(self._cut(scaled, begins[~self._cut(anomalous[:, None], begins).any(1)]))
            begins = end + whole_windows(scaled[end:], self.window, self.step)
            test.append(self._cut(scaled, begins))
            unusual.append(self._cut(anomalous[:, None], begins).mean(1) > 0.5)
        parts = (np.concatenate(train).astype("float32"), np.concatenate(test).astype("float32"))
        kept = [self._spread(len(part)) for part in parts]
        return parts[0][kept[0]], parts[1][kept[1]], np.concatenate(unusual).astype("int64")[kept[1]]

    def _cut(self, values: np.ndarray, begins: np.ndarray) -> np.ndarray:
        import numpy as np

        return values[begins[:, None] + np.arange(self.window)].reshape(len(begins), self.window * values.shape[1])

    def _spread(self, count: int) -> np.ndarray:
        import numpy as np

        return np.linspace(0, count - 1, min(count, self.num_examples or count)).round().astype(int)

    def _anomalous(self, path: Path, series: Series) -> np.ndarray:
        """Whether each step of a series is an anomaly, (steps,)."""
        import numpy as np

        labels = labels_of(path)
        if self.spans is not None:
            spans = self._spans_of(path)
            return np.array([any(begin <= time <= end for begin, end in spans) for time in series.times], bool)
        if labels is None:
            return np.zeros(len(series.values), bool)
        times, flags = labels
        if not series.times:
            return np.array(flags, bool)
        known = {time for time, flag in zip(times, flags, strict=True) if flag}
        return np.array([time in known for time in series.times], bool)

    def _spans_of(self, path: Path) -> list[tuple[datetime.datetime, datetime.datetime]]:
        try:
            found = json.loads(Path(str(self.spans)).expanduser().read_text(encoding="utf-8"))
            names = (f"{path.parent.name}/{path.name}", path.name)
            of_file: list[Any] = next((found[name] for name in names if name in found), [])
            parsed = [tuple(datetime.datetime.fromisoformat(end) for end in span) for span in of_file]
            return [(begin, end) for begin, end in parsed]
        except FileNotFoundError as error:
            raise DataUnavailable(f"spans must be a JSON file. Received: {self.spans}. There is none.") from error
        except (ValueError, TypeError) as error:
            raise DataCorrupt(
                f'spans must be JSON as {{"FOLDER/NAME.csv": [[begin, end]]}}. Received: {self.spans}, over '
                f"which: {error}. Mend it."
            ) from error
