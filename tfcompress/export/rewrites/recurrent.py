"""The form that recurrent layers have in a file: a loop, all steps one after another, or TFLite's fused operation.

- "loop": a WHILE, whose body is one step. Each call starts from states of zero; a file has no variable tensors.
- "unrolled": the steps one after another, the same arithmetic. The file grows with their number; the GPU delegate,
  which refuses a WHILE, takes it.
- "fused": UNIDIRECTIONAL_SEQUENCE_LSTM, which LSTMs become by themselves. It keeps its states in variable tensors from
  call to call, so that an app must reset them, and LiteRT's CompiledModel (2.3.0) refuses them. LiteRT for
  microcontrollers has this form only (https://github.com/tensorflow/tflite-micro/issues/3674).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ...backend.tensorflow import keras
from ...core.errors import InvalidValue, expect
from ...models_io.copying import prepared_scope

FORMS = ("auto", "loop", "unrolled", "fused")
MOST_STEPS = 256  # a file of more is hundreds of thousands of bytes, and takes minutes to convert


@dataclasses.dataclass(frozen=True)
class Recurrent:
    """A model with its recurrent layers in one form.

    `loops` and `fused` are the names of the layers that become a WHILE, or the operation with variable tensors;
    `laid_out` those that were built step by step here.
    """

    model: Any
    loops: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()
    laid_out: tuple[str, ...] = ()


def expect_form(exporter: Any) -> None:
    """Holds the setting `recurrent` of an exporter to the forms. Raises `InvalidValue`."""
    known = exporter.recurrent in FORMS
    expect(known, exporter, "recurrent", f"must be one of {FORMS}", "Use 'auto'.")


def mode_suffix(form: str) -> str:
    """What a mode's name ends in, so that two forms of one model are two files.

    >>> mode_suffix("auto"), mode_suffix("fused")
    ('', '_fused')
    """
    return "" if form == "auto" else f"_{form}"


def recurrent_layers(model: Any) -> list[str]:
    """The names of the layers that are recurrent, or have such within, and are not built step by step already."""
    return [name for name, parts in _by_top_layer(model) if _loops(parts)]


def can_be(model: Any, form: str) -> bool:
    """Whether some recurrent layer of a model can have a form: "fused" is for some LSTMs alone."""
    layers = list(_recurrent(model))
    return any(map(_can_fuse, layers)) if form == "fused" else bool(layers)


def in_form(copy: Any, form: str) -> Recurrent:
    """A copy of a model, of which nobody else has the layers, with its recurrent layers in `form`.

    Args:
      copy: is changed.
      form: of `FORMS`; "auto" is "loop".

    Raises:
      InvalidValue: for a form that none of the layers can have.
    """
    layers = _recurrent(copy)
    if not layers and form == "auto":
        return Recurrent(copy)
    if form == "unrolled" and layers:
        return _laid_out(copy)
    can = [layer for layer in layers if _can_fuse(layer)]
    if form == "fused" and not can:
        named = ", ".join(f"{type(layer).__name__} {layer.name!r}" for layer in layers) or "no recurrent layer"
        raise InvalidValue(
            "recurrent='fused' is for LSTM layers with their default activations and no mask. Received: a model with "
            f"{named}. Use 'auto'."
        )
    if not layers:
        raise InvalidValue(f"recurrent={form!r} is for recurrent layers. Received: a model without one. Use 'auto'.")
    if form == "fused":
        loops = tuple(name for name, parts in _by_top_layer(copy) if not all(map(_can_fuse, parts)) and _loops(parts))
        return Recurrent(copy, loops, fused=tuple(layer.name for layer in can))
    for layer in can:
        # The one place that decides between the two in tf_keras (2.21.0, layers/rnn/lstm.py, LSTM.call): False is what
        # it is with another activation, and `backend.rnn`, a WHILE, is built. RNN(LSTMCell(...)) gives the same file.
        layer._could_use_gpu_kernel = False
    return Recurrent(copy, tuple(name for name, parts in _by_top_layer(copy) if _loops(parts)))


def unrolled(model: Any, names: tuple[str, ...]) -> Any:
    """A copy in which these layers are built step by step, with the same names, inputs and weights."""

    def made_anew(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in names:
            _unroll(config)
        made = type(layer).from_config(config)
        for before, after in zip(_parts(layer), _parts(made), strict=True):
            if not getattr(before, "_could_use_gpu_kernel", True):
                after._could_use_gpu_kernel = False
        return made

    with prepared_scope():
        copy = keras.models.clone_model(model, clone_function=made_anew)
    copy.set_weights(model.get_weights())
    return copy


def short_enough(model: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the layers that can be laid out, and whose sequences are short enough for it."""
    can = [name for name in names if not any(map(convolves, _parts(model.get_layer(name))))]
    return tuple(name for name in can if (_steps(model.get_layer(name)) or MOST_STEPS + 1) <= MOST_STEPS)


def convolves(layer: Any) -> bool:
    """Whether Keras refuses to unroll a layer."""
    return isinstance(layer, (keras.layers.ConvLSTM1D, keras.layers.ConvLSTM2D, keras.layers.ConvLSTM3D))


def _laid_out(copy: Any) -> Recurrent:
    names = tuple(name for name, parts in _by_top_layer(copy) if any(not layer.unroll for layer in parts))
    convolving = [name for name, parts in _by_top_layer(copy) if any(map(convolves, parts))]
    if convolving:
        raise InvalidValue(
            "recurrent='unrolled' is for layers that Keras can unroll. Received: a model with the convolutional "
            f"{convolving[0]!r}. Use Int8, or float modes, with 'auto'."
        )
    too_long = [name for name in names if name not in short_enough(copy, names)]
    if too_long:
        raise InvalidValue(
            f"recurrent='unrolled' is for sequences of at most {MOST_STEPS} steps, of a known length. Received: layer "
            f"{too_long[0]!r} with {_steps(copy.get_layer(too_long[0])) or 'an open number of'} steps. Use 'auto'."
        )
    return Recurrent(unrolled(copy, names), laid_out=names)


def _recurrent(model: Any) -> list[Any]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]


def _by_top_layer(model: Any) -> Iterator[tuple[str, list[Any]]]:
    """The layers of a model in which there are recurrent ones, each with these."""
    for layer in model.layers:
        if parts := _parts(layer):
            yield layer.name, parts


def _parts(layer: Any) -> list[Any]:
    return [part for part in layer._flatten_layers() if isinstance(part, keras.layers.RNN)]


def _loops(parts: list[Any]) -> bool:
    return any(not part.unroll for part in parts)


def _can_fuse(layer: Any) -> bool:
    """Whether the converter makes the fused operation of a layer: an LSTM as cuDNN has it, without a mask."""
    fits = isinstance(layer, keras.layers.LSTM) and not layer.unroll and layer._could_use_gpu_kernel
    return fits and not (layer.inbound_nodes and getattr(layer.input, "_keras_mask", None) is not None)


def _steps(layer: Any) -> int | None:
    shape = layer.input_shape[0] if isinstance(layer.input_shape, list) else layer.input_shape
    steps: int | None = shape[1]
    return steps


def _unroll(config: Any) -> None:
    """Sets `unroll` wherever a layer's configuration has it, its own or that of a layer within."""
    if isinstance(config, dict):
        if "unroll" in config:
            config["unroll"] = True
        for value in config.values():
            _unroll(value)
    elif isinstance(config, list):
        for value in config:
            _unroll(value)
