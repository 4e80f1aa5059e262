"""Many examples in one run of a file that was written for one, proved on the first examples to change no output.

An exported file says "batch 1". Its tensors can be resized, and most files then just run; what stands in the way are
RESHAPE operations whose constant target begins with that 1. In a copy in memory these constants get the larger batch:
the same weights and the same operations. Whatever still does not run, or gives other outputs, runs one at a time.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .runtimes import CpuRuntime, GpuRuntime
from .tensors import Encoder, dequantize

MOST_EXAMPLES = 64
MOST_INPUT_BYTES = 4 * 2**20  # activations are some ten times the input; together they should stay near the caches

# Batched kernels may add in another order. More than this share of the largest output is another output, not rounding.
ROUNDING = 1e-4


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the test set goes through a file: the file or a changed copy of it, and how many examples in one run."""

    model: Path | bytes
    kernels: str
    batch_size: int

    def load(self) -> CpuRuntime:
        """A runtime of one thread; the shards are what uses the cores, because built-in kernels hardly do."""
        return CpuRuntime(self.model, self.kernels, num_threads=1, batch_size=self.batch_size)


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


def find_plan(path: Path, kernels: str, encoder: Encoder, stored: np.ndarray) -> Plan:
    """The fastest way through the file that gives the outputs of one example at a time.

    Args:
      path: the file.
      kernels: a key of `runtimes.KERNELS`.
      encoder: from stored examples to the file's input.
      stored: the test set's stored inputs, shape (N, ...); the first ones prove the plan.
    """
    one_by_one = Plan(path, kernels, batch_size=1)
    runtime = one_by_one.load()
    batch_size = min(
        len(stored), preferred_batch_size(runtime.input.dtype.itemsize * int(np.prod(runtime.input.shape)))
    )
    if batch_size < 2:
        return one_by_one
    tensor = encoder(stored[:batch_size])
    expected = np.concatenate([runtime.run(tensor[i : i + 1]) for i in range(batch_size)])
    candidates = (path, with_batch(path.read_bytes(), batch_size))
    plans = (Plan(model, kernels, batch_size) for model in candidates)
    return next((plan for plan in plans if _gives(plan, tensor, expected)), one_by_one)


def run_all(plan: Plan, encoder: Encoder, stored: np.ndarray, num_workers: int) -> np.ndarray:
    """Runs every example, in `num_workers` threads with an interpreter each, and gives float32 outputs (N, ...).

    The interpreter lets other threads run while it works, so this uses the cores with every kernel set.
    """
    shards = np.array_split(stored, max(1, min(num_workers, len(stored) // plan.batch_size)))
    with ThreadPoolExecutor(len(shards)) as pool:
        return np.concatenate(list(pool.map(lambda shard: _run_shard(plan, encoder, shard), shards)))


def run_one_by_one(runtime: CpuRuntime | GpuRuntime, encoder: Encoder, stored: np.ndarray) -> np.ndarray:
    """Runs every example alone in one runtime, and gives float32 outputs (N, ...)."""
    return np.concatenate(
        [dequantize(runtime.run(encoder(stored[i : i + 1])), runtime.output) for i in range(len(stored))]
    )


def num_usable_cores() -> int:
    """Cores that this process may use, which a container or `taskset` may have made fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_shard(plan: Plan, encoder: Encoder, shard: np.ndarray) -> np.ndarray:
    runtime = plan.load()
    outputs = []
    for begin in range(0, len(shard), plan.batch_size):
        examples = shard[begin : begin + plan.batch_size]
        tensor = encoder(examples)
        missing = plan.batch_size - len(tensor)  # the last run repeats its last example to be full
        full = np.concatenate([tensor, np.repeat(tensor[-1:], missing, axis=0)]) if missing else tensor
        outputs.append(dequantize(runtime.run(full)[: len(examples)], runtime.output))
    return np.concatenate(outputs)


def _gives(plan: Plan, tensor: np.ndarray, expected: np.ndarray) -> bool:
    try:
        found = plan.load().run(tensor)
    except (RuntimeError, ValueError):
        return False
    if found.shape != expected.shape:
        return False
    largest = np.abs(expected.astype("float64")).max()
    difference = np.abs(found.astype("float64") - expected.astype("float64"))
    return bool(np.all(difference <= ROUNDING * largest))


def _is_reshape(model: schema.Model, operator: schema.Operator) -> bool:
    code = model.OperatorCodes(operator.OpcodeIndex())
    return bool(code.BuiltinCode() == schema.BuiltinOperator.RESHAPE and operator.InputsLength() > 1)
