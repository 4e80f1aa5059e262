"""A .tflite file, loaded: by the interpreter with one of three kernel sets, or by CompiledModel for CPU or GPU.

Inputs and outputs go by the names of the file's signature; a file without one has the names of its tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from ..measuring.tensors import TensorType, named_tensors, quantize

KERNELS = {
    "xnnpack": OpResolverType.BUILTIN,
    "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "reference": OpResolverType.BUILTIN_REF,
}


# What CompiledModel's Python moves under its own name (ai_edge_litert 2.3.0); of other types it moves the bytes.
MOVED = ("float32", "int8", "int32")


class Runtime(Protocol):
    """A loaded file: the types of its inputs and outputs, and calls with them."""

    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]

    @property
    def num_ops(self) -> int:
        """How many operations the file's main graph holds."""

    @property
    def num_delegated_ops(self) -> int | None:
        """How many of them a delegate has taken over; None where nobody says."""

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One call, as an app makes it."""

    def run_again(self) -> None:
        """The last run once more."""


class CpuRuntime:
    """The interpreter with one kernel set, for a fixed number of examples at a time.

    Args:
      model: the file, or its bytes when they are a changed copy.
      kernels: a key of `KERNELS`.
      num_threads: threads of the kernels.
      batch_size: examples in one run; None for what the file says.
      resets: whether variables are reset before each run. Defaults to False: few apps know of them.

    Raises:
      ValueError, RuntimeError: the file does not load, or its tensors cannot be resized to that batch.
    """

    def __init__(
        self,
        model: Path | bytes,
        kernels: str,
        num_threads: int = 1,
        batch_size: int | None = None,
        resets: bool = False,
    ):
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        self._interpreter = Interpreter(
            **source, num_threads=num_threads, experimental_op_resolver_type=KERNELS[kernels]
        )
        if batch_size is not None:
            for details in self._interpreter.get_input_details():
                self._interpreter.resize_tensor_input(details["index"], [batch_size, *details["shape"][1:]])
        self._interpreter.allocate_tensors()
        self._resets = resets
        inputs, outputs = named_tensors(self._interpreter)
        self.inputs = tuple(TensorType.of(details, name) for name, details in inputs.items())
        self.outputs = tuple(TensorType.of(details, name) for name, details in outputs.items())
        self._input_indices = [details["index"] for details in inputs.values()]
        self._output_indices = [details["index"] for details in outputs.values()]

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One call, as an app makes it."""
        if self._resets:
            self._interpreter.reset_all_variables()
        for index, tensor in zip(self._input_indices, tensors, strict=True):
            self._interpreter.set_tensor(index, tensor)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._output_indices]

    def run_again(self) -> None:
        """The last run once more, without moving data: what the latency of a CPU is taken of."""
        self._interpreter.invoke()

    @property
    def num_ops(self) -> int:
        """How many operations the file's main graph holds."""
        return count_ops(self._interpreter._get_ops_details())

    @property
    def num_delegated_ops(self) -> int:
        """How many of them a delegate has taken over."""
        return count_delegated(self._interpreter._get_ops_details())


