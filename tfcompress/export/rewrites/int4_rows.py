"""Tables of embeddings in four bits, a scale for each row, in an int8 file.

TensorFlow's converter looks words up by GATHER, which copies rows as they are: all have one scale, and eight bits.
EMBEDDING_LOOKUP takes rows of four bits, each with a scale of its own, and gives float32 (LiteRT 2.3.0, all kernels of
the CPU; rows of an odd number of entries it reads wrongly). A row is max |w| / 7 a step, symmetric:

    words (1, L) - RESHAPE (L) - EMBEDDING_LOOKUP (L, E), float32 - QUANTIZE, to the scale of before - RESHAPE (1, L, E)
"""

from __future__ import annotations

from typing import Any

from ...core.errors import NothingHappened
from ...measuring.tflite import IDENTIFIER, op_name

LEVELS = 7  # the largest entry of a row
LOOKUP_VERSION = 4  # of EMBEDDING_LOOKUP, with four bits


def with_int4_rows(content: bytes) -> bytes:
    """The same file with each table of embeddings in four bits.

    Raises:
      NothingHappened: when it has no table that can be: of even rows, that one GATHER looks up, and nothing else reads.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    found = 0
    for graph in model.subgraphs:
        operators: list[Any] = []
        for operator in graph.operators if graph.operators is not None else ():
            is_table = op_name(model.operatorCodes[operator.opcodeIndex]) == "GATHER"
            is_table = is_table and _can_be(model, graph, operator, schema)
            operators += _lookup(model, graph, operator, schema) if is_table else [operator]
            found += is_table
        graph.operators = operators
    if not found:
        raise NothingHappened(
            "embedding_bits=4 expects a table of embeddings, of an even number of entries a word, looked up once. "
            "Received: a model without one. Use embedding_bits=8."
        )
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _can_be(model: Any, graph: Any, operator: Any, schema: Any) -> bool:
    """Whether a GATHER looks rows of a constant up, all of one table that is its own, by int32."""
    table, words = (graph.tensors[index] for index in operator.inputs)
    options = operator.builtinOptions
    data = model.buffers[table.buffer].data
    readers = [op for op in graph.operators for index in op.inputs if index == operator.inputs[0]]
    sharers = [each for part in model.subgraphs for each in part.tensors if each.buffer == table.buffer]
    rows = len(table.shape) == 2 and table.shape[1] % 2 == 0
    plain = options is None or (options.axis == 0 and options.batchDims == 0)
    kinds = (schema.TensorType.INT8, schema.TensorType.FLOAT32)
    known = table.type in kinds and words.type == schema.TensorType.INT32 and all(size > 0 for size in words.shape)
    return data is not None and len(readers) == len(sharers) == 1 and rows and plain and known


def _lookup(model: Any, graph: Any, operator: Any, schema: Any) -> list[Any]:
    """The operations that take the place of a GATHER, whose table becomes one of four bits."""
    import numpy as np

    table, words = (graph.tensors[index] for index in operator.inputs)
    result = graph.tensors[operator.outputs[0]]
    _halve(model, table, schema)
    count = int(np.prod(words.shape))
    flat = _tensor(graph, words.name, (count,), words.type, schema)
    rows = _tensor(graph, result.name, (count, int(table.shape[1])), schema.TensorType.FLOAT32, schema)
    ops, kinds = [_reshape(model, graph, operator.inputs[1], flat, (count,), schema)], schema.BuiltinOperator
    ops.append(_operator(model, kinds.EMBEDDING_LOOKUP, [flat, operator.inputs[0]], rows, schema, LOOKUP_VERSION))
    if result.type != schema.TensorType.FLOAT32:
        rounded = _tensor(graph, result.name, graph.tensors[rows].shape, result.type, schema)
        graph.tensors[rounded].quantization = result.quantization
        ops.append(_operator(model, kinds.QUANTIZE, [rows], rounded, schema))
        ops[-1].builtinOptionsType, ops[-1].builtinOptions = (
            schema.BuiltinOptions.QuantizeOptions,
            schema.QuantizeOptionsT(),
        )
        rows = rounded
    return [*ops, _reshape(model, graph, rows, operator.outputs[0], tuple(result.shape), schema)]


def _halve(model: Any, table: Any, schema: Any) -> None:
    """Rounds a table to four bits, two entries a byte, the first in the lower half."""
    import numpy as np

    is_float = table.type == schema.TensorType.FLOAT32
    raw = np.asarray(model.buffers[table.buffer].data, "uint8").tobytes()
    values = np.frombuffer(raw, "<f4" if is_float else "i1").astype("float32").reshape(table.shape)
    if not is_float:
        # A table that is copied by GATHER has one scale; its step counts before it is rounded anew.
        values = (values - int(table.quantization.zeroPoint[0])) * float(table.quantization.scale[0])
    scales = np.abs(values).max(axis=1) / LEVELS
    scales[scales == 0] = 1.0  # padding may be a row of zeros
    entries = np.clip(np.round(values / scales[:, None]), -LEVELS, LEVELS).astype("int8").reshape(-1)
    model.buffers[table.buffer].data = (((entries[1::2] & 15) << 4) | (entries[::2] & 15)).astype("uint8")
    table.type, table.quantization = schema.TensorType.INT4, schema.QuantizationParametersT()
    table.quantization.scale, table.quantization.zeroPoint = scales.tolist(), [0] * len(scales)
    table.quantization.quantizedDimension = 0


def _tensor(graph: Any, name: Any, shape: Any, kind: int, schema: Any) -> int:
    """A new tensor of a graph: its number."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model: Any, kind: int, inputs: list[int], output: int, schema: Any, version: int = 1) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = version
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, [output]
    return operator


def _reshape(model: Any, graph: Any, given: int, made: int, shape: tuple[int, ...], schema: Any) -> Any:
    import numpy as np

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.asarray(shape, "<i4").tobytes(), "uint8")
    model.buffers.append(buffer)
    wanted = _tensor(graph, b"shape", (len(shape),), schema.TensorType.INT32, schema)
    graph.tensors[wanted].buffer = len(model.buffers) - 1
    operator = _operator(model, schema.BuiltinOperator.RESHAPE, [given, wanted], made, schema)
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = list(shape)
    return operator
