"""A .tflite file, loaded by the interpreter of TensorFlow Lite for Microcontrollers, and the arena that it needs.

The interpreter is the C++ one that firmware is built with, with its reference kernels, on this machine. It is in the
package tflite-micro, which this file alone imports.
"""

from __future__ import annotations

import copy
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ...backend.native import captured_stderr
from ...measuring.tensors import TensorType, named_tensors
from ..runtimes import KERNELS, count_ops

ALIGNMENT = 16  # bytes, of a tensor arena
MORE = 1024  # bytes that an arena grows by, should the recorded size not be enough
MOST_GROWTH = 64  # times that it grows before the size counts as unknown
MOST_S = 30  # seconds for a try, which a loop in too little memory may never end
SPARE = 2**20

_RECORDED = re.compile(r"Arena allocation total (\d+) bytes")


class MicroRuntime:
    """The interpreter with one example at a time.

    Args:
      model: the file.
      resets: whether variables are reset before each run, as a board does at the beginning of a sequence. Defaults to
        False.

    Raises:
      ValueError, RuntimeError: the file does not load; the reason is on stderr.
    """

    def __init__(self, model: Path, resets: bool = False):
        from tflite_micro.python.tflite_micro import runtime

        content = model.read_bytes()
        # LiteRT's interpreter reads first: it says of a damaged file what is wrong, where the other would crash, and
        # knows the names of the signature.
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=KERNELS["builtin"])
        inputs, outputs = named_tensors(interpreter)
        places_in = [int(details["index"]) for details in interpreter.get_input_details()]
        places_out = [int(details["index"]) for details in interpreter.get_output_details()]
        self.inputs = tuple(TensorType.of(details, name) for name, details in inputs.items())
        self.outputs = tuple(TensorType.of(details, name) for name, details in outputs.items())
        self._inputs_at = [places_in.index(int(details["index"])) for details in inputs.values()]
        self._outputs_at = [places_out.index(int(details["index"])) for details in outputs.values()]
        self.num_ops = count_ops(interpreter._get_ops_details())
        self.num_delegated_ops = None
        self._resets = resets
        self._content, self._runtime = content, runtime
        enough = len(content) + 2 * sum(_num_bytes(each) for each in interpreter.get_tensor_details()) + SPARE
        self._micro = runtime.Interpreter.from_bytes(content, arena_size=enough)

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One call, as firmware makes it."""
        if self._resets:
            self._micro.reset()
        for place, tensor in zip(self._inputs_at, tensors, strict=True):
            self._micro.set_input(np.ascontiguousarray(tensor), place)
        self._micro.invoke()
        return [np.array(self._micro.get_output(place)) for place in self._outputs_at]

    def run_again(self) -> None:
        """The last run once more."""
        self._micro.invoke()

    def in_arena(self, arena_bytes: int) -> MicroRuntime:
        """The same file in an arena of this size. Too little of it is a `RuntimeError`, or the end of the process."""
        found = copy.copy(self)
        found._micro = self._runtime.Interpreter.from_bytes(self._content, arena_size=arena_bytes)
        return found

    def allocated_bytes(self) -> int | None:
        """The arena that the last run used, as the interpreter recorded it; it says so on stderr alone."""
        with captured_stderr() as said:
            self._micro.print_allocations()
        return recorded_arena(said())


def least_arena(model: Path) -> int | None:
    """The least arena in which a file loads, and gives what it gives in a large one.

    What the interpreter records is not quite it, as some memory is needed while it prepares the file alone. So sizes
    are tried, each in a process of its own: in too little memory some operations crash where others give an error.

    Returns:
      Bytes, a multiple of 16; None where no size was enough, or this system has no `fork`.
    """
    if not hasattr(os, "fork"):
        return None
    runtime = MicroRuntime(model)
    tensors = [np.zeros(kind.shape, kind.dtype) for kind in runtime.inputs]
    expected = runtime.run(tensors)
    recorded = runtime.allocated_bytes() or 0

    def is_enough(size: int) -> bool:
        found = runtime.in_arena(size).run(tensors)
        return all(np.array_equal(*each, equal_nan=True) for each in zip(found, expected, strict=True))

    sizes = (aligned(recorded + more * MORE) for more in range(MOST_GROWTH))
    enough = next((size for size in sizes if _succeeds(is_enough, size)), None)
    too_little = 0
    while enough is not None and enough - too_little > ALIGNMENT:
        middle = aligned((enough + too_little) // 2)
        if middle == enough:
            break
        if _succeeds(is_enough, middle):
            enough = middle
        else:
            too_little = middle
    return enough


def _succeeds(test: Callable[[int], bool], size: int) -> bool:
    """Whether a test says yes, in a process that it may take with it, and that says nothing."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    try:
        import resource

        signal.alarm(MOST_S)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it may crash, and nobody wants to see where
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(0 if test(size) else 1)
    finally:
        os._exit(1)  # an error of the runtime is a no


def recorded_arena(log: str) -> int | None:
    """The arena's size that the interpreter recorded, from what it wrote.

    >>> recorded_arena("[RecordingMicroAllocator] Arena allocation total 55984 bytes")
    55984
    """
    found = _RECORDED.findall(log)
    return int(found[-1]) if found else None


def aligned(size: int) -> int:
    """The next multiple of 16.

    >>> aligned(16), aligned(17)
    (16, 32)
    """
    return -(-size // ALIGNMENT) * ALIGNMENT


def _num_bytes(details: Mapping[str, Any]) -> int:
    return int(np.prod(details["shape"], dtype="int64")) * int(np.dtype(details["dtype"]).itemsize)
