"""`concat(unstack(x, axis), axis)`, by a split in the place of the unstack.

TensorFlow's converter (2.21) takes an Unpack whose parts a ConcatV2 joins again for a reshape, along whichever axes:
https://github.com/tensorflow/tensorflow/issues/60925 and https://github.com/tensorflow/tensorflow/issues/118180. A
Split and a Squeeze of each part are the same numbers, and it leaves them alone.
"""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import tf
from .graph import by_name, constant_node, source


def unstacked_by_split(graph: Any) -> bool:
    """Rewrites the Unpacks that feed a ConcatV2 in a GraphDef; says whether there were any."""
    nodes = by_name(graph)
    joined = {source(name) for node in graph.node if node.op == "ConcatV2" for name in node.input[:-1]}
    parts: dict[str, str] = {}
    for name in sorted(each for each in joined if nodes[each].op == "Unpack"):
        parts |= _split(graph, nodes[name])
    if parts:
        now = by_name(graph)
        for node in graph.node:
            for number, name in enumerate(node.input):
                node.input[number] = parts.get(name, parts.get(f"{name}:0", name))
        for output, part in parts.items():
            now[part].input.append(output)
    return bool(parts)


def _split(graph: Any, node: Any) -> dict[str, str]:
    """Makes an Unpack a Split with a Squeeze behind each part; returns what its outputs are called now."""
    axis, count, kind = node.attr["axis"].i, node.attr["num"].i, node.attr["T"].type
    value = node.input[0]
    node.op = "Split"
    node.input[:] = [constant_node(graph, f"{node.name}/axis", axis, tf.int32), value, *node.input[1:]]
    for name in list(node.attr):
        del node.attr[name]
    node.attr["T"].type, node.attr["num_split"].i = kind, count
    for number in range(count):
        part = graph.node.add(name=f"{node.name}/part_{number}", op="Squeeze")
        part.attr["T"].type = kind
        part.attr["squeeze_dims"].list.i.append(axis)
    return {f"{node.name}:{number}": f"{node.name}/part_{number}" for number in range(count)}
