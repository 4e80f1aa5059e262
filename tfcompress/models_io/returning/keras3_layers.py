"""The Keras 3 form of one tf_keras layer: the same class with the settings under Keras 3's names.

A setting that Keras 3 does not know may be dropped only at its default value; any other, and a layer that Keras 3
lacks, raises `NoForm`. Only what does not change outputs, how weights began and how they are held down in training, is
left out, the latter with a remark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...backend.tensorflow import keras
from ...core.remarks import remark
from ...layers.twins import ACTIVATIONS, keras3
from ..loading.layer_twins import parameters


class NoForm(Exception):
    """Keras 3 has nothing that computes the same; the message says what is missing."""


Outputs = Any
Following = Callable[[Outputs], Outputs]  # what is done to a layer's outputs, where the layer itself cannot

_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
# What changes how outputs are computed, and not the outputs; where random numbers come from; what it was called on.
_WITHOUT_EFFECT = frozenset(
    (
        *("implementation", "rng_type", "force_generator"),
        *("input_length", "batch_input_shape", "query_shape", "key_shape", "value_shape"),
    )
)
_VOCABULARIES = ("StringLookup", "IntegerLookup", "TextVectorization")
_LEARNED = ("vocabulary", "vocabulary_size", "idf_weights")
_WHOLE_NUMBERS = (*_VOCABULARIES, "Hashing", "Discretization", "CategoryEncoding")  # their dtype is that of outputs
_SAME_KIND = {"SyncBatchNormalization": "BatchNormalization"}
# Activations that have one formula in both, by what tf_keras and TensorFlow call them.
_ACTIVATIONS = {
    **{name: name for name in ("elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "softmax")},
    **{name: name for name in ("softplus", "softsign", "tanh", "relu6", "leaky_relu", "log_softmax")},
    **{"swish": "silu", "silu": "silu", "softmax_v2": "softmax", "log_softmax_v2": "log_softmax", "identity": "linear"},
}
_RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")


def make_layer(layer: Any, name: str, bring_model: Callable[[Any], Any]) -> tuple[Any, Following | None]:
    """Gives the unbuilt Keras 3 form of a tf_keras layer, and what is to be done to its outputs, None for nothing.

    Args:
      layer: the tf_keras layer, which holds its settings and, where it looks words up, its vocabulary.
      name: of the new layer.
      bring_model: makes a Keras 3 model of a tf_keras model, for a wrapper around one.

    Raises:
      NoForm: when Keras 3 cannot compute the same.
    """
    kind = type(layer).__name__
    form = getattr(keras3().layers, _SAME_KIND.get(kind, kind), None)
    if not is_tf_keras_own(layer):
        raise NoForm(f"its class {kind} is none of tf_keras's own")
    if form is None:
        raise NoForm(f"Keras 3 has no layer {kind}")
    settings = {**_settings(layer, form), **_inner_layers(layer, bring_model), "name": name}
    following = None
    if "activation" in settings and not isinstance(settings["activation"], str | None):
        following = settings.pop("activation")
        settings["activation"] = "linear"
    try:
        made = form(**settings)
    except (TypeError, ValueError) as error:
        raise NoForm(f"Keras 3's {kind} refuses its settings: {' '.join(str(error).split())[:200]}") from error
    if kind in _VOCABULARIES:
        made.set_vocabulary(*_vocabulary(layer))
    if not layer.trainable:  # to say True would say it of the layers inside, too
        made.trainable = False
    return made, following


def is_tf_keras_own(layer: Any) -> bool:
    """Whether a layer's class is tf_keras's, and neither a user's nor one of ours or tfmot's.

    >>> is_tf_keras_own(keras.layers.ReLU())
    True
    """
    return type(layer).__module__.split(".")[0] == keras.__name__.split(".")[0]


def _settings(layer: Any, form: type) -> dict[str, Any]:
    kind, settings = type(layer).__name__, {}
    if kind == "Lambda":
        remark(f"{layer.name} is a Lambda layer: who loads the file must trust its code (safe_mode=False).")
        return {"function": layer.function, "arguments": layer.arguments, "dtype": policy_name(layer)}
    defaults, known = parameters(layer.__class__), parameters(form)
    for key, value in layer.get_config().items():
        new_key = _RENAMED.get(kind, {}).get(key, key)
        if key in ("name", "dtype", "trainable", *_LEARNED) or key in _WITHOUT_EFFECT:
            continue
        if new_key in known:
            settings[new_key] = _translate(key, value, layer)
        elif not _says_nothing(key, value, defaults):
            raise NoForm(f"Keras 3's {kind} has no {key} (it is {value!r})")
    if not isinstance(settings.get("seed"), int):
        settings.pop("seed", None)
    if kind not in _WHOLE_NUMBERS:
        settings["dtype"] = policy_name(layer)
    if "BatchNormalization" in kind:
        settings["axis"] = _only(settings["axis"])
    if kind == "SyncBatchNormalization":
        settings["synchronized"] = True
    return {key: value for key, value in settings.items() if value is not NotImplemented}


def _says_nothing(key: str, value: Any, defaults: Mapping[str, Any]) -> bool:
    """Whether a setting that Keras 3 lacks may be dropped: it is at its default, or is of how weights began."""
    if value is None or key == "seed" or key.endswith("initializer"):
        return True
    return key in defaults and bool(value == defaults[key])


def policy_name(layer: Any) -> str:
    """The dtype policy of a layer by its name: "float32", or "mixed_float16"."""
    compute, variable = layer.compute_dtype or layer.dtype, layer.dtype
    if compute == variable or compute not in ("float16", "bfloat16"):
        return variable or "float32"
    return f"mixed_{compute}"


def _only(axis: Any) -> int:
    if isinstance(axis, int):
        return axis
    if len(axis) != 1:
        raise NoForm(f"Keras 3 normalizes batches along one axis (it is {list(axis)})")
    return int(axis[0])


def _translate(key: str, value: Any, layer: Any) -> Any:
    """One setting in Keras 3's form; NotImplemented to leave it at Keras 3's default."""
    if key.endswith("activation"):
        return _activation(key, getattr(layer, key), layer)
    if isinstance(value, Mapping) and "class_name" in value:
        kind = next((kind for kind in ("initializer", "regularizer", "constraint") if key.endswith(kind)), None)
        return value if kind is None else _part(key, value, kind, layer)
    return value.tolist() if hasattr(value, "tolist") else value


def _part(key: str, value: Mapping[str, Any], kind: str, layer: Any) -> Any:
    plain = {"class_name": value["class_name"], "config": value.get("config", {})}
    try:
        return getattr(keras3(), f"{kind}s").get(plain)
    except (TypeError, ValueError):
        if kind != "initializer":
            remark(f"{layer.name}'s {key} is left out: Keras 3 has no {value['class_name']}.")
        return NotImplemented


def _activation(key: str, function: Any, layer: Any) -> Any:
    """An activation by its name in Keras 3, or as a function of outputs where it has none."""
    if function is None:
        return None
    name = getattr(function, "__name__", type(function).__name__)
    if any(function is known for known in ACTIVATIONS.values()):
        return name
    following: Following | None = None
    if function is keras.activations.hard_sigmoid:
        following = tf_keras_hard_sigmoid
    elif isinstance(function, keras.layers.Layer):
        following, after = make_layer(function, f"{layer.name}_{function.name}", _no_model)
        if after is not None:
            raise NoForm(f"its {key} is a layer with an activation of its own")
    if following is not None:
        if key == "activation" and type(layer).__name__ not in _RECURRENT and not hasattr(layer, "state_size"):
            return following
        raise NoForm(f"Keras 3 has no {key} with the formula of tf_keras's {name}")
    home = str(getattr(function, "__module__", "")).split(".")[0]
    if home not in ("tf_keras", "tensorflow") or name not in _ACTIVATIONS:
        raise NoForm(f"its {key} is a function of its own, {name}")
    return _ACTIVATIONS[name]


def tf_keras_hard_sigmoid(x: Any) -> Any:
    """clip(0.2 x + 0.5, 0, 1), tf_keras's; that of Keras 3 is relu6(x + 3) / 6."""
    return keras3().ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def _no_model(model: Any) -> Any:
    raise NoForm("its activation is a model")


