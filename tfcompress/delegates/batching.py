"""Many examples in one run of a file that was written for one, proved on the first examples to change no output.

An exported file says "batch 1". Its tensors can be resized, and most files then just run; what stands in the way are
RESHAPE operations whose constant target begins with that 1. In a copy in memory these constants get the larger batch:
the same weights and the same operations. Whatever still does not run, or gives other outputs, runs one at a time.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ..measuring.tensors import Encoder, TensorType, dequantize
from .runtimes import CpuRuntime, FromZero, Runtime

MOST_EXAMPLES = 64
MOST_INPUT_BYTES = 4 * 2**20  # activations are some ten times the input; together they should stay near the caches

MOST_AGAIN = 8  # examples that are run a second time, of a file that takes one at a time

# Batched kernels may add in another order. More than this share of the largest output is another output, not rounding.
ROUNDING = 1e-4


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the test set goes through a file: the file or a changed copy of it, and how many examples in one run."""

    model: Path | bytes
    kernels: str
    batch_size: int
    resets: bool = False  # whether variables are reset before each run
    states: tuple[tuple[str, str], ...] = ()  # inputs that are zeros in each run, and the outputs that go with them

    def load(self) -> CpuRuntime | FromZero:
        """A runtime of one thread; the shards are what uses the cores, because built-in kernels hardly do."""
        runtime = CpuRuntime(self.model, self.kernels, num_threads=1, batch_size=self.batch_size, resets=self.resets)
        return FromZero(runtime, self.states) if self.states else runtime


