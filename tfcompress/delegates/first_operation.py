"""The first operation of a file whose output on the GPU is not the CPU's, found by cutting the file off ever earlier.

`python -m tfcompress.delegates.first_operation FOLDER` reads `job.json` there and writes `found.json`. The whole file
is known to depart; of half of its operations it is tried, then of a quarter or of three, until one operation is left.
What is compared are all tensors that the operations so far have made and that are still wanted, so that a branch that
is right does not hide one that is wrong.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..backend import child
from ..backend.search_path import for_children
from ..core.examples.spool import Spool
from ..core.tasks.metrics import closeness
from ..measuring.layer_map import layer_in
from ..measuring.tensors import dequantize
from . import cutting, worker

if TYPE_CHECKING:
    from . import runtimes

NUM_EXAMPLES = 8
FLOAT_DB = 40.0  # below it a float tensor is another one
ROUGH_DB = 20.0  # below it one of a file with rounded numbers is
FLOAT_MODES = ("float32", "float16")


@dataclasses.dataclass(frozen=True)
class FirstOperation:
    """Where the GPU's numbers leave the CPU's: an operation of the main graph, and how far it is from there on."""

    number: int
    op: str
    tensor: str  # the first that it gives
    sqnr_db: float  # over the examples, of the worst tensor after it
    before_db: float  # likewise before it; infinite for the inputs
    layer: str = ""  # of Keras, where its name is known

    def __str__(self) -> str:
        name = f"layer {self.layer!r}" if self.layer else f"{self.tensor!r}"
        after = "the inputs" if self.before_db == math.inf else f"{self.before_db:.1f} dB"
        return f"{self.op} of {name} (operation {self.number}): {self.sqnr_db:.1f} dB, after {after}"


def limit_db(mode: str) -> float:
    """The ratio below which a tensor of a file of this mode departs.

    >>> limit_db("float32_unrolled"), limit_db("int8")
    (40.0, 20.0)
    """
    return FLOAT_DB if mode.startswith(FLOAT_MODES) else ROUGH_DB


def first_operation(
    job: worker.Job,
    examples: Spool,
    names: Sequence[str],
    limit: float,
    time_limit_s: float,
    environment: Mapping[str, str] | None = None,
    layers: Collection[str] = (),
) -> FirstOperation | None:
    """The first operation after which the GPU departs from the CPU's built-in kernels, by a child process.

    Args:
      job: the file, how stored inputs are encoded, and what a driver wants loaded.
      examples: stored inputs, of which a few are run.
      names: the model's inputs, in its order; empty where they are not known.
      limit: the SQNR, centred over the examples, below which a tensor departs.
      time_limit_s: seconds, after which the child is killed.
      environment: variables for the child.
      layers: names of the Keras model's layers. Defaults to none: an operation goes by its tensor's name.

    Returns:
      None where the whole file does not depart, or the child did not end by itself.
    """
    job = dataclasses.replace(job, inputs=worker.named_paths(examples, names))
    with tempfile.TemporaryDirectory(prefix="tfcompress-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps({"job": dataclasses.asdict(job), "limit": limit}))
        command = [sys.executable, "-m", "tfcompress.delegates.first_operation", name]
        end = child.run_limited(command, time_limit_s, folder, {**(environment or {}), "PYTHONPATH": for_children()})
        found = folder / "found.json"
        if end.death or not found.exists():
            return None
        fields = json.loads(found.read_text())
    if fields is None:
        return None
    return FirstOperation(**fields, layer=layer_in(fields["tensor"], layers) or "")


def bisected(
    positions: Sequence[int], decibels: Callable[[int], float], limit: float
) -> tuple[int, float, float] | None:
    """The first of the positions at which `decibels` are below the limit, if those behind it are, too.

    Args:
      positions: in order, at least one.
      decibels: of a position; NaN where it cannot be tried.
      limit: in decibels.

    Returns:
      The position, its decibels, and those of the last one before it that could be tried (infinite: none); None where
      the last position is not below the limit.

    >>> bisected([0, 1, 2, 3], {0: 99.0, 1: 98.0, 2: 3.0, 3: 2.0}.__getitem__, 40.0)
    (2, 3.0, 98.0)
    """
    positions = list(positions)
    below = decibels(positions[-1])
    if not below < limit:
        return None
    before = math.inf
    low, high = -1, len(positions) - 1
    while high - low > 1:
        middle = (low + high) // 2
        found = decibels(positions[middle])
        if math.isnan(found):
            positions.pop(middle)
            high -= 1
        elif found < limit:
            high, below = middle, found
        else:
            low, before = middle, found
    return positions[high], below, before


def main(folder: Path) -> None:
    """The child: from `job.json` to `found.json`."""
    child.die_with_parent()
    fields = json.loads((folder / "job.json").read_text())
    job = worker.job_from_json(fields["job"])
    found = _look(job, fields["limit"], folder)
    (folder / "found.json").write_text(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # a driver may crash while it is taken down


def _look(job: worker.Job, limit: float, folder: Path) -> dict[str, object] | None:
    from . import runtimes  # late: a broken native library is then an error of this job

    for library in job.preload:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    model = cutting.unpacked(Path(job.model).read_bytes())

    def decibels(number: int) -> float:
        path = folder / f"{number}.tflite"
        path.write_bytes(cutting.cut_after(model, number))
        try:
            gpu = runtimes.CompiledRuntime(path, "gpu")
            expected = _outputs(runtimes.CpuRuntime(path, "builtin"), job)
            found = _outputs(gpu, job)
        except (RuntimeError, ValueError):
            return math.nan  # the delegate does not take it in this form
        return min(map(_sqnr_db, expected, found))

    positions = [number for number in range(cutting.num_operations(model)) if cutting.wanted_after(model, number)]
    found = bisected(positions, decibels, limit) if positions else None
    if found is None:
        return None
    number, below, before = found
    op, tensor = cutting.operation(model, number)
    return {"number": number, "op": op, "tensor": tensor, "sqnr_db": below, "before_db": before}


def _sqnr_db(expected: np.ndarray, found: np.ndarray) -> float:
    """Centred over the examples; where these are all the same, infinite if the numbers are."""
    if not np.isfinite(found[np.isfinite(expected)]).all():
        return -math.inf
    both = np.isfinite(expected) & np.isfinite(found)
    x, y = (np.where(both, values, 0) for values in (expected, found))
    decibels = closeness(x, y).sqnr_db
    if decibels == -math.inf:
        return math.inf if np.allclose(x, y, rtol=1e-2, atol=1e-6) else -math.inf
    return decibels


def _outputs(runtime: runtimes.Runtime, job: worker.Job) -> list[np.ndarray]:
    stored = [array[:NUM_EXAMPLES] for array in worker.arranged(job, runtime.inputs, may_lack=True)]
    encoders = [worker.encoder(job, kind) for kind in runtime.inputs]
    rows = []
    for number in range(len(stored[0])):
        tensors = [encode(array[number : number + 1]) for encode, array in zip(encoders, stored, strict=True)]
        given = runtime.run(tensors)
        rows.append([dequantize(values, kind) for values, kind in zip(given, runtime.outputs, strict=True)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
