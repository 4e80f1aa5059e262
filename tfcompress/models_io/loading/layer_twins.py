"""The tf_keras twin of one Keras 3 layer: the same class with the settings under tf_keras's names.

A setting that tf_keras does not know may be dropped only at its default value. Any other, and a layer without a twin,
raises `NoTwin`, and the layer is then hosted as it is (layers/twins.py).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...backend.tensorflow import keras
from ...core.errors import UnsupportedModel
from ...layers.twins import ACTIVATIONS, keras3


class NoTwin(Exception):
    """tf_keras has nothing that computes the same; the message says what is missing."""


_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
# What changes how outputs are computed, and not the outputs; seeds give other numbers in each Keras anyway.
_WITHOUT_EFFECT = frozenset({"use_cudnn", "flash_attention", "autocast", "synchronized", "implementation"})
# What these say when they say nothing: their signatures have another default, or none.
_NEUTRAL = {"rms_scaling": False, "data_format": "channels_last"}
# tf_keras takes these among **kwargs, where a signature does not show them.
_HIDDEN = {"zero_output_for_mask": ("RNN", "SimpleRNN", "LSTM", "GRU")}
_COMMON = frozenset({"name", "trainable", "dtype"})
# Words that were learned are given to the twin as words: settings would bring those of the making only.
_LEARNED = ("vocabulary", "vocabulary_size", "idf_weights")
_VOCABULARIES = ("StringLookup", "IntegerLookup", "TextVectorization")
_SAME_NAME = {"silu": "swish"}  # activations that tf_keras has under another name


def is_keras_own(layer: Any) -> bool:
    """Whether a layer's class is Keras 3's, and no user's.

    >>> is_keras_own(keras3().layers.ReLU())
    True
    """
    return type(layer).__module__.startswith("keras.src.")


def make_twin(layer: Any, name: str, bring_model: Callable[[Any], Any]) -> Any:
    """Gives the unbuilt tf_keras twin of a Keras 3 layer.

    Args:
      layer: the Keras 3 layer, which holds its settings and, where it looks words up, its vocabulary.
      name: of the twin.
      bring_model: makes a tf_keras model of a Keras 3 model, for a wrapper around one.

    Raises:
      NoTwin: when tf_keras cannot compute the same.
      UnsupportedModel: when the layer is quantized.
    """
    kind = type(layer).__name__
    twin_class = getattr(keras.layers, kind, None)
    if not is_keras_own(layer) or twin_class is None:
        raise NoTwin(f"tf_keras has no layer {kind}")
    settings = {**_settings(layer, twin_class), **_inner_layers(layer, name, bring_model), "name": name}
    try:
        twin = twin_class(**settings)
    except (TypeError, ValueError) as error:
        raise NoTwin(f"tf_keras's {kind} refuses its settings: {error}") from error
    if kind in _VOCABULARIES:
        twin.set_vocabulary(*_vocabulary(layer))
    return twin


def copy_weights(layer: Any, twin: Any) -> None:
    """Gives a built twin the weights of its Keras 3 layer.

    Raises:
      UnsupportedModel: when their shapes differ.
    """
    if type(layer).__name__ in _VOCABULARIES:
        return  # its words are its weights, and it has them
    values = [np.asarray(weight.value) for weight in layer.weights]
    have, want = [tuple(weight.shape) for weight in twin.weights], [value.shape for value in values]
    if have != want:
        raise UnsupportedModel(
            f"load_model: layer {layer.name!r} ({type(layer).__name__}) must have tf_keras's weights. Received: shapes "
            f"{want}, where tf_keras has {have}. Give a tf_keras layer of your own in its place."
        )
    if values:
        twin.set_weights(values)
    if isinstance(twin, keras.layers.Normalization):
        twin.finalize_state()  # it computes with the mean and the deviation that it works out here


def policy_name(layer: Any) -> str:
    """The dtype in which the twin computes: that of its weights, so mixed precision becomes float32.

    Raises:
      UnsupportedModel: for a layer that Keras 3 has quantized.
    """
    policy = layer.dtype_policy
    if getattr(policy, "quantization_mode", None):
        raise UnsupportedModel(
            f"load_model: layer {layer.name!r} must have float weights. Received: {policy.name}, quantized by Keras 3. "
            "Load the model from before quantize()."
        )
    return "float32" if layer.variable_dtype in ("float16", "bfloat16") else layer.variable_dtype


def _settings(layer: Any, twin_class: type) -> dict[str, Any]:
    kind, settings = type(layer).__name__, {}
    defaults, known = parameters(layer.__class__), parameters(twin_class).keys() | _COMMON
    for key, value in layer.get_config().items():
        twin_key = _RENAMED.get(kind, {}).get(key, key)
        if key in _WITHOUT_EFFECT or key in _LEARNED:
            continue
        if twin_key in known or kind in _HIDDEN.get(key, ()):
            settings[twin_key] = _translate(key, value, layer)
        elif key != "seed" and value is not None and value not in (defaults.get(key), _NEUTRAL.get(key)):
            raise NoTwin(f"tf_keras's {kind} has no {key} (it is {value!r})")
    if not isinstance(settings.get("seed"), int):
        settings.pop("seed", None)
    settings["dtype"] = policy_name(layer)
    if kind == "Lambda":
        settings.update(function=layer.function, output_shape=None, mask=None)
    return {key: value for key, value in settings.items() if value is not NotImplemented}


@functools.cache
def parameters(kind: Any) -> Mapping[str, Any]:
    """What a layer class and, as far as it hands on **kwargs, its bases are made with: names and defaults."""
    found: dict[str, Any] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, None if parameter.default is parameter.empty else parameter.default)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def _translate(key: str, value: Any, layer: Any) -> Any:
    """One setting in tf_keras's form; NotImplemented to leave it at tf_keras's default."""
    if key.endswith("activation"):
        return _activation(value)
    if not (isinstance(value, Mapping) and "class_name" in value):
        return value
    plain = {"class_name": value["class_name"], "config": value.get("config", {})}
    for ending, kind in (
        ("initializer", "initializers"),
        ("regularizer", "regularizers"),
        ("constraint", "constraints"),
    ):
        if key.endswith(ending):
            try:
                return getattr(keras, kind).get(plain)
            except (TypeError, ValueError) as error:
                if ending == "initializer":  # the weights are there already: how they began changes nothing
                    return NotImplemented
                raise NoTwin(f"tf_keras has no {ending} {value['class_name']}") from error
    return value


def _activation(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise NoTwin("its activation is a function or layer of its own")
    if value in ACTIVATIONS:
        return ACTIVATIONS[value]
    name = _SAME_NAME.get(value, value)
    if not hasattr(keras.activations, name):
        raise NoTwin(f"tf_keras has no activation {value}")
    return name


def _inner_layers(layer: Any, name: str, bring_model: Callable[[Any], Any]) -> dict[str, Any]:
    """The twins of the layers inside of a wrapper or a recurrent layer, by the wrapper's setting."""
    layers = keras3().layers

    def inner(member: Any, prefix: str = "") -> Any:
        if isinstance(member, keras3().Model):
            return bring_model(member)
        return make_twin(member, member.name.removeprefix(prefix), bring_model)

    if isinstance(layer, layers.Bidirectional):
        # tf_keras makes the backward layer of the forward one, unless it was given; it adds the prefixes anew.
        given = {"backward_layer": inner(layer.backward_layer)} if "backward_layer" in layer.get_config() else {}
        return {"layer": inner(layer.forward_layer, "forward_"), **given}
    if isinstance(layer, (layers.TimeDistributed, layers.SpectralNormalization)):
        return {"layer": inner(layer.layer)}
    if type(layer) is layers.RNN:
        return {"cell": inner(layer.cell)}
    if isinstance(layer, layers.StackedRNNCells):
        return {"cells": [inner(cell) for cell in layer.cells]}
    return {}


def _vocabulary(layer: Any) -> tuple[Any, ...]:
    """The words of a layer that looks words up, without the special ones, and their weights where it has them."""
    if isinstance(layer, keras3().layers.TextVectorization):
        words, lookup = layer.get_vocabulary(include_special_tokens=False), layer._lookup_layer
    else:
        words, lookup = layer.get_vocabulary(include_special_tokens=False), layer
    if lookup.output_mode != "tf_idf":
        return (words,)
    weights = np.asarray(lookup.idf_weights)
    return words, weights[len(weights) - len(words) :]
