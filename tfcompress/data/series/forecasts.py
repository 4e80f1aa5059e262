"""What comes next in a series: windows of the past, and the values after them."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import DataUnavailable, InvalidValue, expect
from ...core.examples.notes import Notes, TensorNotes
from ...core.examples.source import Split
from ...core.tasks.presets import Regression
from ...core.types import Data
from .series import Series, read_series, whole_windows

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(frozen=True)
class Forecasts(Data):
    """Windows (N, window, columns) of a series, and the next values of a column, (N, horizon).

    The end of the time is the test split. Each column has the mean of its training part taken off, and is divided by
    its deviation; errors are in that unit. Gaps are handled as `read_series` says: short ones are filled, and no window
    lies over a long one.

    Args:
      source: a CSV file with a header, and a row for each step.
      target: the column that is forecast. Defaults to None: the first of `columns`.
      columns: that the model sees. Defaults to (): all numbers.
      window: steps that it sees, at least 2. Defaults to 48.
      horizon: steps that it forecasts, at least 1. Defaults to 1.
      test_share: of the time, in (0, 1), at its end. Defaults to 0.3.
      most_gap: steps in a row that are filled where nothing is known. Defaults to 3.
      num_examples: use only N windows of each split, spread evenly. Defaults to None: all.

    Raises:
      InvalidValue: for a value out of range; at the first use for a column that there is not.
      DataUnavailable: when there is no file, or too little in it; at the first use.
      DataCorrupt: for what are no numbers; at the first use.

    Example:

    >>> Forecasts("taxi.csv", window=96).window
    96
    """

    source: str | Path
    target: str | None = None
    columns: tuple[str, ...] = ()
    window: int = 48
    horizon: int = 1
    test_share: float = 0.3
    most_gap: int = 3
    num_examples: int | None = None

    task = Regression()

    def __post_init__(self) -> None:
        expect(self.window >= 2, self, "window", "must be at least 2", "Use 48.")
        expect(self.horizon >= 1, self, "horizon", "must be at least 1", "Use 1.")
        expect(self.most_gap >= 0, self, "most_gap", "must be at least 0", "Use 3.")
        expect(0 < self.test_share < 1, self, "test_share", "must be in (0, 1)", "Use 0.3.")
        positive = self.num_examples is None or self.num_examples >= 1
        expect(positive, self, "num_examples", "must be at least 1", "Use 256.")

    @property
    def title(self) -> str:
        """The file's name."""
        return f"the series in {Path(self.source).name}"

    @property
    def input_shape(self) -> tuple[int, int]:
        """(window, columns)."""
        return self.window, len(self._series.columns)

    @property
    def num_train(self) -> int:
        """Windows to train on."""
        return len(self._begins[0])

    @cached_property
    def normalization(self) -> dict[str, tuple[float, float]]:
        """By column the mean and the deviation of its training part."""
        import numpy as np

        train = self._series.values[: self._end_of_training]
        means, deviations = np.nanmean(train, 0), np.nanstd(train, 0)
        return {
            name: (float(mean), float(deviation) or 1.0)
            for name, mean, deviation in zip(self._series.columns, means, deviations, strict=True)
        }

    def notes(self) -> Notes:
        """Columns, their means and deviations, and what the outputs are."""
        names, scales = tuple(self.normalization), tuple(self.normalization.values())
        mean, deviation = (tuple(each[part] for each in scales) for part in (0, 1))
        target = names[self._target]
        own = (mean[self._target],), (deviation[self._target],)
        return Notes(
            {"": TensorNotes(f"the last {self.window} steps of {', '.join(names)}", scaling=(mean, deviation))},
            {"": TensorNotes(f"the next {self.horizon} of {target}, scaled as the input", scaling=own)},
        )

    def identity(self) -> dict[str, Any]:
        """The settings and the file, which counts by its size and time of change."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"type": "Forecasts", **settings, "source": Path(self.source).expanduser()}

    def require(self) -> None:
        """Reads the file. Raises `DataUnavailable`, `DataCorrupt` or `InvalidValue`."""
        _ = self._target
        for name, begins in zip(("train", "test"), self._begins, strict=True):
            if not len(begins):
                raise DataUnavailable(
                    f"data must have {self.window + self.horizon} steps without a long gap to {name} on. Received: "
                    f"{self.source}, with {len(self._series.values):,} steps in all. Use a smaller window."
                )

    def load(self) -> tuple[Split, Split]:
        """Windows and what comes next, of the beginning and of the end."""
        self.require()
        train, test = (self._cut(begins) for begins in self._begins)
        return train, test

    def _cut(self, begins: np.ndarray) -> Split:
        import numpy as np

        places = begins[:, None] + np.arange(self.window)
        after = begins[:, None] + self.window + np.arange(self.horizon)
        return Split(self._scaled[places], self._scaled[:, self._target][after])

    @cached_property
    def _scaled(self) -> np.ndarray:
        import numpy as np

        means, deviations = np.array(list(self.normalization.values())).T
        scaled: np.ndarray = ((self._series.values - means) / deviations).astype("float32")
        return scaled

    @cached_property
    def _series(self) -> Series:
        return read_series(Path(self.source).expanduser(), self.columns, self.most_gap)

    @property
    def _target(self) -> int:
        names = self._series.columns
        if self.target is None:
            return 0
        if self.target not in names:
            raise InvalidValue(
                f"Forecasts.target must be a column that the model sees. Received: {self.target!r}. Use one of: "
                f"{', '.join(names)}."
            )
        return names.index(self.target)

    @property
    def _end_of_training(self) -> int:
        return round(len(self._series.values) * (1 - self.test_share))

    @cached_property
    def _begins(self) -> tuple[np.ndarray, np.ndarray]:
        """Where windows of the training and of the test part begin; none of the former sees the latter."""
        import numpy as np

        end, length = self._end_of_training, self.window + self.horizon
        parts = self._series.values[:end], self._series.values[end:]
        train, test = (whole_windows(part, length) + first for part, first in zip(parts, (0, end), strict=True))
        if self.num_examples is not None:
            limit = self.num_examples
            train, test = (
                part[np.linspace(0, len(part) - 1, min(limit, len(part))).astype(int)] for part in (train, test)
            )
        return train, test
