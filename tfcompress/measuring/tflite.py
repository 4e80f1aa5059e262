"""Reading a .tflite file as data: its operations, and the kernels as they are stored. No native code runs.

The verdict on a stage is taken here: zeros that Keras reports may be lost on the way into the file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.errors import UnreadableModel

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

Seen = TypeVar("Seen")

IDENTIFIER = b"TFL3"  # at byte 4 of every .tflite

# Input of the operation that holds its kernel.
KERNEL_INPUT = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "CONV_3D": 1,
    "EMBEDDING_LOOKUP": 1,
}


# Likewise of a table that is looked up; as an operation it may also pick from what is computed.
TABLE_INPUT = {"GATHER": 0}


class UnreadableFile(UnreadableModel):
    """A file that is no whole .tflite."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel in a file: `values` as stored (int4 as int8), of which `zero_point` stands for zero."""

    name: str
    op: str
    values: np.ndarray
    zero_point: int = 0
    channel_axis: int | None = None  # along which it was scaled; None when all of it has one scale

    @property
    def num_values(self) -> int:
        """The most distinct values among those with one scale.

        A float kernel may be multiplied channel by channel, by the BatchNormalization that was folded into it: there
        each output channel counts alone, as it does where each has a scale of its own.
        """
        import numpy as np

        axis = self.channel_axis
        parts = [self.values] if axis is None else np.moveaxis(self.values, axis, 0)
        return max((len(np.unique(part)) for part in parts), default=0)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What is in a .tflite: its operations' names in order, its kernels, its inputs and outputs by position."""

    ops: tuple[str, ...]
    kernels: tuple[Kernel, ...]
    inputs: tuple[str, ...] = ()  # of the main graph, as its signature calls them
    outputs: tuple[str, ...] = ()

    @property
    def sparsity(self) -> float:
        """Zeros of all kernels over the entries of all kernels."""
        size = sum(kernel.values.size for kernel in self.kernels)
        zeros = sum(int((kernel.values == kernel.zero_point).sum()) for kernel in self.kernels)
        return zeros / size if size else 0.0


def read(path: Path) -> Contents:
    """Reads a .tflite file: its main graph, and those that a WHILE or IF in it runs.

    Raises:
      UnreadableFile: when the file is no .tflite, or is cut off.
    """
    return look_into(path, _all_contents)


def look_into(path: Path, look: Callable[[Any], Seen]) -> Seen:
    """What `look` finds in a .tflite file, unpacked as the schema's ModelT.

    Raises:
      UnreadableFile: when the file is no .tflite, or unpacking or `look` stumbles over what it holds.
    """
    return look_at(path.read_bytes(), str(path), look)


def look_at(data: bytes, path: str, look: Callable[[Any], Seen]) -> Seen:
    """The same for a file's content, which messages call `path`."""
    from ai_edge_litert import schema_py_generated as schema

    if data[4:8] != IDENTIFIER:
        raise UnreadableFile(
            f"{path} is not a .tflite file: its identifier is {data[4:8]!r}, not {IDENTIFIER!r}. Give a file that an "
            "exporter wrote."
        )
    try:
        return look(schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)))
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:  # flatbuffers checks nothing
        raise UnreadableFile(
            f"{path} is not a whole .tflite file ({len(data)} bytes): {error}. Export it again."
        ) from error
    except Exception as error:
        if type(error).__module__ == "struct":
            raise UnreadableFile(f"{path} is cut off at {len(data)} bytes: {error}. Export it again.") from error
        raise


def _all_contents(model: Any) -> Contents:
    ops: list[str] = []
    kernels: list[Kernel] = []
    seen: set[int] = set()  # buffers: two signatures of a file are two graphs over the same kernels
    for graph in model.subgraphs:
        part, buffers = _contents(model, graph, frozenset(seen))
        ops += part.ops
        kernels += part.kernels
        seen |= buffers
    return Contents(tuple(ops), tuple(kernels), *positions(model))