def _inner_layers(layer: Any, bring_model: Callable[[Any], Any]) -> dict[str, Any]:
    """The Keras 3 forms of the layers inside of a wrapper or a recurrent layer, by the wrapper's setting."""

    def inner(member: Any, prefix: str = "") -> Any:
        if isinstance(member, keras.Model):
            return bring_model(member)
        made, following = make_layer(member, member.name.removeprefix(prefix), bring_model)
        if following is not None:
            raise NoForm(f"the layer {member.name!r} inside of it has an activation that Keras 3 lacks")
        return made

    layers = keras.layers
    if isinstance(layer, layers.Bidirectional):
        # Keras 3 makes the backward layer of the forward one, unless it is given; it adds the prefixes anew.
        given = {"backward_layer": inner(layer.backward_layer)} if "backward_layer" in layer.get_config() else {}
        return {"layer": inner(layer.forward_layer, "forward_"), **given}
    if isinstance(layer, layers.Wrapper):
        return {"layer": inner(layer.layer)}
    if type(layer) is layers.RNN:
        return {"cell": inner(layer.cell)}
    if isinstance(layer, layers.StackedRNNCells):
        return {"cells": [inner(cell) for cell in layer.cells]}
    return {}


def _vocabulary(layer: Any) -> tuple[Any, ...]:
    """The words of a layer that looks words up, without the special ones, and their weights where it has them."""
    lookup = layer._lookup_layer if isinstance(layer, keras.layers.TextVectorization) else layer
    words = lookup.get_vocabulary(include_special_tokens=False)
    if lookup.output_mode != "tf_idf":
        return (words,)
    weights = lookup.idf_weights.numpy()
    return words, weights[len(weights) - len(words) :]
