"""A .tflite file cut off after one of its operations: it gives what is made by then and still wanted."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from ..measuring.tflite import op_name, text_of

COMPARED = (schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.UINT8)


def unpacked(content: bytes) -> Any:
    """The file as the schema's ModelT, to cut from."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(content)))


def num_operations(model: Any) -> int:
    """How many operations its main graph has."""
    return len(model.subgraphs[0].operators)


def operation(model: Any, number: int) -> tuple[str, str]:
    """The name of an operation of the main graph, and of the first tensor that it gives."""
    graph = model.subgraphs[0]
    found = graph.operators[number]
    return op_name(model.operatorCodes[found.opcodeIndex]), text_of(graph.tensors[found.outputs[0]].name)


def wanted_after(model: Any, number: int) -> list[int]:
    """The tensors that the first operations, up to this one, have made, and that others or the caller take.

    Empty where one of them cannot be compared: it is of whole numbers, or of truth values.
    """
    graph = model.subgraphs[0]
    made = [int(index) for each in graph.operators[: number + 1] for index in each.outputs]
    taken = {int(index) for each in graph.operators[number + 1 :] for index in each.inputs}
    taken.update(int(index) for index in graph.outputs)
    found = [index for index in dict.fromkeys(made) if index in taken]
    return found if all(graph.tensors[index].type in COMPARED for index in found) else []


def cut_after(model: Any, number: int) -> bytes:
    """The content of a file of the first operations, up to this one, which gives what `wanted_after` names.

    Its outputs are called after their numbers: "12". Inputs that no operation takes any more are gone.
    """
    import flatbuffers

    whole = model.subgraphs[0]
    graph, changed = copy.copy(whole), copy.copy(model)
    graph.operators = whole.operators[: number + 1]
    graph.outputs = wanted_after(model, number)
    taken = {int(index) for each in graph.operators for index in each.inputs}
    graph.inputs = [int(index) for index in whole.inputs if int(index) in taken]
    changed.subgraphs = [graph, *model.subgraphs[1:]]
    changed.signatureDefs = [_signature(model, graph.inputs, graph.outputs)]
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(changed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _signature(model: Any, inputs: Collection[int], outputs: Collection[int]) -> Any:
    known = {
        int(each.tensorIndex): each.name
        for signature in model.signatureDefs or ()
        if signature.subgraphIndex == 0
        for each in signature.inputs
    }
    found = schema.SignatureDefT()
    found.signatureKey, found.subgraphIndex = b"serving_default", 0
    found.inputs = [_named(index, known.get(index) or model.subgraphs[0].tensors[index].name) for index in inputs]
    found.outputs = [_named(index, str(index).encode()) for index in outputs]
    return found


def _named(index: int, name: bytes) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry
