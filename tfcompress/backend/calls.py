"""The one walker of a functional model: its calls one after another, in an order in which each has what it needs.

It is the only file that knows how the two Keras keep a graph (`_nodes_by_depth`, and what a node holds). It lies beside
the door to TensorFlow, and so below all that walks: measuring, loading, the graph of channels, pruning, quantization.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from .tensorflow import tf


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A layer, or in Keras 3 any operation, called in a graph.

    Tensors, in `args` and `kwargs` in whatever lists and dictionaries, are symbolic; `outputs` are all of the call's in
    a row. An input layer has a call too, without arguments.
    """

    layer: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: list[Any]

    @cached_property
    def inputs(self) -> list[Any]:
        """The tensors among the arguments, in order."""
        return [value for value in tf.nest.flatten((self.args, dict(self.kwargs))) if is_tensor(value)]

    def __str__(self) -> str:
        return f"layer {self.layer.name!r} ({type(self.layer).__name__})"


def is_tensor(value: Any) -> bool:
    """Whether a value is a symbolic tensor, of either Keras."""
    return hasattr(value, "_keras_history")


def has_calls(model: Any) -> bool:
    """Whether `model` has a graph to walk: a functional or sequential model that was built."""
    return bool(getattr(model, "_nodes_by_depth", None))


def calls(model: Any) -> list[Call]:
    """The calls of a functional model of either Keras, each after those that it reads.

    A nested model is one call; its own calls are `calls(call.layer)`.

    >>> from tfcompress.models.simple_cnn import simple_cnn
    >>> [str(call) for call in calls(simple_cnn((8, 8, 1)))][:2]
    ["layer 'image' (InputLayer)", "layer 'conv1' (Conv2D)"]
    """
    return [_call(node) for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True) for node in nodes]


def _call(node: Any) -> Call:
    if hasattr(node, "arguments"):  # Keras 3
        return Call(node.operation, tuple(node.arguments.args), dict(node.arguments.kwargs), list(node.outputs))
    return Call(node.layer, tuple(node.call_args), dict(node.call_kwargs), tf.nest.flatten(node.outputs))


def replay(
    model: Any,
    inputs: Iterable[Any],
    again: Callable[[Call, Callable[[Any], Any]], Any],
    walk: Callable[[Any], Iterable[Call]] = calls,
) -> list[Any]:
    """Goes through a functional model once more, with other values in the place of its tensors.

    Args:
      model: of either Keras; it is left alone.
      inputs: what stands in the place of each of `model.inputs`: other tensors, or whatever else is followed through
        the graph.
      again: (call, place) -> what the call gives now, one value for each of its outputs, nested or in a row. `place`
        gives the value that stands in the place of a tensor, and what is not one of the model's tensors as it is.
      walk: gives the calls of `model`. Defaults to `calls`.

    Returns:
      What stands in the place of each of `model.outputs`.
    """
    values = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}

    def place(value: Any) -> Any:
        return values.get(id(value), value)

    for call in walk(model):
        if call.inputs:
            found = tf.nest.flatten(again(call, place))
            values.update((id(tensor), value) for tensor, value in zip(call.outputs, found, strict=True))
    return [values[id(tensor)] for tensor in model.outputs]
