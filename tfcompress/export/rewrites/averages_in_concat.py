"""Averages of a quantization-aware model that are joined with something else.

TFLite's AVERAGE_POOL_2D gives its result the scale of its input. Where the average was trained with a range of its own,
TensorFlow's converter (2.21) puts a QUANTIZE behind it; not where a concatenation wants the range of the whole: it then
ends with "quantization parameters violate the same scale constraint", as of every DenseNet. An average's own range buys
nothing: the values are in steps of the input's scale already. So it is left out, and the concatenation gives one.
"""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import tf
from .graph import by_name, source

RANGE = "FakeQuantWithMinMaxVars"


def averages_in_concat(graph: Any) -> bool:
    """Takes the ranges away from such averages of a GraphDef; says whether there were any."""
    nodes = by_name(graph)
    joined = {source(name) for node in graph.node if node.op == "ConcatV2" for name in node.input}
    found = False
    for node in graph.node:
        if node.op == RANGE and node.name in joined and nodes[source(node.input[0])].op == "AvgPool":
            del node.input[1:]
            node.attr.clear()
            node.op, node.attr["T"].type = "Identity", tf.float32.as_datatype_enum
            found = True
    return found
