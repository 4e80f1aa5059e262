"""Two .tflite files as one: what the first gives goes into the second, through a QUANTIZE where that takes int8."""

from __future__ import annotations

from typing import Any

from ...core.errors import ConversionFailed
from ...measuring.tflite import IDENTIFIER


def joined(front: bytes, body: bytes) -> bytes:
    """A file that computes `body` of `front`: its input is that of `front`, its outputs are those of `body`.

    All of both is taken over as it is: the operations of `body`, its weights and scales, are the same bytes.

    Args:
      front: a .tflite of one graph with one input and one output, which is float32.
      body: a .tflite with one input of that shape, float32 or int8; it may have loops, which are graphs of their own.

    Raises:
      ConversionFailed: for files of another kind.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    first, model = (schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(part))) for part in (front, body))
    _require(first, model, schema)
    before, graph = first.subgraphs[0], model.subgraphs[0]
    old_input, made = graph.inputs[0], before.outputs[0]
    num_tensors, num_buffers, num_codes = len(graph.tensors), len(model.buffers), len(model.operatorCodes)
    model.buffers += first.buffers
    model.operatorCodes += first.operatorCodes
    for tensor in before.tensors:
        tensor.buffer += num_buffers
    graph.tensors += before.tensors
    for operator in before.operators:
        operator.opcodeIndex += num_codes
        operator.inputs = [index + num_tensors if index >= 0 else index for index in operator.inputs]
        operator.outputs = [index + num_tensors for index in operator.outputs]
    between = []
    if graph.tensors[old_input].type == schema.TensorType.FLOAT32:
        for operator in before.operators:  # what `front` gives is the very tensor that `body` takes
            operator.outputs = [old_input if index == made + num_tensors else index for index in operator.outputs]
            operator.inputs = [old_input if index == made + num_tensors else index for index in operator.inputs]
    else:
        between = [_quantize(model, made + num_tensors, old_input, schema)]
    graph.operators = [*before.operators, *between, *graph.operators]
    graph.inputs = [before.inputs[0] + num_tensors]
    for signature in model.signatureDefs or ():
        entry = signature.inputs[0]
        entry.tensorIndex = graph.inputs[0]
        entry.name = first.signatureDefs[0].inputs[0].name if first.signatureDefs else entry.name
    builder = flatbuffers.Builder(len(front) + len(body))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _require(first: Any, model: Any, schema: Any) -> None:
    graphs = [part.subgraphs[0] for part in (first, model)]
    single = len(first.subgraphs) == 1 and len(graphs[0].outputs) == 1  # what `front` adds stands in one graph
    single = single and all(len(graph.inputs) == 1 for graph in graphs)
    if not single:
        raise ConversionFailed(
            "joined takes a file of one graph, and files of one input. Received: others. Export them one by one."
        )
    given, taken = graphs[0].tensors[graphs[0].outputs[0]], graphs[1].tensors[graphs[1].inputs[0]]
    kinds = (schema.TensorType.FLOAT32, schema.TensorType.INT8)
    if given.type != kinds[0] or taken.type not in kinds or list(given.shape) != list(taken.shape):
        raise ConversionFailed(
            f"joined takes a file that gives float32 of the shape that the other takes. Received: {list(given.shape)} "
            f"and {list(taken.shape)}. Make both of the same features."
        )


def _quantize(model: Any, given: int, taken: int, schema: Any) -> Any:
    """The operation that rounds tensor `given` to the scale of `taken`."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [given], [taken]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator
