"""Integer files whose operations read numbers in another scale, or another type, than they were written in.

TensorFlow's quantizer (2.21) gives each result the range that calibration saw of it, and of some operations forgets
that their kernels copy the integers as they are: REVERSE_V2, and SELECT in int16. Their result is then read in a scale
that it was not written in. And of an operation that it leaves in float it forgets to convert an int16 operand where the
other is a constant (PRELU), or where it is an input of the model. What is missing is put in: a QUANTIZE from one scale
to the other, or a DEQUANTIZE.

litert-quantizer leaves in float what an operation gives and nothing reads, such as the forget gate of the first step of
an LSTM; a SPLIT of integers with one part in float does not run (XNNPACK), nor does an UNPACK (any kernels). Such a
part gets the type and the scale of the others.

TensorFlow's quantizer also writes SQUARED_DIFFERENCE in int16, for which LiteRT (2.3.0) has no kernel: the file does
not run, or kills its process. A LayerNormalization has one. A difference, multiplied by itself, is the same arithmetic.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

from .dead_ranges import revive

# Operations whose kernels copy integers, by name, and which of their inputs they copy; None stands for all of them.
COPYING = {
    **dict.fromkeys(("REVERSE_V2", "TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "GATHER", "GATHER_ND"), (0,)),
    **dict.fromkeys(("TILE", "SLICE", "STRIDED_SLICE", "UNPACK", "PAD", "MIRROR_PAD", "BROADCAST_TO"), (0,)),
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "MAX_POOL_2D"), (0,)),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "RESIZE_NEAREST_NEIGHBOR", "REDUCE_MAX", "REDUCE_MIN"), (0,)),
    **dict.fromkeys(("SELECT", "SELECT_V2"), (1, 2)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM", "PACK", "CONCATENATION"), None),
    "SPLIT": (1,),
    "SPLIT_V": (0,),
}
DIVIDING = {"SPLIT": 1, "SPLIT_V": 0, "UNPACK": 0}  # where their operand is
CONVERTING = ("QUANTIZE", "DEQUANTIZE", "CAST")
INT16 = 32767
VERSIONS = {18: 4, 41: 5}  # of MUL and SUB; of QUANTIZE and DEQUANTIZE it is 2 or below
SAME = 1e-3  # two scales that are nearer than this, relatively, are one


def with_conversions(content: bytes) -> bytes:
    """A .tflite whose operations read what was written; `content` itself where all of them do."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    found = revive(model, schema, names)
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators if graph.operators is not None else ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")
            before = [
                *_rescaled(model, graph, operator, name, schema),
                *_as_float(model, graph, operator, name, schema),
                *_difference(model, graph, operator, name, schema),
            ]
            operators += [*before, operator]
            found = _unread_as_read(graph, operator, name, schema) or found or bool(before)
        graph.operators = operators
    if not found:
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _unread_as_read(graph: Any, operator: Any, name: str, schema: Any) -> bool:
    """Gives the parts of integers that nothing reads their type; says whether there were such."""
    if name not in DIVIDING:
        return False
    operand = graph.tensors[operator.inputs[DIVIDING[name]]]
    left = [index for index in operator.outputs if graph.tensors[index].type == schema.TensorType.FLOAT32]
    if not left or not _is_integer(operand, schema):
        return False
    read = {int(index) for each in graph.operators for index in each.inputs} | {int(index) for index in graph.outputs}
    for index in left:
        if int(index) not in read:
            graph.tensors[index].type, graph.tensors[index].quantization = operand.type, operand.quantization
    return True


def _rescaled(model: Any, graph: Any, operator: Any, name: str, schema: Any) -> Iterable[Any]:
    """The QUANTIZEs that an operation that copies needs before it."""
    if name not in COPYING:
        return
    result = graph.tensors[operator.outputs[0]]
    places = COPYING[name]
    for place in range(len(operator.inputs)) if places is None else places:
        operand = graph.tensors[operator.inputs[place]]
        if operand.type != result.type or not _is_integer(operand, schema) or _same_scale(operand, result):
            continue
        yield _converted(model, graph, operator, place, result, ("QUANTIZE", schema.BuiltinOperator.QUANTIZE), schema)


