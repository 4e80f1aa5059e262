"""Recurrent layers that would become a loop, step by step instead, where ranges are calibrated.

TensorFlow's calibrator (2.21) ends its process with SIGSEGV on the WHILE that a GRU, a SimpleRNN or stacked cells
become (an LSTM is fused into one operation). A related report: https://github.com/tensorflow/tensorflow/issues/59626.
The steps laid out one after another are the same arithmetic and quantize alike; the file is larger.
"""

from __future__ import annotations

from typing import Any

from ...backend.tensorflow import keras
from ...models_io.copying import prepared_scope

MOST_STEPS = 256  # a file of more is hundreds of thousands of bytes, and takes minutes to convert


def loops(model: Any) -> list[str]:
    """The names of the layers that become a loop in the file, of sequences that are short enough to be laid out."""
    return [layer.name for layer in model.layers if _is_loop(layer) and (_steps(layer) or MOST_STEPS + 1) <= MOST_STEPS]


def unrolled(model: Any, names: list[str]) -> Any:
    """A copy in which these layers are built step by step, with the same names, inputs and weights."""

    def made_anew(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in names:
            if isinstance(layer, keras.layers.Bidirectional):
                for side in ("layer", "backward_layer"):
                    if side in config:
                        config[side]["config"]["unroll"] = True
            else:
                config["unroll"] = True
        return type(layer).from_config(config)

    with prepared_scope():
        copy = keras.models.clone_model(model, clone_function=made_anew)
    copy.set_weights(model.get_weights())
    return copy


def _is_loop(layer: Any) -> bool:
    if isinstance(layer, keras.layers.Bidirectional):
        return _is_loop(layer.forward_layer) or _is_loop(layer.backward_layer)
    if not isinstance(layer, keras.layers.RNN) or layer.unroll:
        return False
    fused = isinstance(layer, keras.layers.LSTM) and layer._could_use_gpu_kernel  # as the fused form asks for
    return not fused or getattr(layer.input, "_keras_mask", None) is not None


def _steps(layer: Any) -> int | None:
    shape = layer.input_shape[0] if isinstance(layer.input_shape, list) else layer.input_shape
    return shape[1]
