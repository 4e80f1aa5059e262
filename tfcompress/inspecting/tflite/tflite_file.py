"""The operations, tensors and metadata of a .tflite file, as values. Runs in a child process; see reading.py."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...measuring.tflite import KERNEL_INPUT, constant, look_into, op_name, stored_tensor, zipped_bytes
from ..values import OperatorRow, TensorRow, TfliteFile
from .loops import num_trips
from .metadata import metadata, notes_of_file, printable, signature
from .operation import KERNELS, arithmetic, float_operations, integer_share, num_macs

if TYPE_CHECKING:
    import numpy as np

# The share of zeros over all kernels needs both, so they go together: zeros, entries, distinct values.
Zeros = tuple[int, int, int]


def look_at(path: Path) -> TfliteFile:
    """Reads all of a .tflite file. Raises `UnreadableFile`."""
    return look_into(path, lambda model: _file(path, model))


def _file(path: Path, model: Any) -> TfliteFile:
    data = path.read_bytes()
    tensors = [_tensor(model, number, index) for number, graph in _graphs(model) for index in range(_length(graph))]
    zeros: dict[tuple[int, int], Zeros] = {}
    loops: dict[int, int | None] = {}
    operators = [row for number, _ in _graphs(model) for row in _Graph(model, number, zeros, loops).rows()]
    main = model.subgraphs[0]
    ends = (*_indices(main.inputs), *_indices(main.outputs))
    if any(not 0 <= index < _length(main) for index in ends):
        raise ValueError("its inputs and outputs are tensors that it does not hold")
    return TfliteFile(
        file=str(path),
        raw_bytes=len(data),
        zipped_bytes=zipped_bytes(data),
        sha256=hashlib.sha256(data).hexdigest(),
        version=int(model.version),
        description=printable(model.description),
        metadata=tuple(metadata(model, entry) for entry in model.metadata or ()),
        signatures=tuple(signature(entry) for entry in model.signatureDefs or ()),
        inputs=_indices(main.inputs),
        outputs=_indices(main.outputs),
        operators=tuple(operators),
        tensors=tuple(tensors),
        totals=_totals(model, operators, zeros),
        notes=notes_of_file(model, data),
    )


def _totals(model: Any, operators: Sequence[OperatorRow], zeros: Mapping[tuple[int, int], Zeros]) -> dict[str, Any]:
    main = [row for row in operators if row.graph == 0]
    size = sum(entries for _, entries, _ in zeros.values())
    return {
        "num_operators": len(main),
        "num_graphs": len(model.subgraphs),
        "num_macs": sum(row.num_macs or 0 for row in main),
        "uncounted_operators": sorted({row.op for row in main if row.num_macs is None}),
        "constant_bytes": sum(_length_of(buffer.data) for buffer in model.buffers),
        "num_weights": size,
        "sparsity": sum(count for count, _, _ in zeros.values()) / size if size else None,
        "int8_share": integer_share([row.arithmetic for row in operators]),
        "float_operators": dict(float_operations([(row.op, row.arithmetic) for row in operators])),
    }


@dataclasses.dataclass(frozen=True)
class _Graph:
    """One graph of a file: its operations by name, the zeros of the kernels seen so far in any graph, and the MACs of
    the graphs that loops run, by number."""

    model: Any
    number: int
    zeros: dict[tuple[int, int], Zeros]
    loops: dict[int, int | None]

    @property
    def graph(self) -> Any:
        return self.model.subgraphs[self.number]

    @cached_property
    def named(self) -> list[tuple[str, Any]]:
        return [(op_name(self.model.operatorCodes[op.opcodeIndex]), op) for op in _list(self.graph.operators)]

    @cached_property
    def producers(self) -> dict[int, tuple[str, Any]]:
        return {int(output): (name, op) for name, op in self.named for output in _list(op.outputs)}

    def rows(self) -> list[OperatorRow]:
        return [self._row(index, name, op) for index, (name, op) in enumerate(self.named)]

    def _row(self, index: int, name: str, op: Any) -> OperatorRow:
        inputs, outputs = _indices(op.inputs), _indices(op.outputs)
        self._require_tensors(index, name, inputs, outputs)
        weights = self._weights(name, inputs)
        found = self._zeros_of_all(weights)
        computed = [i for i in inputs if i >= 0 and self._data(i) is None]
        options = op.builtinOptions
        return OperatorRow(
            index=index,
            op=printable(name),
            version=int(self.model.operatorCodes[op.opcodeIndex].version),
            inputs=inputs,
            outputs=outputs,
            arithmetic=arithmetic(
                name,
                [self._dtype(i) for i in computed],
                [self._dtype(i) for i in outputs],
                self._dtype(weights[0]) if weights else None,
            ),
            num_macs=self._macs_of_loop(op)
            if name == "WHILE"
            else num_macs(
                name,
                [self._shape(i) if i >= 0 else None for i in inputs],
                [self._shape(i) for i in outputs],
                (bool(getattr(options, "adjX", False)), bool(getattr(options, "adjY", False))),
            ),
            constant_bytes=sum(_length_of(self._data(i)) for i in dict.fromkeys(inputs) if i >= 0),
            weights=weights[0] if weights else None,
            sparsity=found[0] / found[1] if found else None,
            distinct_values=found[2] if found else None,
            graph=self.number,
        )

    def _require_tensors(self, index: int, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Holds an operation to tensors that exist: Python would count a negative number from the end."""
        num_tensors = _length(self.graph)
        if any(not -1 <= i < num_tensors for i in inputs) or any(not 0 <= i < num_tensors for i in outputs):
            raise ValueError(f"operation {index} ({name}) refers to tensors that it does not hold")

    def _macs_of_loop(self, op: Any) -> int | None:
        """Of all its trips; None where they, or the MACs of one, are not known."""
        trips, body = num_trips(self.model, self.graph, op), int(op.builtinOptions.bodySubgraphIndex)
        if body not in self.loops:
            self.loops[body] = None  # while it is counted: a damaged file may have a loop that runs itself
            counts = [row.num_macs for row in _Graph(self.model, body, self.zeros, self.loops).rows()]
            known = [count for count in counts if count is not None]
            self.loops[body] = sum(known) if len(known) == len(counts) else None
        of_one = self.loops[body]
        return None if trips is None or of_one is None else trips * of_one

    def _weights(self, name: str, inputs: Sequence[int]) -> list[int]:
        """The tensors that hold the operation's kernels."""
        places = KERNELS.get(name) or ([KERNEL_INPUT[name]] if name in KERNEL_INPUT else [])
        found = [int(stored_tensor(inputs[place], self.producers)) for place in places]
        return [index for index in found if index >= 0]

    def _zeros_of_all(self, weights: Sequence[int]) -> Zeros | None:
        """Of an operation's kernels together; of their distinct values the most, as each has a grid of its own."""
        found = [each for each in map(self._zeros, weights) if each is not None]
        return (sum(z for z, _, _ in found), sum(n for _, n, _ in found), max(d for *_, d in found)) if found else None

    def _zeros(self, weights: int) -> Zeros | None:
        key = (self.number, weights)
        if key not in self.zeros:
            values = constant(self.model, self.graph.tensors[weights])
            if values is None or not values.size:
                return None
            self.zeros[key] = _count_zeros(values, self.graph.tensors[weights])
        return self.zeros[key]

    def _data(self, index: int) -> Any:
        return self.model.buffers[self.graph.tensors[index].buffer].data

    def _dtype(self, index: int) -> str:
        return _dtype(self.graph.tensors[index])

    def _shape(self, index: int) -> tuple[int, ...]:
        return _shape(self.graph.tensors[index])