def _as_float(model: Any, graph: Any, operator: Any, name: str, schema: Any) -> Iterable[Any]:
    """The DEQUANTIZEs that an operation in float needs before it, where operands of it are int16 tensors."""
    float32 = schema.TensorType.FLOAT32
    operands = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]
    known = [each for each in operands if each is not None]
    results = [graph.tensors[index] for index in operator.outputs]
    if name in CONVERTING or "LSTM" in name or not any(each.type == float32 for each in (*known, *results)):
        return
    for place, operand in enumerate(operands):
        if operand is not None and operand.type == schema.TensorType.INT16 and _is_integer(operand, schema):
            like = copy.copy(operand)
            like.type, like.quantization = float32, None
            kind = ("DEQUANTIZE", schema.BuiltinOperator.DEQUANTIZE)
            yield _converted(model, graph, operator, place, like, kind, schema)


def _difference(model: Any, graph: Any, operator: Any, name: str, schema: Any) -> Iterable[Any]:
    """The SUB that comes before a SQUARED_DIFFERENCE in int16, which is then a product of what it gives with itself."""
    result = graph.tensors[operator.outputs[0]]
    if name != "SQUARED_DIFFERENCE" or result.type != schema.TensorType.INT16 or not _is_integer(result, schema):
        return
    made = copy.copy(result)
    made.name, made.buffer = result.name + b"/difference", 0
    made.quantization = copy.copy(result.quantization)
    largest = math.sqrt(float(result.quantization.scale[0]) * INT16)  # as the square of it is the result's largest
    made.quantization.scale = [largest / INT16]
    graph.tensors.append(made)
    difference = schema.OperatorT()
    difference.opcodeIndex = _code(model, schema.BuiltinOperator.SUB, schema)
    difference.inputs, difference.outputs = operator.inputs, [len(graph.tensors) - 1]
    difference.builtinOptionsType = schema.BuiltinOptions.SubOptions
    difference.builtinOptions = schema.SubOptionsT()
    difference.builtinOptions.potScaleInt16 = False
    operator.opcodeIndex = _code(model, schema.BuiltinOperator.MUL, schema)
    operator.inputs = [len(graph.tensors) - 1] * 2
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.MulOptions, schema.MulOptionsT()
    yield difference


def _converted(model: Any, graph: Any, operator: Any, place: int, like: Any, kind: tuple[str, int], schema: Any) -> Any:
    """An operation of this kind, before `operator`, which then takes what it gives: of the type and scale of `like`."""
    label, builtin = kind
    index = int(operator.inputs[place])
    operand = graph.tensors[index]
    made = copy.copy(operand)
    made.name = operand.name + f"/{label.lower()}_{len(graph.tensors)}".encode()
    made.type, made.quantization, made.buffer = like.type, copy.copy(like.quantization), 0
    graph.tensors.append(made)
    conversion = schema.OperatorT()
    conversion.opcodeIndex = _code(model, builtin, schema)
    conversion.inputs, conversion.outputs = [index], [len(graph.tensors) - 1]
    inputs = [int(each) for each in operator.inputs]
    inputs[place] = len(graph.tensors) - 1
    operator.inputs = inputs
    return conversion


def _code(model: Any, builtin: int, schema: Any) -> int:
    """The index of an operation among the file's codes, added where it has none."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = VERSIONS.get(builtin, 2)  # the first that knows int16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _is_integer(tensor: Any, schema: Any) -> bool:
    known = tensor.type in (schema.TensorType.INT8, schema.TensorType.INT16) and tensor.quantization is not None
    return known and tensor.quantization.scale is not None and len(tensor.quantization.scale) == 1


def _same_scale(one: Any, other: Any) -> bool:
    (a, b), (p, q) = zip(_quantization(one), _quantization(other), strict=True)
    return math.isclose(a, b, rel_tol=SAME) and p == q


def _quantization(tensor: Any) -> tuple[float, int]:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return 0.0, 0
    points = quantization.zeroPoint
    return float(quantization.scale[0]), int(points[0]) if points is not None and len(points) else 0
