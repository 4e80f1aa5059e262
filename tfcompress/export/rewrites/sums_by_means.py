"""A sum as a mean times the count, for int16x8.

TensorFlow's quantizer (2.21) gives the result of an int16 SUM the scale of what is summed, in which it saturates: the
sum of ten numbers below 1 is never above 1. A mean stays in the range of its input, and the product has a scale of its
own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...backend.tensorflow import tf
from .graph import by_name, constant_node, source


def sums_by_means(graph: Any, shapes: Any) -> bool:
    """Rewrites them in a GraphDef; says whether there were any.

    Args:
      graph: is changed in place.
      shapes: gives the shape of a tensor of the graph by its name, None where it is not known.
    """
    nodes, found = by_name(graph), False
    for node in list(graph.node):
        if node.op != "Sum" or not tf.as_dtype(node.attr["T"].type).is_floating:
            continue
        axes, shape = nodes[source(node.input[1])], shapes(node.input[0])
        if axes.op != "Const" or shape is None:
            continue
        which = np.atleast_1d(tf.make_ndarray(axes.attr["value"].tensor))
        count = math.prod(shape[int(axis)] or 0 for axis in which)
        if count < 2:
            continue
        kept = f"{node.name}/mean"
        mean = graph.node.add(name=kept, op="Mean", input=node.input[:2])
        for name in ("T", "Tidx", "keep_dims"):
            mean.attr[name].CopyFrom(node.attr[name])
        dtype = tf.as_dtype(node.attr["T"].type)
        number = constant_node(graph, f"{node.name}/count", count, dtype)
        node.op = "Mul"
        del node.input[:]
        node.input.extend([kept, number])
        for name in ("Tidx", "keep_dims"):
            del node.attr[name]
        found = True
    return found
