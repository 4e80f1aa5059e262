"""Channels of recurrent units, attention heads and embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from .atoms import Channels
from .trace import TracedCall, Tracer, applied

_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_CANDIDATE = {"LSTM": 2, "GRU": 2, "SimpleRNN": 0}  # the gate whose zero leaves the unit's state at zero


def embedding(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """Each entry of a word's vector is a channel."""
    layer = call.layer
    atoms = tracer.own(layer, layer.output_dim)
    tracer.weight(layer, layer.embeddings, 1, "makes", atoms)
    tracer.setting(layer, ("output_dim",), atoms)
    return [Channels(len(call.outputs[0].shape) - 1, atoms, tracer.made(atoms, layer.embeddings, 1))]


def recurrent(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """A unit goes from all gates, and from what the gates read of the step before."""
    layer = call.layer
    if not _is_plain(call):
        return tracer.unknown(call, f"{call} has states that others see")
    channels = tracer.along(call, -1)
    atoms = tracer.own(layer, layer.units)
    tracer.setting(layer, ("units",), atoms)
    values = _units(tracer, call, layer, channels, atoms)
    return [Channels(len(call.outputs[0].shape) - 1, atoms, values)]


def bidirectional(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """Unit i goes from both directions, which share their settings."""
    layer = call.layer
    forward, backward = layer.forward_layer, layer.backward_layer
    known = type(forward).__name__ in _GATES and type(backward) is type(forward)
    if not known or not _is_plain(call) or "backward_layer" in layer.get_config():
        return tracer.unknown(call)
    channels = tracer.along(call, -1)
    atoms = tracer.own(layer, forward.units)
    tracer.setting(layer, ("layer", "config", "units"), atoms)
    first, second = (_units(tracer, call, inner, channels, atoms) for inner in (forward, backward))
    axis = len(call.outputs[0].shape) - 1
    if layer.merge_mode == "concat":
        return [Channels(axis, np.tile(atoms, 2), np.concatenate([first, second], axis=1))]
    if layer.merge_mode in ("sum", "mul", "ave"):
        return [Channels(axis, atoms, np.where((first == 0) & (second == 0), 0.0, np.nan))]
    return tracer.unknown(call)


def _is_plain(call: TracedCall) -> bool:
    layer = getattr(call.layer, "forward_layer", call.layer)
    states = layer.return_state or layer.stateful or layer.time_major or len(call.inputs) > 1
    return not states and len(call.outputs) == 1


def _units(tracer: Tracer, call: TracedCall, inner: Any, channels: Channels, atoms: np.ndarray) -> np.ndarray:
    """Notes the weights of a recurrent layer, and gives the values of its outputs."""
    cell, kind, count = inner.cell, type(inner).__name__, len(atoms)
    gates = np.tile(atoms, _GATES[kind])
    tracer.weight(call.layer, cell.kernel, 0, "takes", channels.atoms)
    tracer.read(call, channels, cell.kernel, 0)
    tracer.weight(call.layer, cell.kernel, 1, "makes", gates)
    tracer.weight(call.layer, cell.recurrent_kernel, 0, "takes", atoms)
    tracer.weight(call.layer, cell.recurrent_kernel, 1, "makes", gates)
    if cell.bias is not None:
        tracer.weight(call.layer, cell.bias, -1, "makes", gates)
    values = np.zeros((2, count))
    if tracer.reads_weights:
        begin = _CANDIDATE[kind] * count
        parts = [weight for weight in (cell.kernel, cell.recurrent_kernel, cell.bias) if weight is not None]
        seen = [np.any(part.numpy()[..., begin : begin + count].reshape(-1, count), axis=0) for part in parts]
        values[1] = np.where(np.any(seen, axis=0), np.nan, 0.0)
    return np.where(applied(inner.activation, values) == 0, 0.0, np.nan)


def attention(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """Whole heads go: from the projections of query, key and value, and from the projection of the output."""
    layer = call.layer
    if len(call.outputs) > 1 or len(call.inputs) > 3 or call.kwargs.get("return_attention_scores"):
        return tracer.unknown(call, f"{call} gives its scores, or takes a mask")
    inputs = _attention_inputs(call)
    if inputs is None:
        return tracer.unknown(call)
    heads = tracer.own(layer, layer._num_heads, "heads")
    tracer.setting(layer, ("num_heads",), heads)
    for name, number in inputs.items():
        dense = getattr(layer, f"_{name}_dense")
        channels = tracer.along(call, -1, number)
        tracer.weight(layer, dense.kernel, 0, "takes", channels.atoms)
        tracer.read(call, channels, dense.kernel, 0)
        tracer.weight(layer, dense.kernel, 1, "makes", heads)
        tracer.weight(layer, dense.bias, 0, "makes", heads)
        tracer.setting(layer, (f"{name}_shape", len(call.inputs[number].shape) - 1), channels.atoms)
    out = layer._output_dense
    values = tracer.made(heads, layer._value_dense.kernel, 1)
    if tracer.reads_weights and layer._value_dense.bias is not None:
        values[1][np.any(layer._value_dense.bias.numpy(), axis=-1)] = np.nan
    tracer.read(call, Channels(1, heads, values), out.kernel, 0)
    tracer.weight(layer, out.kernel, 0, "takes", heads)
    return [_projected(tracer, call, out, inputs["query"])]


def _projected(tracer: Tracer, call: TracedCall, out: Any, query: int) -> Channels:
    """The output's channels: as many as the query's, unless the layer was given a shape of its own."""
    layer, axis = call.layer, len(call.outputs[0].shape) - 1
    if layer._output_shape is None:
        atoms = tracer.along(call, -1, query).atoms
    else:
        atoms = tracer.pinned(call.outputs[0], f"{call} has an output shape of its own").atoms
    tracer.weight(layer, out.kernel, -1, "makes", atoms)
    tracer.weight(layer, out.bias, 0, "makes", atoms)
    return Channels(axis, atoms, tracer.made(atoms, out.kernel, -1, out.bias))


def _attention_inputs(call: TracedCall) -> dict[str, int] | None:
    """Which of the call's tensors are query, value and key; None when other tensors are among them."""
    names = ("query", "value", "key")
    given = dict(zip(names, call.args, strict=False)) | {
        name: call.kwargs[name] for name in names if name in call.kwargs
    }
    given = {name: tensor for name, tensor in given.items() if tensor is not None}
    places = {id(tensor): number for number, tensor in enumerate(call.inputs)}
    others = set(places) - {id(tensor) for tensor in given.values()}
    if others or not {"query", "value"} <= given.keys():
        return None
    found = {name: places[id(tensor)] for name, tensor in given.items()}
    return {**found, "key": found.get("key", found["value"])}
