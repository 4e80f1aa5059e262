"""A functional model made anew with fewer channels: fewer filters, units and heads, and weights without what is gone.

Keras makes a layer by its constructor and `build`, and traces its call in a graph of its own to learn the shape of what
it gives, which takes some 7 ms a layer. So the common layers are copied instead (layer_copies.py), where TensorFlow and
tf_keras are of the versions that this was seen with; others are made from their configurations and called. Elsewhere
the whole model is made from its configuration (graph/rebuilding.py).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...backend.calls import Call, replay
from ...backend.tensorflow import keras, tf
from ...graph.rebuilding import Path, edit, fill, put, rebuilt
from ...models_io.copying import prepared_scope
from . import layer_copies

_LIKE_INPUT = frozenset(
    ("BatchNormalization", "LayerNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "Softmax")
)


@dataclasses.dataclass(frozen=True)
class Change:
    """What becomes of a layer: numbers in its configuration by their paths, and what stays of its weights.

    `settings` are those of graph/rebuilding.py; `cuts` are (position in the weights, axis, which entries stay).
    """

    settings: dict[Path, Any] = dataclasses.field(default_factory=dict)
    cuts: list[tuple[int, int, np.ndarray]] = dataclasses.field(default_factory=list)

    def weights(self, layer: Any) -> list[tuple[Any, np.ndarray | None]]:
        """The weights of `layer`, each with what is left of it; None for one that stays as it is."""
        variables = layer.weights
        found: list[np.ndarray | None] = [None] * len(variables)
        for position, axis, keep in sorted(self.cuts, key=lambda cut: cut[:2]):
            values = found[position]
            if values is None:
                values = np.asarray(layer_copies.values_of(variables[position]))  # no copy of it
            found[position] = np.take(values, np.flatnonzero(keep), axis)
        return list(zip(variables, found, strict=True))

    def fill(self, made: Any, layer: Any) -> None:
        """Gives the layer that Keras made in the place of `layer` what is left of its weights."""
        weights = self.weights(layer)
        if weights:
            fill(made, [variable.numpy() if values is None else values for variable, values in weights])


def cut(model: Any, changes: Mapping[str, Change]) -> Any:
    """A model like `model`, with its weights, but for the `changes` by the names of its layers."""
    if type(model).__name__ == "Functional" and layer_copies.are_possible():
        with prepared_scope():
            smaller = _Copying(model, changes).made()
        if [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]:
            return smaller  # else some of its layers lead to no output, as those of `add_loss`
    smaller = rebuilt(model, {name: change.settings for name, change in changes.items()})
    for name, change in changes.items():
        change.fill(smaller.get_layer(name), model.get_layer(name))
    return smaller


class _Copying:
    """The way through a model, call by call, on which its layers are copied and called."""

    def __init__(self, model: Any, changes: Mapping[str, Change]):
        self.model, self.changes = model, changes
        self.layers: dict[str, Any] = {}
        self.made_by_keras: list[Any] = []  # the layers of the old model in whose place they are
        self.variable = tf.Variable if tf.distribute.has_strategy() else None

    def made(self) -> Any:
        """The new model."""
        origins = [tensor.node.layer for tensor in self.model.inputs]
        inputs = [type(layer).from_config(layer.get_config()).output for layer in origins]
        outputs = replay(self.model, inputs, self.again)
        for layer in self.made_by_keras:
            self.change(layer).fill(self.layers[layer.name], layer)
        return type(self.model)(
            inputs=tf.nest.pack_sequence_as(self.model.input, inputs),
            outputs=tf.nest.pack_sequence_as(self.model.output, outputs),
            name=self.model.name,
        )

    def again(self, call: Call, place: Callable[[Any], Any]) -> Any:
        """What the call gives in the new model."""
        if layer_copies.is_plain(call):
            return self.plain(call, place)
        args, kwargs = tf.nest.map_structure(place, (list(call.args), dict(call.kwargs)))
        for path, value in self.change(call.layer).settings.items():
            if path[0] == "call":
                name, names = path[1], call.layer._call_spec.arg_names
                where, key = (kwargs, name) if name in kwargs else (args, names.index(name))
                put(where, (key, *path[2:]), value)
        return self.layer(call.layer, None)(*args, **kwargs)

    def plain(self, call: Call, place: Callable[[Any], Any]) -> Any:
        """What a call of tensors alone gives in the new model."""
        (old,), layer = call.args, call.layer
        given = [place(tensor) for tensor in old] if isinstance(old, (list, tuple)) else place(old)
        made = self.layer(layer, (old, given))
        if layer in self.made_by_keras:
            return made(given)
        shape = [tensor.shape for tensor in given] if isinstance(given, list) else given.shape
        shape = shape if type(layer).__name__ in _LIKE_INPUT else made.compute_output_shape(shape)
        return layer_copies.called(call, made, given, shape)

    def layer(self, layer: Any, inputs: tuple[Any, Any] | None) -> Any:
        """The layer in the place of `layer`: a copy where its first call is plain, with these inputs, old and new."""
        if layer.name not in self.layers:
            change = self.change(layer)
            settings = _attributes(layer, change.settings)
            made = None
            if inputs is not None and settings is not None:
                made = layer_copies.copied(layer, change.weights(layer), settings, inputs, self.variable)
            if made is None:
                config = copy.deepcopy(keras.layers.serialize(layer))
                edit(config, change.settings)
                made = keras.layers.deserialize(config)
                self.made_by_keras.append(layer)
            self.layers[layer.name] = made
        return self.layers[layer.name]

    def change(self, layer: Any) -> Change:
        """What becomes of a layer."""
        return self.changes.get(layer.name, Change())


def _attributes(layer: Any, settings: Mapping[Path, Any]) -> dict[str, Any] | None:
    """The settings as attributes of the layer; None where they are more than that."""
    found: dict[str, Any] = {}
    for path, value in settings.items():
        name = str(path[0])
        if name == "call" or not hasattr(layer, name) or len(path) > 2:
            return None
        place: dict[str, Any] = {name: found.get(name, getattr(layer, name))}
        put(place, path, value)
        found[name] = tuple(place[name]) if len(path) == 2 else place[name]
    return found
