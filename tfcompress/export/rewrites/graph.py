"""A traced function with its graph changed: what comes in, what goes out and the model's variables stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...backend.tensorflow import tf

Change = Callable[[Any], bool]  # changes a GraphDef in place; says whether it did

# Operations that leave each number what it is, or change it alone, with one operand.
ALONE = (
    *("Identity", "Cast", "Reshape", "Squeeze", "ExpandDims", "Neg", "Abs", "Square", "Sqrt", "Rsqrt", "Exp", "Log"),
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "Softplus", "Floor", "Round"),
)


def with_changes(function: Any, changes: Sequence[Change]) -> Any:
    """`function` itself where no change finds anything to do, so that a model's file stays what it was.

    Args:
      function: a ConcreteFunction, as `trace_model_call` gives it.
      changes: are made one after another.
    """
    graph = function.graph.as_graph_def()
    if not [change for change in changes if change(graph)]:
        return function
    outputs = [tensor.name for tensor in tf.nest.flatten(function.structured_outputs)]

    @tf.function(autograph=False)
    def served(*arguments: Any) -> Any:
        found = _imported(function, graph, tf.nest.flatten(arguments), outputs)
        return tf.nest.pack_sequence_as(function.structured_outputs, found)

    return served.get_concrete_function(*function.structured_input_signature[0])


def values_of(function: Any, names: Sequence[str], examples: Iterator[Any]) -> Iterator[list[Any]]:
    """What tensors of a traced function's graph are for each example: of lone inputs a list, else a dict by name."""

    @tf.function(autograph=False)
    def watched(*arguments: Any) -> Any:
        return _imported(function, function.graph.as_graph_def(), tf.nest.flatten(arguments), names)

    specs = tf.nest.flatten(function.structured_input_signature[0])
    for example in examples:
        by_name = isinstance(example, Mapping) and set(example) == {spec.name for spec in specs}
        given = [example[spec.name] for spec in specs] if by_name else tf.nest.flatten(example)
        found = watched(*(tf.cast(value, spec.dtype) for value, spec in zip(given, specs, strict=True)))
        yield [value.numpy() for value in found]


def _imported(function: Any, graph: Any, arguments: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Builds `graph` where the caller is being traced, on these arguments and the function's own variables."""
    here = tf.compat.v1.get_default_graph()
    feeds = dict(zip((inner.name for inner in function.inputs), arguments, strict=False))  # the inputs come first
    feeds.update((inner.name, here.capture(outer)) for outer, inner in function.graph.captures)
    return tf.graph_util.import_graph_def(graph, input_map=feeds, return_elements=list(names), name="")


def by_name(graph: Any) -> dict[str, Any]:
    """The nodes of a GraphDef by name."""
    return {node.name: node for node in graph.node}


def source(name: str) -> str:
    """The node that an input comes from.

    >>> source("split:1"), source("^assert")
    ('split', 'assert')
    """
    return name.lstrip("^").partition(":")[0]


def constant_node(graph: Any, name: str, value: Any, dtype: Any) -> str:
    """Adds a Const; returns its name."""
    proto = tf.make_tensor_proto(value, dtype)
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = proto.dtype
    node.attr["value"].tensor.CopyFrom(proto)
    return name
