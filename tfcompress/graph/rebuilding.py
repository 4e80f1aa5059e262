"""A model made anew from its configuration: with other settings, without some layers, with the weights that fit."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from ..backend.tensorflow import keras
from ..models_io.copying import prepared_scope

Path = tuple[str | int, ...]


def rebuilt(model: Any, settings: Mapping[str, Mapping[Path, Any]], dropped: Collection[str] = ()) -> Any:
    """A model like `model` with other settings and without the `dropped` layers.

    Weights are copied where a layer's shapes are as before; the caller sets the others.

    Args:
      model: functional or sequential; it is unchanged.
      settings: by the name of a layer its new settings, each by the path that leads to it in the layer's configuration;
        a path that begins with "call" leads into the arguments of the layer's calls. What says "whatever is left" there
        (-1, None) is left to say so.
      dropped: names of layers with one input and one output; what read them reads what they read.

    >>> from tfcompress.models.simple_cnn import simple_cnn
    >>> made = rebuilt(simple_cnn((8, 8, 1)), {"conv1": {("filters",): 3}}, dropped=["pool1"])
    >>> made.get_layer("conv2").input_shape
    (None, 8, 8, 3)
    """
    if dropped and isinstance(model, keras.Sequential):  # whose configuration does not say what reads what
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    config = copy.deepcopy(model.get_config())
    before = {}
    for entry in config["layers"]:
        name = entry["config"]["name"]
        edit(entry, settings.get(name, {}))
        if name in dropped:
            (before[name],) = _references(entry["inbound_nodes"])
    config["layers"] = [entry for entry in config["layers"] if entry["config"]["name"] not in dropped]
    kind = type(model) if isinstance(model, keras.Sequential) else keras.Model
    with prepared_scope():
        made = kind.from_config(_rewired(config, before))
    for layer in made.layers:
        old = model.get_layer(layer.name).get_weights()
        if old and [values.shape for values in old] == [tuple(weight.shape) for weight in layer.weights]:
            fill(layer, old)
    return made


def edit(entry: dict[str, Any], settings: Mapping[Path, Any]) -> None:
    """Changes a layer's part of a model's configuration in place; `settings` are those of `rebuilt`."""
    entry.pop("build_config", None)  # it has the old shapes, and a layer is built anew where it is called
    for path, value in settings.items():
        if path[0] != "call":
            put(entry["config"], path, value)
        for node in entry.get("inbound_nodes", ()) if path[0] == "call" else ():
            put(node[3], path[1:], value)  # of an operation: name, node, tensor, arguments


def put(place: Any, path: Path, value: Any) -> None:
    """Replaces what `path` leads to; a length that says "whatever is left" (-1, None) is left to say so."""
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
        entries: Any = list(inner)
        entries[last] = value
        place[way[-1]] = entries


def fill(layer: Any, weights: list[Any]) -> None:
    """Sets all weights of a layer."""
    layer.set_weights(weights)
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


def _references(value: Any) -> list[tuple[Any, ...]]:
    if _is_reference(value):
        return [tuple(value[:3])]
    return [found for part in value for found in _references(part)] if isinstance(value, (list, tuple)) else []


def _rewired(value: Any, before: Mapping[str, tuple[Any, ...]]) -> Any:
    """A configuration in which what read a dropped layer reads what that layer read."""
    if _is_reference(value):
        source = tuple(value[:3])
        while source[0] in before:
            source = before[source[0]]
        return [*source, *value[3:]]
    if isinstance(value, dict):
        return {key: _rewired(part, before) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_rewired(part, before) for part in value])
    return value
