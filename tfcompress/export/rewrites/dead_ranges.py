"""Tensors that calibration saw nothing but zero in, with a range that other kernels than the built-in ones take.

TensorFlow's quantizer (2.21) gives such a tensor (behind a ReLU that is always 0) the range of 1e-6 to either side.
What is computed into it is then divided by 1e-8 and less, for which XNNPACK fails to make its operations: the file does
not run. Any scale holds zero; 2^20 times as large a one is as good. An int16 constant of zeros (the offsets of a new
LayerNormalization) has the scale 0, by which the kernels divide, and their process dies.
"""

from __future__ import annotations

import copy
from typing import Any

DEAD = 2.5e-6  # the range of a tensor that was always zero
LARGER = 2.0**20
SOME_SCALE = 2.0**-15  # of a constant of zeros
LEVELS = {"INT8": 255, "INT16": 65535}
BIAS = {
    "CONV_2D": (0, 2),
    "DEPTHWISE_CONV_2D": (0, 2),
    "FULLY_CONNECTED": (0, 2),
    "TRANSPOSE_CONV": (2, 3),
}  # input, bias


def revive(model: Any, schema: Any, names: dict[int, str]) -> bool:
    """Gives the dead tensors of a file, as objects, larger scales, and the biases beside them; says whether it has any.

    Args:
      model: is changed in place.
      schema: of the file.
      names: of operations, by their numbers.
    """
    found = False
    for graph in model.subgraphs:
        dead = {number for number, tensor in enumerate(graph.tensors) if _is_dead(model, tensor, schema)}
        for operator in graph.operators if dead and graph.operators is not None else ():
            code = model.operatorCodes[operator.opcodeIndex]
            name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")
            place, bias = BIAS.get(name, (0, 99))
            if len(operator.inputs) > bias and operator.inputs[bias] >= 0 and int(operator.inputs[place]) in dead:
                inputs = [int(each) for each in operator.inputs]
                inputs[bias] = _larger_bias(model, graph, inputs[bias])
                operator.inputs = inputs
        for number in dead:
            quantization = graph.tensors[number].quantization
            quantization.scale = [float(quantization.scale[0]) * LARGER]
        zeros = [tensor for tensor in graph.tensors if _is_all_zero(model, tensor, schema)]
        for tensor in zeros:
            tensor.quantization.scale = [SOME_SCALE]
        found = found or bool(dead) or bool(zeros)
    return found


def _is_all_zero(model: Any, tensor: Any, schema: Any) -> bool:
    """Whether it is an int16 constant of nothing but zeros, without a scale to speak of."""
    quantization = tensor.quantization
    if tensor.type != schema.TensorType.INT16 or quantization is None or quantization.scale is None:
        return False
    if len(quantization.scale) != 1 or float(quantization.scale[0]) * LEVELS["INT16"] > DEAD:
        return False
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0 and not any(data)


def _is_dead(model: Any, tensor: Any, schema: Any) -> bool:
    levels = {getattr(schema.TensorType, name): count for name, count in LEVELS.items()}.get(tensor.type)
    quantization = tensor.quantization
    if levels is None or quantization is None or quantization.scale is None or len(quantization.scale) != 1:
        return False
    computed = model.buffers[tensor.buffer].data is None or not len(model.buffers[tensor.buffer].data)
    return computed and 0 < float(quantization.scale[0]) * levels <= DEAD


def _larger_bias(model: Any, graph: Any, index: int) -> int:
    """The number of a bias of the same real numbers in the larger scale."""
    import numpy as np

    tensor = graph.tensors[index]
    data, quantization = model.buffers[tensor.buffer].data, tensor.quantization
    if data is None or quantization is None or quantization.scale is None:
        return index
    kind = "int64" if len(data) == 8 * int(np.prod(tensor.shape)) else "int32"
    values = np.frombuffer(bytes(bytearray(data)), kind)
    made, buffer = copy.copy(tensor), copy.copy(model.buffers[tensor.buffer])
    buffer.data = np.frombuffer(np.rint(values / LARGER).astype(kind).tobytes(), "uint8")
    made.quantization = copy.copy(quantization)
    made.quantization.scale = [float(each) * LARGER for each in quantization.scale]
    made.buffer = len(model.buffers)
    model.buffers.append(buffer)
    graph.tensors.append(made)
    return len(graph.tensors) - 1
