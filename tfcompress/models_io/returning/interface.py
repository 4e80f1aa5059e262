"""What a model calls itself, its inputs and its outputs: of a model in memory, or by its file's configuration alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...backend.tensorflow import keras, tf
from ...core.errors import InvalidValue
from ...layers.twins import keras3
from ..loading.both_keras import functional, maker_name, structures
from ..loading.formats import find_facts


@dataclasses.dataclass(frozen=True)
class Interface:
    """The name of a model, and those of its inputs and outputs: a name, or lists and dictionaries of names.

    A subclassed model has no names for them: None.
    """

    name: str
    inputs: Any
    outputs: Any

    def __str__(self) -> str:
        given, wanted = (", ".join(tf.nest.flatten(names)) for names in (self.inputs, self.outputs))
        return f"{self.name!r} ({given} to {wanted})"


def interface_of(model: Any) -> Interface:
    """The interface of a model of either Keras in memory, or of a .keras or .h5 file, of which nothing is made.

    Raises:
      InvalidValue: for anything else.
      UnreadableModel: when the file is damaged, or no model.
    """
    if isinstance(model, (str, Path)):
        config = find_facts(Path(model)).config
        return _written(config.get("class_name"), config.get("config") or {}, Path(model).stem)
    if not isinstance(model, (keras.Model, keras3().Model)):
        raise InvalidValue(
            f"to_keras3.original must be a Keras model, or the path of one. Received: a {type(model).__name__}. Give "
            "the model that load_model was given, or leave it out."
        )
    graph = functional(model)
    if graph is None:
        return Interface(model.name, None, None)
    return Interface(model.name, *(tf.nest.map_structure(maker_name, nest) for nest in structures(graph)))


def _written(kind: Any, config: Any, name: str) -> Interface:
    """What a configuration says: a functional model's of either Keras, or a sequential one's."""
    if isinstance(config, Mapping) and "input_layers" in config:
        named = (_names(config[key]) for key in ("input_layers", "output_layers"))
        return Interface(str(config.get("name", name)), *named)
    listed = config.get("layers") if isinstance(config, Mapping) else config
    if kind == "Sequential" and listed:
        own = str(config.get("name", name)) if isinstance(config, Mapping) else name
        names = [str(layer["config"].get("name")) for layer in listed]
        has_input = listed[0]["class_name"] == "InputLayer"
        return Interface(own, names[0] if has_input else None, names[-1])
    return Interface(name, None, None)


def _names(value: Any) -> Any:
    """Names in the place of references, [name, node, tensor] each."""
    if isinstance(value, Mapping):
        return {key: _names(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)) and len(value) >= 3 and isinstance(value[0], str):
        return value[0]
    return [_names(member) for member in value]
