"""The cell state of an integer LSTM with a scale of at least 2^-15.

TensorFlow's quantizer takes the next power of two for the scale of a cell's int16 state: 2^-16 or less where the states
stay below one half. LiteRT's kernel (2.3.0, kernels/lstm_eval.cc) calls ApplyTanh with 15 + log2(scale) integer bits,
which does nothing below 0: the file gives garbage without a word (-9 dB). The state's scale may be any larger one: the
kernel derives all others from it when the file is loaded.
"""

from __future__ import annotations

import math
from typing import Any

LEAST_SCALE = 2.0**-15
CELL_STATE = 19  # input of UNIDIRECTIONAL_SEQUENCE_LSTM


def with_cell_scales(content: bytes) -> bytes:
    """A .tflite file whose LSTMs have cell states of scale 2^-15 or more; `content` itself where they have already."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    wanted = schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    whole = schema.Model.GetRootAs(bytearray(content))
    codes = (whole.OperatorCodes(number) for number in range(whole.OperatorCodesLength()))
    if not any(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == wanted for code in codes):
        return content
    model = schema.ModelT.InitFromObj(whole)
    found = False
    for graph in model.subgraphs:
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex].builtinCode == wanted:
                state = graph.tensors[operator.inputs[CELL_STATE]]
                found = _raise(state, schema) or found
    if not found:
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _raise(state: Any, schema: Any) -> bool:
    quantization = state.quantization
    if state.type != schema.TensorType.INT16 or quantization is None or quantization.scale is None:
        return False
    scale = float(quantization.scale[0])
    if not 0 < scale < LEAST_SCALE or not math.log2(scale).is_integer():
        return False
    quantization.scale = [LEAST_SCALE]
    return True
