"""Whether disks and memory have room for a run, looked at before hours of training end for the lack of it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.contracts import FitInBatches, KeepsRows, data_in, layers_of_fit
from ..core.errors import OutputFull, TemporaryFull
from ..core.examples.nests import leaves
from ..core.examples.source import Source
from ..core.examples.spool import Spool
from ..core.remarks import remark
from ..core.types import Data, Fit, Recipe
from ..measuring.measure import leaf_layers

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
    rows = _bytes_of_rows(recipe)
    place = Path(tempfile.gettempdir())
    free = _free(place)
    if free < inputs + rows:
        of = [*(["test inputs, which checks read"] if inputs else []), *(["decoded examples"] if rows else [])]
        raise TemporaryFull(
            f"{place} must have room for {_megabytes(inputs + rows)} of {', and of '.join(of)}. Received: "
            f"{_megabytes(free)} free. Free some space, or name a folder on another disk in TMPDIR."
        )


def say_memory(model: Any, fit: Fit | None) -> None:
    """Warns of training that needs more memory than the machine has free.

    What is counted is the least of it: the weights and their gradients, and what comes into each layer with weights, a
    batch of it, which the gradient is computed from.

    Args:
      model: to be trained.
      fit: how; nothing is said of one that does not say its `batch_size`.
    """
    sizes = [each.batch_size for each in layers_of_fit(fit) if isinstance(each, FitInBatches)]
    if not sizes:
        return
    weights = sum(variable.shape.num_elements() for variable in model.weights)
    kept = sum(
        _size(tuple(shape)[1:]) for layer in leaf_layers(model) if layer.trainable_weights for shape in _into(layer)
    )
    least = FLOAT_BYTES * (2 * weights + sizes[0] * kept)
    free = free_memory()
    if least > free:
        remark(
            f"a step of {sizes[0]} examples needs {_megabytes(least)} of memory at least, and {_megabytes(free)} are "
            "free. Use a smaller batch_size.",
            level=logging.WARNING,
        )


def free_memory() -> int:
    """Bytes that this process may still take."""
    pages = {name: os.sysconf(name) for name in ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")}
    free = pages["SC_AVPHYS_PAGES"] * pages["SC_PAGE_SIZE"]
    with contextlib.suppress(OSError):  # which counts what the system would give back: Linux alone
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        free = int(found[1]) * 1024 if found else free
    return free


def _into(layer: Any) -> Iterator[Any]:
    """The shapes of what comes into a layer, where it has been called once."""
    shapes = getattr(layer, "input_shape", None) if layer.inbound_nodes else None
    yield from [shapes] if isinstance(shapes, tuple) else shapes or []


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


def _bytes_of_rows(recipe: Recipe) -> int:
    """Of examples that are kept on disk once they are decoded: those of all tests, and what the longest fit sees."""
    seen: dict[int, tuple[Any, int]] = {id(recipe.data.test): (recipe.data.test, len(recipe.data.test))}
    for fit in (stage.fit for stage in recipe.stages if stage.fit is not None):
        split = (data_in(fit) or recipe.data).train
        if isinstance(split, KeepsRows) and isinstance(split, Source):
            count = min(len(split), fit.steps * (_batch_size(fit) or 1))
            seen[id(split)] = split, max(count, seen.get(id(split), (split, 0))[1])
    return sum(split.bytes_to_keep(range(count)) for split, count in seen.values() if isinstance(split, KeepsRows))


def _batch_size(fit: Fit | None) -> int | None:
    """Examples in a step; None where the fit does not say it."""
    return next((each.batch_size for each in layers_of_fit(fit) if isinstance(each, FitInBatches)), None)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.0f} MB"
