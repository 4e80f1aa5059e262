"""Slices that are each repeated and joined again, as one tile: what tf_keras's UpSampling1D is made of.

It splits a sequence into its steps and joins each of them several times: operations of as many tensors as there are
steps, which the GPU delegate refuses (LiteRT 2.3.0), and of which a quantization-aware file becomes fifteen times as
large as the float one. `reshape, tile, reshape` is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...backend.tensorflow import tf
from .graph import by_name, constant_node, source

MOST_AXES = 4  # of the tensor that is split; TILE takes one more


def repeats_tiled(graph: Any, shapes: Callable[[str], list[int | None] | None]) -> bool:
    """Rewrites them in a GraphDef; says whether there were any.

    Args:
      graph: is changed in place.
      shapes: gives the shape of a tensor of the graph by its name, None where it is not known.
    """
    nodes, found = by_name(graph), False
    for node in list(graph.node):
        if node.op != "ConcatV2":
            continue
        *parts, axis = (name for name in node.input if not name.startswith("^"))
        split = nodes[source(parts[0])]
        if split.op != "Split" or nodes[source(axis)].op != "Const" or nodes[source(split.input[0])].op != "Const":
            continue
        count, shape = int(split.attr["num_split"].i), shapes(split.input[1])
        times = len(parts) // count
        if times < 2 or shape is None or None in shape or len(shape) > MOST_AXES:
            continue
        lengths = [length or 0 for length in shape]
        along = _number(nodes[source(axis)]) % len(lengths)
        same = along == _number(nodes[source(split.input[0])]) % len(lengths) and lengths[along] == count
        in_order = [f"{split.name}:{part}" if part else split.name for part in range(count) for _ in range(times)]
        if not same or [name.removesuffix(":0") for name in parts] != in_order:
            continue
        _tile(graph, node, split.input[1], lengths, along, times)
        found = True
    return found


def _tile(graph: Any, node: Any, value: str, lengths: list[int], along: int, times: int) -> None:
    """Turns a ConcatV2 into the last of three operations."""
    after = along + 1
    kind = node.attr["T"].type

    def made(label: str, op: str, given: str, numbers: list[int], attribute: str) -> str:
        name = f"{node.name}/{label}"
        sizes = constant_node(graph, f"{name}/sizes", numbers, tf.int32)
        added = graph.node.add(name=name, op=op, input=[given, sizes])
        added.attr["T"].type = kind
        added.attr[attribute].type = tf.int32.as_datatype_enum
        return name

    apart = made("apart", "Reshape", value, [*lengths[:after], 1, *lengths[after:]], "Tshape")
    multiples = [times if axis == after else 1 for axis in range(len(lengths) + 1)]
    tiled = made("tiled", "Tile", apart, multiples, "Tmultiples")
    whole = [*lengths[:along], lengths[along] * times, *lengths[after:]]
    sizes = constant_node(graph, f"{node.name}/sizes", whole, tf.int32)
    node.op = "Reshape"
    del node.input[:]
    node.input.extend([tiled, sizes])
    for name in ("N", "Tidx"):
        del node.attr[name]
    node.attr["Tshape"].type = tf.int32.as_datatype_enum


def _number(node: Any) -> int:
    return int(tf.make_ndarray(node.attr["value"].tensor))
