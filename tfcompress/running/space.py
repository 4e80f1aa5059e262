"""Whether the disks have room for a run, looked at before hours of training end for the lack of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from ..core.errors import OutputFull, TemporaryFull
from ..core.examples.nests import leaves
from ..core.examples.spool import Spool
from ..core.types import Data, Recipe

FLOAT_BYTES = 4


def require_space(root: Path, recipe: Recipe, model: Any) -> None:
    """Compares the free space with the least that a run will write: models, their outputs, and inputs for the checks.

    Channels that are removed make models smaller, and other things are written too: what passes may still not be
    enough, and what is refused cannot be.

    Args:
      root: the run folder.
      recipe: of the run.
      model: the first stage's, before it is trained.

    Raises:
      OutputFull: when the disk of the run folder has less.
      TemporaryFull: when that of temporary files has.
    """
    num_test = len(recipe.data.test)
    outputs = sum(FLOAT_BYTES * _size(shape) for shape in _shapes(model)) * num_test
    num_files = sum(map(len, recipe.exports.values()))
    least = model.count_params() * FLOAT_BYTES + outputs * (len(recipe.stages) + num_files * bool(recipe.checks))
    free = _free(root)
    if free < least:
        raise OutputFull(
            f"The disk of {root} must have room for {_megabytes(least)} of models and outputs at least. Received: "
            f"{_megabytes(free)} free. Free some space, or choose another folder with --out."
        )
    inputs = _bytes_of_inputs(recipe.data) if num_files and recipe.checks else 0
    place = Path(tempfile.gettempdir())
    free = _free(place)
    if free < inputs:
        raise TemporaryFull(
            f"{place} must have room for {_megabytes(inputs)} of test inputs, which checks read. Received: "
            f"{_megabytes(free)} free. Free some space, or name a folder on another disk in TMPDIR."
        )


def _shapes(model: Any) -> list[tuple[int | None, ...]]:
    return [tuple(tensor.shape)[1:] for tensor in model.outputs]


def _size(shape: tuple[int | None, ...]) -> int:
    size = 1
    for length in shape:
        size *= length or 1
    return size


def _bytes_of_inputs(data: Data) -> int:
    """Of the test split on disk, where it is not there yet."""
    if isinstance(data.test, Spool) or not len(data.test):
        return 0
    stored = data.test.batch([0])[0]
    return len(data.test) * sum(int(leaf[0].nbytes) for leaf in leaves(stored) if leaf is not None)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.0f} MB"