def _count_zeros(values: np.ndarray, tensor: Any) -> Zeros:
    """Entries that stand for zero, all entries, and distinct values; a channel's zero point is its own."""
    import numpy as np

    points = tensor.quantization.zeroPoint if tensor.quantization is not None else None
    if points is None or not len(points):
        centred = values
    elif len(points) == 1:
        centred = values.astype("int32") - int(points[0])
    else:
        shape = [1] * values.ndim
        shape[tensor.quantization.quantizedDimension] = len(points)
        centred = values.astype("int32") - np.asarray(points, "int32").reshape(shape)
    return int((centred == 0).sum()), int(centred.size), len(np.unique(values))


def _tensor(model: Any, number: int, index: int) -> TensorRow:
    import numpy as np

    tensor = model.subgraphs[number].tensors[index]
    quantization = tensor.quantization
    scales = [] if quantization is None or quantization.scale is None else list(map(float, quantization.scale))
    points = [] if quantization is None or quantization.zeroPoint is None else list(map(int, quantization.zeroPoint))
    return TensorRow(
        index=index,
        name=printable(tensor.name),
        dtype=_dtype(tensor).lower(),
        shape=_shape(tensor),
        constant_bytes=_length_of(model.buffers[tensor.buffer].data),
        scheme="" if not scales else "per-tensor" if len(scales) == 1 else "per-channel",
        num_scales=len(scales),
        scale=tuple(dict.fromkeys((float(np.min(scales)), float(np.max(scales))))) if scales else (),
        zero_point=tuple(dict.fromkeys((min(points), max(points)))) if scales and points else (),
        quantized_dimension=int(quantization.quantizedDimension) if len(scales) > 1 else None,
        is_sparse=tensor.sparsity is not None,
        graph=number,
    )


def _graphs(model: Any) -> list[tuple[int, Any]]:
    return list(enumerate(model.subgraphs))


def _length(graph: Any) -> int:
    return len(_list(graph.tensors))


def _list(items: Any) -> Any:
    return () if items is None else items


def _length_of(data: Any) -> int:
    return 0 if data is None else len(data)


def _indices(values: Any) -> tuple[int, ...]:
    return tuple(map(int, _list(values)))


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(map(int, _list(tensor.shape)))
    if any(size < 0 for size in shape) or math.prod(shape) >= 1 << 62:
        raise ValueError(f"a tensor has the shape {shape}")
    return shape


@cache
def _dtype_names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}


def _dtype(tensor: Any) -> str:
    return _dtype_names()[tensor.type]
