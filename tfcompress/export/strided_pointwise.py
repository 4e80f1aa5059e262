"""Strided 1x1 convolutions with integer weights, written so that the GPU delegate computes them.

LiteRT's GPU delegate (ai-edge-litert 2.3.0) takes such a convolution as if its stride were 1, and is wrong
without a word: float weights, 3x3 kernels and depthwise convolutions are right. A 1x1 convolution with a stride sees
every second pixel alone, so that to pick these first, by a 1x1 pooling, and to convolve with stride 1 is the same
arithmetic, which the delegate gets right. ResNets have such convolutions in their shortcuts.
"""

from __future__ import annotations

import copy
from typing import Any


def with_strides_before(content: bytes) -> bytes:
    """A .tflite file in which strided 1x1 convolutions with int8 or int4 weights are a pooling and a convolution.

    Args:
      content: of the file.

    Returns:
      The content of a file with equal outputs; `content` itself when it has no such convolution.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    found = any(_is_strided_pointwise(graph, op, schema) for graph in model.subgraphs for op in graph.operators)
    if not found:
        return content
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _is_strided_pointwise(graph, operator, schema):
                operators.append(_take_strides(model, graph, operator, schema))
            operators.append(operator)
        graph.operators = operators
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _is_strided_pointwise(graph: Any, operator: Any, schema: Any) -> bool:
    options = operator.builtinOptions
    if not isinstance(options, schema.Conv2DOptionsT) or max(options.strideH, options.strideW) == 1:
        return False
    weights = graph.tensors[operator.inputs[1]]
    return weights.type in (schema.TensorType.INT8, schema.TensorType.INT4) and list(weights.shape[1:3]) == [1, 1]


def _take_strides(model: Any, graph: Any, convolution: Any, schema: Any) -> Any:
    """The pooling that picks every second pixel; `convolution` then has stride 1 and takes what it gives."""
    whole, result = (graph.tensors[index] for index in (convolution.inputs[0], convolution.outputs[0]))
    picked = copy.copy(whole)
    picked.name = whole.name + b"/picked"
    picked.shape = [whole.shape[0], *result.shape[1:3], whole.shape[3]]
    picked.shapeSignature = None
    picked.buffer = 0  # none: it is computed
    graph.tensors.append(picked)
    options = schema.Pool2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH, options.strideW = convolution.builtinOptions.strideH, convolution.builtinOptions.strideW
    options.filterHeight = options.filterWidth = 1
    pooling = schema.OperatorT()
    pooling.opcodeIndex = _code_of_pooling(model, schema)
    pooling.inputs, pooling.outputs = [convolution.inputs[0]], [len(graph.tensors) - 1]
    pooling.builtinOptionsType, pooling.builtinOptions = schema.BuiltinOptions.Pool2DOptions, options
    convolution.inputs = [len(graph.tensors) - 1, *convolution.inputs[1:]]
    convolution.builtinOptions.strideH = convolution.builtinOptions.strideW = 1
    return pooling


def _code_of_pooling(model: Any, schema: Any) -> int:
    """The index of MAX_POOL_2D among the file's operation codes, added where it has none."""
    wanted = schema.BuiltinOperator.MAX_POOL_2D
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == wanted:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted
    code.version = 2  # the first that knows int8
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
