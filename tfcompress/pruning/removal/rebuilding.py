"""A functional model made anew with fewer channels, in a fraction of the time that Keras takes.

Keras makes a layer by its constructor and `build`, and traces its call in a graph of its own to learn the shape of what
it gives: a millisecond or more a layer. The common layers are here copied instead (layer_copies.py), and asked for
their shapes; others are made from their configurations and called, as ever. Where tf_keras is not the one that this was
written for, the whole model is made from its configuration.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.tensorflow import keras, tf
from ...models_io.copying import prepared_scope
from .layer_copies import copied, note_call, values_of

_LIKE_INPUT = frozenset(
    ("BatchNormalization", "LayerNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "Softmax")
)


@dataclasses.dataclass(frozen=True)
class Change:
    """What becomes of a layer: numbers in its configuration by their paths, and what stays of its weights.

    `settings` are (path, value) as graph/dependencies.py gives paths; `cuts` are (position in the weights, axis, which
    entries stay).
    """

    settings: list[tuple[tuple[Any, ...], Any]] = dataclasses.field(default_factory=list)
    cuts: list[tuple[int, int, np.ndarray]] = dataclasses.field(default_factory=list)

    def weights(self, layer: Any) -> list[tuple[Any, np.ndarray | None]]:
        """The weights of `layer`, each with what is left of it; None for one that stays as it is."""
        variables = layer.weights
        found: list[np.ndarray | None] = [None] * len(variables)
        for position, axis, keep in sorted(self.cuts, key=lambda cut: cut[:2]):
            values = found[position]
            if values is None:
                values = np.asarray(values_of(variables[position]))  # no copy of it
            found[position] = np.take(values, np.flatnonzero(keep), axis)
        return list(zip(variables, found, strict=True))


def rebuilt(model: Any, changes: Mapping[str, Change]) -> Any:
    """A model like `model`, with its weights, but for the `changes` by the names of its layers."""
    functional = type(model) is keras.Model or type(model).__name__ == "Functional"
    with prepared_scope():
        if functional and _is_as_expected(model):
            smaller = _Walk(model, changes).made()
            if [layer.name for layer in smaller.layers] == [layer.name for layer in model.layers]:
                return smaller  # else some of its layers lead to no output, as those of `add_loss`
        smaller = type(model).from_config(_configuration(model, changes))
    for layer in model.layers:
        if layer.weights:
            _set(smaller.get_layer(layer.name), layer, changes.get(layer.name, Change()))
    return smaller


def _is_as_expected(model: Any) -> bool:
    """Whether what is used here of tf_keras beside its documented names is there, in the form that is known."""
    node = next(iter(model.layers[0].inbound_nodes), None)
    parts = ("layer", "call_args", "call_kwargs", "outputs", "is_input")
    layer = keras.layers.Layer
    return all(hasattr(node, part) for part in parts) and all(
        hasattr(layer, name) for name in ("__getstate__", "__setstate__", "_handle_weight_regularization")
    )


def _set(made: Any, layer: Any, change: Change) -> None:
    """Gives a layer that Keras made the weights of `layer`, cut."""
    made.set_weights([weight.numpy() if values is None else values for weight, values in change.weights(layer)])
    if isinstance(layer, keras.layers.Normalization):
        made.finalize_state()


class _Walk:
    """Goes through the calls of `model`, and makes each anew."""

    def __init__(self, model: Any, changes: Mapping[str, Change]):
        self.model, self.changes = model, changes
        self.layers: dict[str, Any] = {}
        self.made_by_keras: list[Any] = []  # the old layers
        self.tensors: dict[int, Any] = {}  # by the identity of the tensor in the old model
        self.spec = tf.TensorSpec
        self.variable = tf.Variable if tf.distribute.has_strategy() else None

    def made(self) -> Any:
        """The new model."""
        for _, nodes in sorted(self.model._nodes_by_depth.items(), reverse=True):
            for node in nodes:
                if not node.is_input and _is_plain(node):
                    self.tensors[id(node.outputs)] = self.called_plainly(node)
                    continue
                if node.is_input:
                    found = type(node.layer).from_config(node.layer.get_config()).output
                else:
                    found = self.called(node)
                pairs = zip(tf.nest.flatten(node.outputs), tf.nest.flatten(found), strict=True)
                self.tensors.update((id(old), new) for old, new in pairs)
        for layer in self.made_by_keras:
            _set(self.layers[layer.name], layer, self.change(layer))
        inputs, outputs = (tf.nest.map_structure(self.new, part) for part in (self.model.input, self.model.output))
        return type(self.model)(inputs=inputs, outputs=outputs, name=self.model.name)

    def new(self, value: Any) -> Any:
        """The tensor of the new model in the place of one of the old; whatever else it is stays."""
        return self.tensors.get(id(value), value)

    def called(self, node: Any) -> Any:
        """What a call of any form gives in the new model."""
        args, kwargs = tf.nest.map_structure(self.new, (list(node.call_args), dict(node.call_kwargs)))
        for path, value in self.change(node.layer).settings:
            if path[0] == "call":
                name, names = path[1], node.layer._call_spec.arg_names
                place, key = (kwargs, name) if name in kwargs else (args, names.index(name))
                _put(place, (key, *path[2:]), value)
        return self.layer(node.layer, None)(*args, **kwargs)

    def called_plainly(self, node: Any) -> Any:
        """What a call of tensors alone gives in the new model."""
        (old,), layer = node.call_args, node.layer
        several = isinstance(old, (list, tuple))
        given = [self.new(tensor) for tensor in old] if several else self.new(old)
        made = self.layer(layer, (old, given))
        if layer in self.made_by_keras:
            return made(given)
        after = [tensor.shape for tensor in given] if several else given.shape
        shape = after if type(layer).__name__ in _LIKE_INPUT else made.compute_output_shape(after)
        output = type(node.outputs)(self.spec(shape, node.outputs.dtype), name=layer.name)
        note_call(node, made, given, output)
        return output

    def layer(self, layer: Any, inputs: tuple[Any, Any] | None) -> Any:
        """The layer in the place of `layer`: a copy where its first call is plain, with these inputs, old and new."""
        if layer.name not in self.layers:
            change = self.change(layer)
            settings = _attributes(layer, change.settings)
            made = None
            if inputs is not None and settings is not None:
                made = copied(layer, change.weights(layer), settings, inputs, self.variable)
            if made is None:
                config = copy.deepcopy(keras.layers.serialize(layer))
                made = keras.layers.deserialize(_edited(config, change))
                self.made_by_keras.append(layer)
            self.layers[layer.name] = made
        return self.layers[layer.name]

    def change(self, layer: Any) -> Change:
        """What becomes of a layer."""
        return self.changes.get(layer.name, Change())


def _is_plain(node: Any) -> bool:
    """Whether a call has nothing but tensors without masks, and gives one."""
    if len(node.call_args) != 1 or node.call_kwargs:
        return False
    (given,) = node.call_args
    tensors = [*(given if isinstance(given, (list, tuple)) else [given]), node.outputs]
    return all(type(tensor).__name__ == "KerasTensor" and _mask(tensor) is None for tensor in tensors)


def _mask(tensor: Any) -> Any:
    return getattr(tensor, "_keras_mask", None)


def _attributes(layer: Any, settings: Sequence[tuple[tuple[Any, ...], Any]]) -> dict[str, Any] | None:
    """The settings as attributes of the layer; None where they are more than that."""
    found: dict[str, Any] = {}
    for path, value in settings:
        if path[0] == "call" or not hasattr(layer, path[0]) or len(path) > 2:
            return None
        place = {path[0]: found.get(path[0], getattr(layer, path[0]))}
        _put(place, path, value)
        found[path[0]] = tuple(place[path[0]]) if len(path) == 2 else place[path[0]]
    return found


def _configuration(model: Any, changes: Mapping[str, Change]) -> dict[str, Any]:
    """The model's configuration with the numbers of the channels that stay."""
    config = copy.deepcopy(model.get_config())
    for layer in config["layers"]:
        _edited(layer, changes.get(layer["config"]["name"], Change()))
    return config


def _edited(layer: dict[str, Any], change: Change) -> dict[str, Any]:
    """A layer's part of a configuration, changed in place."""
    layer.pop("build_config", None)  # it has the old shapes, and a layer is built anew where it is called
    for path, value in change.settings:
        if path[0] != "call":
            _put(layer["config"], path, value)
        for node in layer.get("inbound_nodes", ()) if path[0] == "call" else ():
            _put(node[3], path[1:], value)  # of an operation: name, node, tensor, arguments
    return layer


def _put(place: Any, path: tuple[Any, ...], value: Any) -> None:
    """Replaces the number that `path` leads to; what says "whatever is left" (-1, None) is left to say so."""
    *way, last = path
    for key in way[:-1]:
        place = place[key]
    if not way:
        place[last] = value
        return
    inner = place[way[-1]]
    if inner is None:
        return
    if isinstance(inner, dict):
        inner[last] = value
    elif inner[last] not in (-1, None):
        entries = list(inner)
        entries[last] = value
        place[way[-1]] = entries
