"""A series of numbers in a CSV file, at even steps of time: gaps found, short ones filled, long ones left out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import DataCorrupt, InvalidValue
from ..table import read_table

if TYPE_CHECKING:
    import numpy as np

TIMES = ("timestamp", "time", "date", "datetime", "ds")
MISSING = ("", "nan", "na", "null", "none", "-")
MOST_STEPS = 10_000_000  # a gap as long as this is a wrong year


@dataclasses.dataclass(frozen=True)
class Series:
    """Values (steps, columns), float64, NaN where nothing is known; `times` are empty where the file has none."""

    values: np.ndarray
    columns: tuple[str, ...]
    times: tuple[datetime.datetime, ...] = ()


def read_series(path: Path, columns: Sequence[str] = (), most_gap: int = 3) -> Series:
    """Reads columns of numbers; where the file has times, steps that are missing between rows are put in.

    A cell that is empty or NaN is a gap, and so is a step of time without a row. Up to `most_gap` steps in a row are
    filled by the straight line between their neighbours; more stay NaN, and windows leave them out.

    Args:
      path: a CSV file with a header; a column timestamp, time or date holds ISO times, or none does.
      columns: the names of the columns. Defaults to (): all that are no time and no label.
      most_gap: at least 0. Defaults to 3.

    Raises:
      DataUnavailable: when there is no file.
      DataCorrupt: for a cell that is no number or no time, times that go back, or no number at all.
      InvalidValue: for a column that there is not.
    """
    import numpy as np

    header, rows = read_table(path)
    time = next((name for name in header if name.lower() in TIMES), None)
    unknown = [name for name in columns if name not in header]
    if unknown:
        raise InvalidValue(
            f"columns must be some of {path}. Received: {unknown[0]!r}. Use some of: {', '.join(header)}."
        )
    chosen = tuple(columns) or tuple(name for name in header if name != time and name.lower() not in LABELS)
    if not chosen:
        raise InvalidValue(f"data must have a column of numbers. Received: {path}, with {', '.join(header)}. Add one.")
    values = np.array([[_number(row[name], name, line, path) for name in chosen] for line, row in rows])
    times: tuple[datetime.datetime, ...] = ()
    if time is not None:
        values, times = _at_even_steps(values, [_time(row[time], line, path) for line, row in rows], rows, path)
    if np.isnan(values).all(0).any():
        empty = chosen[int(np.isnan(values).all(0).argmax())]
        raise DataCorrupt(
            f"data must have numbers in each column. Received: {path}, with none in {empty!r}. Leave it out."
        )
    return Series(np.stack([filled(column, most_gap) for column in values.T], 1), chosen, times)


LABELS = ("anomaly", "label", "is_anomaly", "split")


def labels_of(path: Path) -> tuple[list[datetime.datetime], list[bool]] | None:
    """The times, empty where there are none, and the 0 or 1 of the column anomaly; None where there is no column."""
    header, rows = read_table(path)
    label = next((name for name in header if name.lower() in LABELS[:-1]), None)
    if label is None:
        return None
    time = next((name for name in header if name.lower() in TIMES), None)
    wrong = next((line for line, row in rows if row[label].strip() not in ("0", "1", "0.0", "1.0")), None)
    if wrong is not None:
        raise DataCorrupt(
            f"data must have 0 or 1 in column {label!r}. Received: {path}, with another in line {wrong:,}. Mend it."
        )
    times = [] if time is None else [_time(row[time], line, path) for line, row in rows]
    return times, [row[label].strip().startswith("1") for _, row in rows]


def filled(values: np.ndarray, most_gap: int) -> np.ndarray:
    """A column with its inner gaps of up to `most_gap` steps filled by straight lines.

    >>> import numpy as np
    >>> filled(np.array([1.0, np.nan, 3.0, np.nan, np.nan, 6.0]), most_gap=1).tolist()
    [1.0, 2.0, 3.0, nan, nan, 6.0]
    """
    import numpy as np

    known = np.flatnonzero(~np.isnan(values))
    found = np.interp(np.arange(len(values)), known, values[known]) if len(known) else values.copy()
    for before, after in zip([-1, *known], [*known, len(values)], strict=True):
        inner = before >= 0 and after < len(values)
        if after - before - 1 > (most_gap if inner else 0):
            found[before + 1 : after] = np.nan
    return found


def whole_windows(values: np.ndarray, length: int, step: int = 1) -> np.ndarray:
    """Where windows of `length` steps begin that have no gap, each `step` further than the last: (N,).

    >>> import numpy as np
    >>> whole_windows(np.array([[1.0], [2.0], [np.nan], [4.0], [5.0], [6.0]]), length=2).tolist()
    [0, 3, 4]
    """
    import numpy as np

    if len(values) < length:
        return np.empty(0, int)
    gaps = np.concatenate([[0], np.isnan(values).any(1).cumsum()])
    begins = np.arange(0, len(values) - length + 1, step)
    found: np.ndarray = begins[gaps[begins + length] == gaps[begins]]
    return found


def _number(cell: str, name: str, line: int, path: Path) -> float:
    text = cell.strip()
    if text.lower() in MISSING:
        return float("nan")
    try:
        number = float(text)
    except ValueError:
        number = float("inf")
    if number in (float("inf"), -float("inf")) or abs(number) > 1e30:
        raise DataCorrupt(
            f"data must have numbers, or nothing, in column {name!r}. Received: {path}, with {text[:40]!r} in line "
            f"{line:,}. Mend it, or name other columns."
        )
    return number


def _time(cell: str, line: int, path: Path) -> datetime.datetime:
    try:
        return datetime.datetime.fromisoformat(cell.strip()).replace(tzinfo=None)
    except ValueError as error:
        raise DataCorrupt(
            f"data must have ISO times, as in 2026-01-31 12:00:00. Received: {path}, with {cell[:40]!r} in line "
            f"{line:,}. Write times so, or leave that column out."
        ) from error


def _at_even_steps(
    values: np.ndarray, times: list[datetime.datetime], rows: Sequence[tuple[int, object]], path: Path
) -> tuple[np.ndarray, tuple[datetime.datetime, ...]]:
    """Values with a row of NaN for each step of time that has none, and all times; the step is the median one."""
    import numpy as np

    seconds = np.array([(each - times[0]).total_seconds() for each in times])
    apart = np.diff(seconds)
    if not len(apart):
        return values, tuple(times)
    if (apart <= 0).any():
        line = rows[int((apart <= 0).argmax()) + 1][0]
        raise DataCorrupt(
            f"data must go forward in time. Received: {path}, which does not in line {line:,}. Sort its rows."
        )
    step = float(np.median(apart))
    places = np.concatenate([[0], np.maximum(1, np.round(apart / step)).cumsum()]).astype(int)
    if places[-1] >= MOST_STEPS:
        raise DataCorrupt(
            f"data must have steps of one length. Received: {path}, with gaps of {places[-1]:,} steps. Look at "
            "its times."
        )
    even = np.full((places[-1] + 1, values.shape[1]), np.nan)
    even[places] = values
    known = dict(zip(places.tolist(), times, strict=True))
    all_times, last = [], times[0]
    for place in range(len(even)):
        last = known.get(place) or last + datetime.timedelta(seconds=step)
        all_times.append(last)
    return even, tuple(all_times)