def preferred_batch_size(example_bytes: int) -> int:
    """As many examples as stay near the caches, at most 64.

    >>> preferred_batch_size(32 * 32 * 3 * 4), preferred_batch_size(224 * 224 * 3 * 4), preferred_batch_size(10**9)
    (64, 6, 1)
    """
    return max(1, min(MOST_EXAMPLES, MOST_INPUT_BYTES // max(1, example_bytes)))


def with_batch(content: bytes, batch_size: int) -> bytes:
    """A copy of a .tflite file in which RESHAPE's constant targets begin with `batch_size` where they began with 1."""
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed)
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        operators = (graph.Operators(i) for i in range(graph.OperatorsLength()))
        buffers = {graph.Tensors(op.Inputs(1)).Buffer() for op in operators if _is_reshape(model, op)}
        for buffer in buffers:
            data = model.Buffers(buffer)
            if data.DataLength() >= 4:
                target = data.DataAsNumpy().view("<i4")  # a view into `changed`, not a copy
                if target[0] == 1:
                    target[0] = batch_size
    return bytes(changed)


def find_plan(
    path: Path, kernels: str, examples: Examples, resets: bool = False, states: tuple[tuple[str, str], ...] = ()
) -> Plan:
    """The fastest way through the file that gives the outputs of one example at a time.

    Args:
      path: the file.
      kernels: a key of `runtimes.KERNELS`.
      examples: all of them; the first ones prove the plan.
      resets: whether variables are reset before each run. Defaults to False.
      states: inputs that are zeros in each run, and the outputs that go with them, in pairs. Defaults to none.
    """
    one_by_one = Plan(path, kernels, 1, resets, states)
    runtime = one_by_one.load()
    if any(kind.shape[:1] != (1,) for kind in (*runtime.inputs, *runtime.outputs)):
        return one_by_one
    example_bytes = sum(kind.dtype.itemsize * math.prod(kind.shape) for kind in runtime.inputs)
    batch_size = min(len(examples), preferred_batch_size(example_bytes))
    if batch_size < 2:
        return one_by_one
    tensors = examples.tensors(0, batch_size)
    alone = [runtime.run([tensor[i : i + 1] for tensor in tensors]) for i in range(batch_size)]
    expected = [np.concatenate(rows) for rows in zip(*alone, strict=True)]
    candidates = (path, with_batch(path.read_bytes(), batch_size))
    plans = (Plan(model, kernels, batch_size, resets, states) for model in candidates)
    return next((plan for plan in plans if _gives(plan, tensors, expected)), one_by_one)


class Examples:
    """All stored examples, mapped from disk, and how they become a file's input tensors.

    Args:
      stored: an array (N, ...) for each input of the file, in its order.
      encoders: one for each, from stored examples to the input tensor.
    """

    def __init__(self, stored: Sequence[np.ndarray], encoders: Sequence[Encoder]):
        self.stored, self.encoders = stored, encoders

    def __len__(self) -> int:
        return len(self.stored[0])

    def tensors(self, begin: int, end: int) -> list[np.ndarray]:
        """The input tensors of some examples."""
        return [encode(array[begin:end]) for encode, array in zip(self.encoders, self.stored, strict=True)]


def run_all(load: Callable[[], Runtime], batch_size: int, examples: Examples, outputs: Outputs, workers: int) -> float:
    """Runs every example, in `workers` threads with a runtime each, and the first ones of each once more.

    A runtime lets other threads run while it works, so this uses the cores with every kernel set. The second time, in
    a runtime that has run all the others since, they go the other way round.

    Returns:
      The largest difference between the two calls with one example, beside the largest output.
    """
    count = len(examples)
    shards = np.array_split(np.arange(count), max(1, min(workers, count // batch_size)))

    def run_shard(shard: np.ndarray) -> float:
        return _run_shard(load(), batch_size, examples, outputs, int(shard[0]), int(shard[-1]) + 1)

    if len(shards) == 1:
        return run_shard(shards[0])
    with ThreadPoolExecutor(len(shards)) as pool:
        return max(pool.map(run_shard, shards))


class Outputs:
    """Where float32 outputs go: an array (N, ...) on disk for each output of the file, `outputs-NUMBER.npy`.

    Args:
      folder: of the files.
      kinds: the file's outputs.
      count: N.
    """

    def __init__(self, folder: Path, kinds: Sequence[TensorType], count: int):
        self.kinds = kinds
        self.arrays = [
            np.lib.format.open_memmap(
                folder / f"outputs-{number}.npy", "w+", "float32", (count, *self.example_shape(kind))
            )
            for number, kind in enumerate(kinds)
        ]

    @staticmethod
    def example_shape(kind: TensorType) -> tuple[int, ...]:
        """The shape of one example's output: a first axis of 1 is the batch."""
        return kind.shape[1:] if kind.shape[:1] == (1,) else kind.shape

    def write(self, begin: int, tensors: Sequence[np.ndarray]) -> None:
        """Keeps what one run gave for the examples from `begin` on."""
        for array, kind, values in zip(self.arrays, self.kinds, tensors, strict=True):
            real = dequantize(values, kind)
            rows = real if kind.shape[:1] == (1,) else real[None]
            array[begin : begin + len(rows)] = rows

    def difference(self, begin: int, tensors: Sequence[np.ndarray]) -> float:
        """How far a run is from what is kept of the same examples: the largest difference over the largest number."""
        return max(self._difference(*each, begin) for each in zip(self.arrays, self.kinds, tensors, strict=True))

    @staticmethod
    def _difference(array: np.ndarray, kind: TensorType, values: np.ndarray, begin: int) -> float:
        real = dequantize(values, kind).astype("float64")
        rows = real if kind.shape[:1] == (1,) else real[None]
        kept = array[begin : begin + len(rows)].astype("float64")
        both = np.isfinite(rows) & np.isfinite(kept)
        if not np.array_equal(rows[~both], kept[~both], equal_nan=True):
            return math.inf
        largest = np.abs(kept[both]).max(initial=0)
        difference = np.abs(rows[both] - kept[both]).max(initial=0)
        return float(difference / largest) if largest else float(difference > 0)


def num_usable_cores() -> int:
    """Cores that this process may use, which a container or `taskset` may have made fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_shard(runtime: Runtime, batch_size: int, examples: Examples, outputs: Outputs, begin: int, end: int) -> float:
    def run(first: int, last: int, step: int = 1) -> list[np.ndarray]:
        tensors = [np.ascontiguousarray(tensor[::step]) for tensor in examples.tensors(first, last)]
        missing = batch_size - (last - first)  # the last run repeats its last example to be full
        if missing:
            tensors = [np.concatenate([tensor, np.repeat(tensor[-1:], missing, axis=0)]) for tensor in tensors]
        found = runtime.run(tensors)
        return [values[: last - first] for values in found] if missing else found

    for first in range(begin, end, batch_size):
        outputs.write(first, run(first, min(first + batch_size, end)))
    if batch_size > 1:
        last = min(begin + batch_size, end)
        return outputs.difference(begin, [values[::-1] for values in run(begin, last, -1)])
    again = range(min(begin + MOST_AGAIN, end) - 1, begin - 1, -1)
    return max(outputs.difference(number, run(number, number + 1)) for number in again)


def _gives(plan: Plan, tensors: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> bool:
    try:
        found = plan.load().run(tensors)
    except (RuntimeError, ValueError):
        return False
    return all(_equal(values, wanted) for values, wanted in zip(found, expected, strict=True))


def _equal(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape:
        return False
    largest = np.abs(expected.astype("float64")).max()
    difference = np.abs(found.astype("float64") - expected.astype("float64"))
    return bool(np.all(difference <= ROUNDING * largest))


def _is_reshape(model: schema.Model, operator: schema.Operator) -> bool:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return bool(code.BuiltinCode() == schema.BuiltinOperator.RESHAPE and operator.InputsLength() > 1)
