"""Additive attention masks that leave the scores their range.

A mask of -1e9 (Keras's MultiHeadAttention and Softmax) or -1e4 is added to the scores before the softmax. A quantizer
that sees the sum gives it one range, of which the scores are then a single step: no fault of the converter's, and
nothing that it warns of. What a mask has to be is far below the scores that calibration sees, and no further.
Reference: TensorFlow, https://www.tensorflow.org/lite/performance/quantization_spec (one scale for a tensor).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...backend.tensorflow import tf
from .graph import by_name, source, values_of

LEAST_MASK = 9000.0  # constants from here on, on their way into a softmax, are taken for masks
SOFTMAX = ("Softmax", "LogSoftmax")
# What may lie between a mask and the softmax: operations on each number alone, and changes of shape.
PASSING = (
    *("Add", "AddV2", "Sub", "Mul", "Neg", "Select", "SelectV2", "Cast", "Identity", "Minimum", "Maximum"),
    *("ExpandDims", "Reshape", "Squeeze", "Tile", "BroadcastTo", "Transpose", "Pack", "ConcatV2", "StridedSlice"),
)


def masks_of(graph: Any) -> dict[str, list[str]]:
    """The constants of a GraphDef that mask scores, each with the inputs of the softmaxes that it reaches."""
    nodes = by_name(graph)
    found: dict[str, list[str]] = {}
    for node in graph.node:
        if node.op in SOFTMAX:
            for name in _masks_before(nodes, node.input[0]):
                found.setdefault(name, []).append(node.input[0])
    return found


def largest_scores(function: Any, masks: Mapping[str, list[str]], examples: Iterator[Any]) -> dict[str, float]:
    """For each mask R, the largest |score| that it is not added to, over the examples."""
    import numpy as np

    inputs = sorted({name for names in masks.values() for name in names})
    largest = dict.fromkeys(inputs, 0.0)
    for values in values_of(function, [name if ":" in name else f"{name}:0" for name in inputs], examples):
        for name, scores in zip(inputs, values, strict=True):
            free = np.abs(scores[np.abs(scores) < LEAST_MASK / 2])
            largest[name] = max(largest[name], float(free.max(initial=0.0)))
    return {mask: max(largest[name] for name in names) for mask, names in masks.items()}


def clamp_masks(graph: Any, limits: Mapping[str, float]) -> bool:
    """Brings the numbers of these constants into [-limit, limit]; says whether there were any."""
    import numpy as np

    nodes = by_name(graph)
    for name, limit in limits.items():
        tensor = nodes[name].attr["value"].tensor
        values = tf.make_ndarray(tensor)
        large = np.abs(values) >= LEAST_MASK
        clamped = np.where(large, np.sign(values) * limit, values).astype(values.dtype)
        tensor.CopyFrom(tf.make_tensor_proto(clamped, shape=values.shape))
    return bool(limits)


def _masks_before(nodes: Mapping[str, Any], name: str) -> list[str]:
    import numpy as np

    waiting, seen, found = [name], set[str](), []
    while waiting:
        node = nodes[source(waiting.pop())]
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.op in PASSING:
            waiting += [each for each in node.input if not each.startswith("^")]
        elif node.op == "Const" and tf.as_dtype(node.attr["dtype"].type) == tf.float32:
            values = tf.make_ndarray(node.attr["value"].tensor)
            if values.size and np.abs(values).max() >= LEAST_MASK:
                found.append(node.name)
    return found
