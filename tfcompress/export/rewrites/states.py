"""States that a model keeps from call to call (`stateful=True`), as inputs and outputs of its file.

A file that keeps them itself holds variables, which LiteRT's CompiledModel (2.3.0) refuses, and of which an app cannot
see what they are. As inputs and outputs they are the app's: zeros begin a sequence, and what a call gives is given to
the next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from ...backend.calls import Call, has_calls, replay
from ...backend.tensorflow import keras, tf
from ...models_io.copying import copy_model, prepared_scope


@dataclasses.dataclass(frozen=True)
class Stated:
    """A model without states of its own: `states` are the names of each state's input and output, in pairs."""

    model: Any
    states: tuple[tuple[str, str], ...] = ()

    def following(self, examples: Iterator[Any]) -> Iterator[Any]:
        """Each example by the names of inputs, with the states that the examples before it have led to.

        Args:
          examples: each a list of one array (1, ...), or a dict of them by name.
        """
        if not self.states:
            yield from examples
            return
        names = [tensor.node.layer.name for tensor in self.model.inputs]
        kept = {
            name: tf.zeros((1, *tensor.shape[1:]), tensor.dtype)
            for name, tensor in zip(names, self.model.inputs, strict=True)
            if name in dict(self.states)
        }
        step = tf.function(lambda values: self.model.call(values, training=False))
        for example in examples:
            given = dict(example) if isinstance(example, Mapping) else {names[0]: example[0]}
            yield {**given, **{name: value.numpy() for name, value in kept.items()}}
            outputs = tf.nest.flatten(step([tf.constant({**given, **kept}[name]) for name in names]))
            kept = dict(zip(kept, outputs[-len(kept) :], strict=True))


def with_states(copy: Any) -> Stated:
    """A copy of batch 1 whose stateful layers take their states as inputs and give them as outputs.

    Those within other layers, called more than once, or of several cells, are left as they are: their file keeps the
    states in variables.

    Args:
      copy: a functional tf_keras model, of which nobody else has the layers.
    """
    layers = [layer for layer in copy.layers if _can(layer)] if has_calls(copy) else []
    if not layers:
        return Stated(copy)
    inputs: list[Any] = []
    outputs: list[Any] = []
    pairs: list[tuple[str, str]] = []
    fresh = [keras.Input(batch_shape=(1, *x.shape[1:]), dtype=x.dtype, name=x.node.layer.name) for x in copy.inputs]

    def again(call: Call, place: Any) -> Any:
        args, kwargs = tf.nest.map_structure(place, (list(call.args), dict(call.kwargs)))
        if call.layer not in layers:
            return call.layer(*args, **kwargs)
        made = type(call.layer).from_config({**call.layer.get_config(), "stateful": False, "return_state": True})
        given = [
            keras.Input(batch_shape=(1, *state.shape[1:]), name=f"{made.name}_state_{number}")
            for number, state in enumerate(call.layer.states)
        ]
        result, *states = made(*args, **kwargs, initial_state=given)
        made.set_weights(call.layer.get_weights())
        inputs.extend(given)
        outputs.extend(states)
        pairs.extend((x.node.layer.name, f"{made.name}_new_state_{number}") for number, x in enumerate(given))
        return [result, *states] if call.layer.return_state else result

    found = replay(copy, fresh, again)
    model = keras.Model([*fresh, *inputs], [*found, *outputs], name=copy.name)
    stated = copy_model(model, batch_size=1)  # whose layers are called once
    stated.output_names = [*copy.output_names, *(output for _, output in pairs)]
    return Stated(stated, tuple(pairs))


def left_to_the_file(copy: Any) -> Any:
    """A copy whose stateful LSTMs are plain ones, for the fused operation, which keeps its states by itself."""
    names = [layer.name for layer in copy.layers if isinstance(layer, keras.layers.LSTM) and layer.stateful]
    if not names:
        return copy

    def made_anew(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | {"stateful": False} if layer.name in names else config)

    with prepared_scope():
        found = keras.models.clone_model(copy, clone_function=made_anew)
    found.set_weights(copy.get_weights())
    return found


def _can(layer: Any) -> bool:
    """Whether a layer keeps states, and they can be handed through it."""
    if not isinstance(layer, keras.layers.RNN) or not layer.stateful or len(layer.inbound_nodes) != 1:
        return False
    is_one_cell = not isinstance(layer.cell, keras.layers.StackedRNNCells)
    return is_one_cell and not isinstance(layer.input, list)
