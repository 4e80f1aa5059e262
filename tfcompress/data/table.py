"""CSV files of a user's own: rows by the names of their columns, with one clear line for what cannot be read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import DataCorrupt, DataUnavailable, InvalidValue

MOST_CHARACTERS = 1_000_000  # of a cell; more is no text that somebody wrote, but a quote that was never closed


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns' names, and each row with the number of its line, as texts; rows without any text are left out.

    Raises:
      DataUnavailable: when there is no such file.
      DataCorrupt: for one that is empty, not in UTF-8, or no CSV: a row of another length, a cell of a megabyte.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            before = csv.field_size_limit(MOST_CHARACTERS)
            try:
                reader = csv.reader(stream)
                rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
            finally:
                csv.field_size_limit(before)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise DataUnavailable(f"data must be a CSV file. Received: {path}. There is none. Look at its name.") from error
    except UnicodeDecodeError as error:
        raise DataCorrupt(
            f"data must be a CSV file in UTF-8. Received: {path}, whose byte {error.start:,} is not. Save it as UTF-8."
        ) from error
    except (csv.Error, OSError) as error:
        raise DataCorrupt(
            f"data must be a CSV file. Received: {path}, over which: {error}. Look for a quote left open."
        ) from error
    if len(rows) < 2:
        raise DataCorrupt(f"data must have a header and a row. Received: {path}, with {len(rows)} rows. Add some.")
    header = [name.strip() for name in rows[0][1]]
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise DataCorrupt(
                f"data must have {len(header)} cells in each row, as its header has. Received: {path}, with {len(row)} "
                f"in line {line:,}. Look for a comma without quotes."
            )
    return header, [(line, dict(zip(header, row, strict=True))) for line, row in rows[1:]]


def column(header: Sequence[str], asked: str | None, usual: Sequence[str], setting: str, path: Path) -> str:
    """The name of a column: the one asked for, or the first of the usual names that the header has.

    >>> column(["text", "Category"], None, ("label", "category"), "label", Path("a.csv"))
    'Category'

    Raises:
      InvalidValue: when there is none.
    """
    if asked is not None:
        if asked in header:
            return asked
        raise InvalidValue(
            f"{setting} must be a column of {path}. Received: {asked!r}. Use one of: {', '.join(header)}."
        )
    lower = {name.lower(): name for name in reversed(header)}
    found = next((lower[name] for name in usual if name in lower), None)
    if found is None:
        raise InvalidValue(
            f"{setting} must be named, as {path} has no column {' or '.join(usual)}. Received: None. Use one of: "
            f"{', '.join(header)}."
        )
    return found
