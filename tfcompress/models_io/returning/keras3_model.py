"""The way back: a compressed tf_keras model as a Keras 3 model, compared with the one that it is made of."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...backend.tensorflow import keras, tf
from ...core.errors import InvalidValue, UnsupportedModel
from ...core.remarks import remark
from ..loading.both_keras import caller_of, functional, maker_name, structures
from ..loading.equality import Incomparable, compare, tolerance_for
from .interface import Interface, interface_of
from .keras3_graph import to_keras3_graph


def to_keras3(model: Any, original: Any = None) -> Any:
    """Makes a Keras 3 model of a tf_keras model, such as one that came in by `load_model` and was compressed.

    Layers, weights and settings are those that the tf_keras model has now; the outputs of both are compared on random
    input. Models inside were flattened on the way in and stay so. Numbers are computed in the precision of the tf_keras
    model: a mixed-precision model became float32 when it came in.

    Args:
      model: a tf_keras model without quantization wrappers.
      original: the model that it began as, of either Keras, or the path of its file: the new one has its name, and
        calls its inputs and outputs as it did, in the same lists or dictionaries. Of a file only the configuration is
        read. Defaults to None: names and structures of `model`.

    Returns:
      A functional, uncompiled Keras 3 model that shares nothing with `model`.

    Raises:
      UnsupportedModel: names the layer that has no Keras 3 form; or the outputs are not equal.
      InvalidValue: for an original with other inputs and outputs.

    Example:

    >>> import tfcompress as tfc
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="logits")], name="small")
    >>> made = tfc.to_keras3(model)
    >>> type(made).__module__.split(".")[0], made.output_names
    ('keras', ['logits'])
    """
    if not isinstance(model, keras.Model):
        raise InvalidValue(
            f"to_keras3.model must be a tf_keras model. Received: a {type(model).__module__} {type(model).__name__}. "
            "Give what a technique or load_model gave."
        )
    graph = functional(model)
    if graph is None:
        raise UnsupportedModel(
            f"to_keras3: model {model.name!r} ({type(model).__name__}) must have a graph. Received: one without. Bring "
            "it in with load_model first."
        )
    made = to_keras3_graph(graph, _names(graph, model.name, original))
    _require_equal(model, made)
    return made


def _names(graph: Any, name: str, original: Any) -> Interface:
    """What the new model is called, its inputs and outputs: as in the original, else as in the graph."""
    own = Interface(name, *(tf.nest.map_structure(maker_name, _single(nest)) for nest in structures(graph)))
    if original is None:
        return own
    found = interface_of(original)
    sizes = [
        tuple(len(tf.nest.flatten(nest)) for nest in (names.inputs or own.inputs, names.outputs or own.outputs))
        for names in (own, found)
    ]
    if sizes[0] != sizes[1]:
        raise InvalidValue(
            f"to_keras3.original must be the model that {name!r} began as, with as many inputs and outputs. Received: "
            f"{found}, where {own} is wanted. Give that one, or leave it out."
        )
    return dataclasses.replace(found, inputs=found.inputs or own.inputs, outputs=found.outputs or own.outputs)


def _single(nest: Any) -> Any:
    """A list of one tensor as that tensor: calling the model gives it so."""
    return nest[0] if isinstance(nest, (list, tuple)) and len(nest) == 1 else nest


def _require_equal(model: Any, made: Any) -> None:
    try:
        comparison = compare(caller_of(made), model)
    except Incomparable as reason:
        remark(f"{made.name!r} as a Keras 3 model: not compared: {reason}.")
        return
    tolerance = tolerance_for(model)
    if not comparison.difference <= tolerance:
        raise UnsupportedModel(
            f"to_keras3: outputs must equal the tf_keras model's within {tolerance:g} of the largest. Received: a "
            f"difference of {comparison.difference:.2g} for {model.name!r}. Use the .tflite, and report this model."
        )
    remark(f"{made.name!r} as a Keras 3 model: largest relative difference {comparison.difference:.1e}.")
