"""The operations of a .tflite one by one: what each is, what it computes in, and the layer that it is of."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import tflite
from ..layer_map import layer_in

if TYPE_CHECKING:
    from ..tensors import TensorType

UNNAMED = "StatefulPartitionedCall"  # what the converter calls outputs, whatever layer they are of
MOST_NAMES = 3  # of layers in a message


@dataclasses.dataclass(frozen=True)
class FileOp:
    """An operation of a file: its place in its graph, and the types of what goes in and comes out, by name.

    Attributes:
      number: in its graph.
      graph: 0 is the main one; others are bodies of loops.
      op: "CONV_2D", or the name of a custom operation.
      is_custom: whether TFLite knows it only by that name.
      tensor: the first tensor that it gives, by name.
      inputs: types of the tensors that are computed, "float32", "int8" and so on; constants are in `constants`.
      constants: types of the constants.
      outputs: types of what it gives.
      most_axes: of all these tensors.
      is_dynamic: whether the shape of one is open, the batch not counted.
      has_variables: whether one keeps its numbers from call to call.
    """

    number: int
    graph: int
    op: str
    is_custom: bool
    tensor: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    most_axes: int
    is_dynamic: bool
    has_variables: bool

    @property
    def is_hybrid(self) -> bool:
        """Whether it computes in float with weights of integers."""
        return "float32" in self.inputs and bool({"int8", "int4"} & set(self.constants)) and "float32" in self.outputs

    def layer(self, layers: Collection[str]) -> str:
        """The Keras layer that it is of; where none of `layers` is in its tensor's name, that name."""
        return layer_in(self.tensor, layers) or self.tensor.partition(";")[0]


def operations_of(path: Path) -> tuple[FileOp, ...]:
    """The operations of all graphs of a .tflite, the main graph's first. Raises `UnreadableModel`."""
    return tflite.look_into(path, _operations)


def operations_in(content: bytes) -> tuple[FileOp, ...]:
    """The same of a file's content. Raises `UnreadableModel`."""
    return tflite.look_at(content, "the file", _operations)


def ends_of(path: Path) -> tuple[tuple[TensorType, ...], tuple[TensorType, ...]]:
    """The inputs and the outputs of a .tflite in the order of their positions; open lengths are 1. No native code runs.

    Raises:
      UnreadableModel: when the file is no whole .tflite.
    """
    return tflite.look_into(path, _ends)


def named(operations: Iterable[FileOp], layers: Collection[str] = ()) -> str:
    """Operations with their layers, in words, each kind once.

    >>> one = FileOp(0, 0, "TILE", False, "net/up/Tile", ("int8",), (), ("int8",), 4, False, False)
    >>> named([one, one], ["up"])
    'TILE (up)'
    """
    by_op: dict[str, dict[str, None]] = {}
    for each in operations:
        by_op.setdefault(each.op, {})[each.layer(layers)] = None
    return ", ".join(f"{op} ({_listed(list(found))})" for op, found in by_op.items())


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _operations(model: Any) -> tuple[FileOp, ...]:
    found = []
    _name_outputs(model)
    for number, graph in enumerate(model.subgraphs):
        for place, operator in enumerate(graph.operators if graph.operators is not None else ()):
            found.append(_operation(model, graph, number, place, operator))
    return tuple(found)


def _name_outputs(model: Any) -> None:
    """Gives tensors that the converter named after no layer the name of the output that they become.

    The signature has the layer's. Between an operation in float and an integer output stands a conversion.
    """
    main = model.subgraphs[0]
    makers = {int(index): each for each in main.operators for index in each.outputs}
    for output, name in zip(main.outputs, tflite.positions(model)[1], strict=True):
        index = int(output)
        for _ in range(len(makers) + 1):
            if tflite.text_of(main.tensors[index].name).startswith(UNNAMED):
                main.tensors[index].name = name.encode()
            maker = makers.get(index)
            if maker is None or tflite.op_name(model.operatorCodes[maker.opcodeIndex]) not in (
                "QUANTIZE",
                "DEQUANTIZE",
            ):
                break
            index = int(maker.inputs[0])


def _operation(model: Any, graph: Any, number: int, place: int, operator: Any) -> FileOp:
    code = model.operatorCodes[operator.opcodeIndex]
    given = [graph.tensors[index] for index in operator.inputs if index >= 0]
    made = [graph.tensors[index] for index in operator.outputs]
    constants = [each for each in given if _is_constant(model, each)]
    computed = [each for each in given if not _is_constant(model, each) and not each.isVariable]
    tensors = [*given, *made]
    return FileOp(
        number=place,
        graph=number,
        op=tflite.op_name(code),
        is_custom=bool(code.customCode),
        tensor=tflite.text_of(made[0].name) if made else "",
        inputs=tuple(_type(each) for each in computed),
        constants=tuple(_type(each) for each in constants),
        outputs=tuple(_type(each) for each in made),
        most_axes=max((len(each.shape) for each in tensors if each.shape is not None), default=0),
        is_dynamic=any(_is_open(each) for each in tensors),
        has_variables=any(each.isVariable for each in tensors),
    )


def _ends(model: Any) -> tuple[tuple[TensorType, ...], tuple[TensorType, ...]]:
    import numpy as np

    from ..tensors import TensorType

    graph, names = model.subgraphs[0], tflite.positions(model)

    def kind(index: int, name: str) -> TensorType:
        tensor = graph.tensors[index]
        dtype = {"string": "object"}.get(_type(tensor), _type(tensor))
        shape = tuple(int(size) for size in tensor.shape) if tensor.shape is not None else ()
        scale, zero_point = 0.0, 0
        if tensor.quantization is not None and tensor.quantization.scale is not None and len(tensor.quantization.scale):
            scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
        return TensorType(np.dtype(dtype), shape, scale, zero_point, name)

    inputs, outputs = (
        tuple(kind(index, name) for index, name in zip(indices, known, strict=True))
        for indices, known in zip((graph.inputs, graph.outputs), names, strict=True)
    )
    return inputs, outputs


def _is_constant(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _is_open(tensor: Any) -> bool:
    signature = tensor.shapeSignature
    # An open batch is 1, as `shape` says, for whoever does not resize it.
    return signature is not None and any(int(size) < 0 for size in signature[1:])


def _type(tensor: Any) -> str:
    return _type_names().get(tensor.type, str(tensor.type)).lower()


@cache
def _type_names() -> Mapping[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {value: name for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
