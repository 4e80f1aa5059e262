"""`maximum` and `minimum` of a tensor that something else uses too, for integer files.

TFLite's MAXIMUM and MINIMUM want both operands in the scale of the result, and TensorFlow's quantizer (2.21) gives them
that scale wherever else they are used: of `y = minimum(x, c)` every other reader of x then sees x clipped to the range
of y (a sigmoid between 0 and 0.4, an embedding above 0.1; 1.5 dB and below). `x - relu(x - c)` is the same arithmetic,
each tensor in a scale of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...backend.tensorflow import tf
from .graph import by_name, source

EXTREMES = {"Maximum": "AddV2", "Minimum": "Sub"}
WEIGHTLESS = ("Const", "ReadVariableOp")  # each reader may have these in a scale of its own


def shared_extremes(graph: Any) -> bool:
    """Rewrites them in a GraphDef; says whether there were any."""
    nodes = by_name(graph)
    readers = Counter(source(name) for node in graph.node for name in set(node.input) if not name.startswith("^"))
    found = False
    for node in list(graph.node):
        if node.op not in EXTREMES or not tf.as_dtype(node.attr["T"].type).is_floating:
            continue
        first, second = node.input[:2]
        computed = [name for name in (first, second) if nodes[source(name)].op not in WEIGHTLESS]
        if not any(readers[source(name)] > 1 for name in computed):
            continue
        # max(x, y) = x + relu(y - x); min(x, y) = x - relu(x - y)
        operands = [second, first] if node.op == "Maximum" else [first, second]
        difference = graph.node.add(name=f"{node.name}/difference", op="Sub", input=operands)
        excess = graph.node.add(name=f"{node.name}/excess", op="Relu", input=[difference.name])
        for made in (difference, excess):
            made.attr["T"].type = node.attr["T"].type
        node.op = EXTREMES[node.op]
        node.input[:2] = [first, excess.name]
        found = True
    return found
