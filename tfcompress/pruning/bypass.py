"""Which layers a network can lose whole and still have a way from its inputs to its outputs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


def still_connected(model: Any, without: Collection[str]) -> bool:
    """Whether every output can be reached from an input on a way that passes none of the layers named in `without`."""
    return all(_reaches_an_input(tensor.node, without) for tensor in model.outputs)


def _reaches_an_input(start: Any, without: Collection[str]) -> bool:
    waiting, seen = [start], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or node.layer.name in without:
            continue
        seen.add(id(node))
        if not node.parent_nodes:
            return True
        waiting.extend(node.parent_nodes)
    return False