def positions(model: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of inputs and outputs in the order of their positions: the signature's, else those of the tensors."""
    graph = model.subgraphs[0]
    signatures = [each for each in model.signatureDefs or () if each.subgraphIndex == 0]

    def names(maps: Any, indices: Any) -> tuple[str, ...]:
        known = {each.tensorIndex: text_of(each.name) for each in maps}
        return tuple(known.get(index) or text_of(graph.tensors[index].name) for index in indices)

    first = signatures[0] if signatures else None
    return names(first.inputs if first else (), graph.inputs), names(first.outputs if first else (), graph.outputs)


def _contents(model: Any, graph: Any, seen: Collection[int]) -> tuple[Contents, set[int]]:
    """What is in one graph but the kernels in buffers that were `seen`, and the buffers of its kernels."""
    names = [op_name(model.operatorCodes[op.opcodeIndex]) for op in graph.operators]
    producers = {output: (name, op) for name, op in zip(names, graph.operators, strict=True) for output in op.outputs}
    found = {}
    for name, op in zip(names, graph.operators, strict=True):
        position = KERNEL_INPUT.get(name, TABLE_INPUT.get(name))
        if position is None:
            continue
        index = stored_tensor(op.inputs[position], producers)
        tensor = graph.tensors[index]
        values = constant(model, tensor)
        is_kernel = values is not None and (name in KERNEL_INPUT or values.ndim == 2)
        if is_kernel and index not in found and tensor.buffer not in seen:
            axis = _channel_axis(tensor, name, values)
            found[index] = Kernel(text_of(tensor.name), name, values, _zero_point(tensor), axis)
    buffers = {graph.tensors[index].buffer for index in found}
    return Contents(tuple(names), tuple(found.values())), buffers


def stored_tensor(index: int, producers: Mapping[int, tuple[str, Any]]) -> int:
    """The tensor that `index` is widened from: float16 and sparse kernels are stored as one and used as another.

    `producers` has by tensor the operation that makes it, as its name and its OperatorT.
    """
    for _ in range(len(producers) + 1):
        name, op = producers.get(index, ("", None))
        if name not in ("DEQUANTIZE", "DENSIFY"):
            return index
        index = op.inputs[0]
    raise ValueError("its operations run in a circle")


@cache
def _op_names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}


def op_name(code: Any) -> str:
    """The name of an operation, from its entry in the file's operator codes."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return text_of(code.customCode) if code.customCode else _op_names()[number]


def text_of(name: bytes | str) -> str:
    """A name in the file as text."""
    return name.decode() if isinstance(name, bytes) else name


def constant(model: Any, tensor: Any) -> np.ndarray | None:
    """The constant stored for `tensor`; None when it is computed, or stored in a type that NumPy lacks."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    kinds = {
        schema.TensorType.FLOAT32: np.float32,
        schema.TensorType.FLOAT16: np.float16,
        schema.TensorType.INT8: np.int8,
        schema.TensorType.UINT8: np.uint8,
        schema.TensorType.INT16: np.int16,
    }
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.sparsity is not None:
        return None
    if tensor.type == schema.TensorType.INT4:
        return _unpacked_int4(np.asarray(data, np.uint8).view(np.int8), math.prod(map(int, tensor.shape))).reshape(
            tensor.shape
        )
    if tensor.type not in kinds:
        return None
    return np.asarray(data, np.uint8).view(kinds[tensor.type]).reshape(tensor.shape)


def _unpacked_int4(packed: np.ndarray, num_values: int) -> np.ndarray:
    """Two values a byte, the first in its lower half, each with a sign: shape (bytes,) -> (num_values,), as int8."""
    import numpy as np

    return np.stack([(packed << 4) >> 4, packed >> 4], axis=-1).reshape(-1)[:num_values]


def _zero_point(tensor: Any) -> int:
    points = tensor.quantization.zeroPoint if tensor.quantization is not None else None
    return 0 if points is None or not len(points) else int(points[0])


def _channel_axis(tensor: Any, op: str, values: np.ndarray) -> int | None:
    scales = tensor.quantization.scale if tensor.quantization is not None else None
    if scales is not None and len(scales) > 1:
        return int(tensor.quantization.quantizedDimension)
    if values.dtype.kind == "f":
        return values.ndim - 1 if op == "DEPTHWISE_CONV_2D" else 0
    return None


def zipped_bytes(data: bytes) -> int:
    """Size after DEFLATE at its best level, as an app store or a firmware image compresses it."""
    return len(zlib.compress(data, 9))


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
