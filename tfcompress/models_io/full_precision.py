"""Models of mixed precision in float32, which is what fake quantization and TFLite's operations compute in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend.tensorflow import keras
from .copying import scope_of

MIXED = ("mixed_float16", "mixed_bfloat16")


def is_mixed(model: Any) -> bool:
    """Whether a layer of `model` computes in half precision."""
    return any(_policy(layer) in MIXED for layer in model._flatten_layers(include_self=False))


def in_float32(model: Any) -> Any:
    """A copy whose layers compute in float32; a model of mixed precision has float32 weights already.

    >>> model = keras.Sequential([keras.layers.Dense(2, dtype="mixed_float16", input_shape=(3,), name="dense")])
    >>> in_float32(model).get_layer("dense").compute_dtype
    'float32'
    """

    def remade(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=remade)
        return type(layer).from_config(_without_half(layer.get_config()))

    with scope_of(model), full_precision():
        made = keras.models.clone_model(model, clone_function=remade)
    made.set_weights(model.get_weights())
    return made


@contextmanager
def full_precision() -> Iterator[None]:
    """While the block lasts, new layers compute in float32, whatever Keras's global policy is."""
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


def _policy(layer: Any) -> str:
    return str(getattr(getattr(layer, "dtype_policy", None), "name", ""))


def _without_half(config: Any) -> Any:
    """A layer's settings, those of layers inside of it too, with float32 in the place of a mixed policy."""
    if isinstance(config, dict):
        return {
            key: "float32" if key == "dtype" and _is_half(value) else _without_half(value)
            for key, value in config.items()
        }
    return [_without_half(value) for value in config] if isinstance(config, list) else config


def _is_half(dtype: Any) -> bool:
    name = dtype.get("config", {}).get("name") if isinstance(dtype, dict) else dtype
    return name in MIXED
