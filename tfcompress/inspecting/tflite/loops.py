"""How often a loop of a .tflite runs, where the file says it: a counter that goes up to a constant."""

from __future__ import annotations

from typing import Any

from ...measuring.tflite import op_name


def num_trips(model: Any, graph: Any, loop: Any) -> int | None:
    """The trips of a WHILE through its body; None where they depend on more than a counter.

    Args:
      model: the whole file.
      graph: that the operation is in.
      loop: the operation.
    """
    condition = model.subgraphs[loop.builtinOptions.condSubgraphIndex]
    body = model.subgraphs[loop.builtinOptions.bodySubgraphIndex]
    if len(condition.operators) != 1 or _name(model, condition.operators[0]) != "LESS":
        return None
    counter, limit = map(int, condition.operators[0].inputs)
    place = list(condition.inputs).index(counter) if counter in condition.inputs else None
    if place is None:
        return None
    begin = _whole(model, graph, int(loop.inputs[place]))
    end, step = _whole(model, condition, limit), _step(model, body, place)
    if begin is None or end is None or not step or step < 0:
        return None
    return max(0, -((begin - end) // step))


def _step(model: Any, body: Any, place: int) -> int | None:
    """What a trip adds to the counter."""
    for operator in body.operators:
        if _name(model, operator) == "ADD" and int(body.outputs[place]) in operator.outputs:
            first, second = map(int, operator.inputs)
            other = second if first == int(body.inputs[place]) else first if second == int(body.inputs[place]) else None
            return None if other is None else _whole(model, body, other)
    return None


def _whole(model: Any, graph: Any, index: int) -> int | None:
    """The number that an int32 constant holds."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.INT32 or data is None or len(data) != 4:
        return None
    return int.from_bytes(bytes(data), "little", signed=True)


def _name(model: Any, operator: Any) -> str:
    return op_name(model.operatorCodes[operator.opcodeIndex])
