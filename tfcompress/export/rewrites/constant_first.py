"""`constant - transposed` and `constant / transposed`, with the constant second.

TensorFlow's converter (2.21) moves a transpose behind the operations that use it, and takes every operation of two
operands for one in which they commute: with the constant first, SUB and DIV come out as `transposed - constant`. Such
passes have lost transposes before: https://github.com/tensorflow/tensorflow/issues/48206. `c - y = -1 y + c` and
`c / y = y^-1 c` begin with the transposed operand and end in an operation that does commute.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...backend.tensorflow import tf
from .graph import ALONE, by_name, constant_node, source

SWAPPED = {"Sub": ("Mul", "AddV2"), "RealDiv": ("Pow", "Mul"), "Div": ("Pow", "Mul")}
CONSTANTS = ("Const", "ReadVariableOp", "Placeholder")  # of placeholders those that stand for something captured
PASSED = (*ALONE, "Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum", "BiasAdd")  # by a transpose
MOVED = ("Transpose", "ConjugateTranspose", "Einsum")  # the converter makes transposes of the last


def constants_second(graph: Any, inputs: frozenset[str] = frozenset()) -> bool:
    """Rewrites them in a GraphDef; says whether there were any.

    Args:
      graph: is changed in place.
      inputs: the names of placeholders that are inputs.
    """
    nodes, found = by_name(graph), False
    for node in list(graph.node):
        if node.op not in SWAPPED or not tf.as_dtype(node.attr["T"].type).is_floating:
            continue
        first, second = node.input[:2]
        if _is_constant(nodes, first, inputs) and _is_transposed(nodes, second):
            dtype = tf.as_dtype(node.attr["T"].type)
            helper, operation = SWAPPED[node.op]
            minus_one = constant_node(graph, f"{node.name}/minus_one", -1, dtype)
            turned = graph.node.add(name=f"{node.name}/turned", op=helper, input=[second, minus_one])
            turned.attr["T"].type = dtype.as_datatype_enum
            node.op = operation
            node.input[:2] = [turned.name, first]
            found = True
    return found


def _is_constant(nodes: Mapping[str, Any], name: str, inputs: frozenset[str]) -> bool:
    node = nodes[source(name)]
    while node.op in ALONE:
        node = nodes[source(node.input[0])]
    return node.op in CONSTANTS and node.name not in inputs


def _is_transposed(nodes: Mapping[str, Any], name: str) -> bool:
    waiting, seen = [name], set[str]()
    while waiting:
        node = nodes[source(waiting.pop())]
        if node.op in MOVED:
            return True
        if node.op in PASSED and node.name not in seen:
            seen.add(node.name)
            waiting += [each for each in node.input if not each.startswith("^")]
    return False