class CompiledRuntime:
    """LiteRT's CompiledModel with one accelerator *alone*: with a CPU beside it, a GPU would hide what it cannot do.

    Args:
      model: the file.
      accelerator: "cpu" or "gpu".
      num_threads: of the CPU.

    Raises:
      ValueError, RuntimeError: the file does not load, or the accelerator does not take the whole of it.
    """

    def __init__(self, model: Path, accelerator: str, num_threads: int = 1):
        # The interpreter reads first: it knows scales and zero points, and says of a damaged file what is wrong with
        # it, where the accelerator would crash.
        interpreter = Interpreter(str(model), experimental_op_resolver_type=KERNELS["builtin"])
        inputs, outputs = named_tensors(interpreter)
        self.inputs = tuple(TensorType.of(details, name) for name, details in inputs.items())
        self.outputs = tuple(TensorType.of(details, name) for name, details in outputs.items())
        self.num_ops = count_ops(interpreter._get_ops_details())
        self.num_delegated_ops = self.num_ops if accelerator == "gpu" else None  # all of them, or an error

        from ai_edge_litert.compiled_model import CompiledModel  # late: it loads the GPU libraries
        from ai_edge_litert.cpu_options import CpuOptions
        from ai_edge_litert.gpu_options import GpuOptions
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import Options

        on_gpu = accelerator == "gpu"
        self._model = CompiledModel.from_file(
            str(model),
            options=Options(
                hardware_accelerators=HardwareAccelerator.GPU if on_gpu else HardwareAccelerator.CPU,
                cpu_options=CpuOptions(num_threads=num_threads),
                gpu_options=GpuOptions(enforce_f32=True) if on_gpu else None,
            ),
        )
        self._input_buffers = self._model.create_input_buffers(0)
        self._output_buffers = self._model.create_output_buffers(0)
        # Buffers go by the accelerator's own order of the signature's names.
        signature = next(iter(self._model.get_signature_list().values()))
        self._inputs_of = [_position(signature["inputs"], self.inputs, each) for each in range(len(self.inputs))]
        self._outputs_of = [_position(signature["outputs"], self.outputs, each) for each in range(len(self.outputs))]
        self._last: Sequence[np.ndarray] | None = None

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Write, run, read: the GPU works on its own, and only reading waits for it."""
        self._last = tensors
        for place, tensor in zip(self._inputs_of, tensors, strict=True):
            self._input_buffers[place].write(tensor if tensor.dtype in MOVED else tensor.reshape(-1).view("int8"))
        self._model.run_by_index(0, self._input_buffers, self._output_buffers)
        return [self._read(place, kind) for place, kind in zip(self._outputs_of, self.outputs, strict=True)]

    def _read(self, place: int, kind: TensorType) -> np.ndarray:
        size, moved = int(np.prod(kind.shape)), kind.dtype in MOVED
        count = size if moved else size * kind.dtype.itemsize
        values = self._output_buffers[place].read(count, kind.dtype.type if moved else np.int8)
        return np.asarray(values).view(kind.dtype).reshape(kind.shape)

    def run_again(self) -> None:
        """The last run once more, writing and reading included."""
        if self._last is not None:
            self.run(self._last)


class FromZero:
    """A file whose states are inputs and outputs, each call the beginning of a sequence: what else goes in and out.

    Args:
      runtime: the file.
      states: names of the states' inputs and outputs, in pairs.
    """

    def __init__(self, runtime: Runtime, states: Sequence[tuple[str, str]]):
        self._runtime, given, made = runtime, dict(states), {made for _, made in states}
        self._given = [kind if kind.name in given else None for kind in runtime.inputs]
        self._wanted = [kind.name not in made for kind in runtime.outputs]
        self.inputs = tuple(kind for kind in runtime.inputs if kind.name not in given)
        self.outputs = tuple(kind for kind, wanted in zip(runtime.outputs, self._wanted, strict=True) if wanted)
        self.num_ops, self.num_delegated_ops = runtime.num_ops, runtime.num_delegated_ops

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One call with states of zero."""
        rest, batch = iter(tensors), len(tensors[0])
        whole = [
            next(rest) if kind is None else quantize(np.zeros((batch, *kind.shape[1:]), "float32"), kind)
            for kind in self._given
        ]
        found = self._runtime.run(whole)
        return [values for values, wanted in zip(found, self._wanted, strict=True) if wanted]

    def run_again(self) -> None:
        """The last run once more."""
        self._runtime.run_again()


def _position(names: Sequence[str], kinds: Sequence[TensorType], number: int) -> int:
    name = kinds[number].name
    return list(names).index(name) if name in names else number


def count_ops(ops: list[Mapping[str, Any]]) -> int:
    """How many operations a file holds, from the interpreter's list, without the DELEGATEs that stand for several."""
    return sum(op["op_name"] != "DELEGATE" for op in ops)


def count_delegated(ops: list[Mapping[str, Any]]) -> int:
    """How many operations the delegates took, from the interpreter's list of operations.

    The list keeps the operations that were replaced and adds one DELEGATE for each part of the graph. What lies
    between a DELEGATE's outputs and its inputs is what it replaced.

    >>> conv = {"op_name": "CONV_2D", "inputs": [0], "outputs": [1]}
    >>> gather = {"op_name": "GATHER", "inputs": [1], "outputs": [2]}
    >>> count_delegated([conv, gather, {"op_name": "DELEGATE", "inputs": [0], "outputs": [1]}])
    1
    """
    originals = [op for op in ops if op["op_name"] != "DELEGATE"]
    maker = {int(tensor): number for number, op in enumerate(originals) for tensor in op["outputs"]}
    taken: set[int] = set()
    for delegate in (op for op in ops if op["op_name"] == "DELEGATE"):
        given = {int(tensor) for tensor in delegate["inputs"]}
        waiting = [int(tensor) for tensor in delegate["outputs"]]
        while waiting:
            tensor = waiting.pop()
            number = maker.get(tensor)
            if tensor not in given and number is not None and number not in taken:
                taken.add(number)
                waiting += [int(source) for source in originals[number]["inputs"]]
    return len(taken)
