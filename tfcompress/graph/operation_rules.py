"""How TensorFlow's own operations in a graph (TFOpLambda layers) treat channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.tensorflow import tf
from .atoms import Channels
from .shape_rules import combined, joined, product, reshaped
from .trace import TracedCall, Tracer, applied

_UNARY_NAMES = (
    "nn.relu nn.relu6 nn.silu nn.swish nn.elu nn.selu nn.gelu nn.leaky_relu nn.softplus nn.softsign nn.sigmoid nn.tanh "
    "math.sigmoid math.tanh math.abs math.negative math.square math.sqrt math.rsqrt math.exp math.expm1 math.log "
    "math.log1p math.erf math.sin math.cos math.softplus math.sign math.reciprocal math.round math.floor math.ceil "
    "math.log_sigmoid sigmoid tanh abs sign square sqrt exp floor round identity stop_gradient cast clip_by_value "
    "nn.hard_sigmoid __operators__.neg"
)
_BINARY_NAMES = (
    "__operators__.add math.add math.subtract math.multiply math.divide math.truediv math.maximum math.minimum "
    "math.pow add subtract multiply divide maximum minimum pow"
)
_REDUCTION_NAMES = "reduce_mean reduce_max reduce_min reduce_sum"
_UNARY, _BINARY, _REDUCTIONS = (frozenset(names.split()) for names in (_UNARY_NAMES, _BINARY_NAMES, _REDUCTION_NAMES))
_PRODUCTS = frozenset({"math.multiply", "multiply"})


def follow_operation(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    """The channels of an operation's output; what is not known here is pinned."""
    symbol = _symbol(call)
    if symbol in _UNARY and len(call.inputs) == 1:
        return _unary(tracer, call)
    if symbol in _BINARY:
        return _binary(tracer, call)
    if symbol.removeprefix("math.") in _REDUCTIONS:
        return _reduction(tracer, call)
    if symbol == "concat":
        return joined(tracer, call, _argument(call, 1, "axis"))
    if symbol == "reshape":
        shape = _argument(call, 1, "shape")
        known = isinstance(shape, (list, tuple)) and all(isinstance(length, (int, np.integer)) for length in shape)
        return reshaped(tracer, call, ("call", "shape", 0)) if known else tracer.unknown(call)
    if symbol in ("transpose", "squeeze", "expand_dims"):
        return _moved(tracer, call)
    if symbol == "split":
        return _split(tracer, call)
    return tracer.unknown(call)


def _symbol(call: TracedCall) -> str:
    return call.layer.symbol.removeprefix("compat.v1.")


def _argument(call: TracedCall, position: int, name: str, default: Any = None) -> Any:
    return call.args[position] if len(call.args) > position else call.kwargs.get(name, default)


def _with(call: TracedCall, values: list[np.ndarray]) -> Any:
    """The operation's own function on values, in the place of its tensors."""
    given = {id(tensor): tf.constant(value, tf.float32) for tensor, value in zip(call.inputs, values, strict=True)}

    def place(value: Any) -> Any:
        return given.get(id(value), value)

    args, kwargs = tf.nest.map_structure(place, (call.args, call.kwargs))
    return np.asarray(call.layer.function(*args, **kwargs), float)


def _unary(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    channels = call.channels[0]
    plain = all(np.ndim(value) == 0 for value in tf.nest.flatten((call.args[1:], call.kwargs)) if value is not None)
    if channels is None or not plain:
        return tracer.unknown(call)
    if _symbol(call) == "cast":
        return [channels]
    return [channels.valued(applied(lambda values: _with(call, [values]), channels.values))]


def _binary(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    others = [
        value
        for value in (*call.args, *(value for name, value in call.kwargs.items() if name != "name"))
        if not any(value is tensor for tensor in call.inputs)
    ]
    if any(np.ndim(value) for value in others):
        return tracer.unknown(call, f"{call} has a constant for each channel")
    if _symbol(call) in _PRODUCTS:
        return combined(tracer, call, lambda *values: product(*values, *(np.full_like(values[0], o) for o in others)))
    if len(call.inputs) == 1:
        channels = call.channels[0]
        return [channels.valued(_with(call, [channels.values]))] if channels else tracer.unknown(call)
    return combined(tracer, call, lambda *values: _with(call, list(values)))


def _reduction(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    channels, axis = call.channels[0], _argument(call, 1, "axis")
    keep = bool(_argument(call, 2, "keepdims", False))
    axes = {int(a) % call.rank for a in np.ravel(axis)} if axis is not None else set(range(call.rank))
    if channels is None or channels.axis in axes or 0 in axes:
        return tracer.unknown(call, f"{call} reduces over the channels")
    if "sum" in _symbol(call):
        channels = channels.valued(np.where(channels.values == 0, 0.0, np.nan))
    return [channels.moved(channels.axis - (0 if keep else sum(a < channels.axis for a in axes)))]


def _moved(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    channels, symbol, rank = call.channels[0], _symbol(call), call.rank
    if channels is None:
        return tracer.unknown(call)
    if symbol == "transpose":
        order = _argument(call, 1, "perm")
        order = list(range(rank))[::-1] if order is None else [int(axis) for axis in order]
        return [channels.moved(order.index(channels.axis))] if order[0] == 0 else tracer.unknown(call)
    axis = _argument(call, 1, "axis")
    if axis is None:
        return tracer.unknown(call)
    if symbol == "squeeze":
        axes = {int(a) % rank for a in np.ravel(axis)}
        if 0 in axes or channels.axis in axes:
            return tracer.unknown(call)
        return [channels.moved(channels.axis - sum(a < channels.axis for a in axes))]
    axis = int(axis) % (rank + 1)
    return tracer.unknown(call) if axis == 0 else [channels.moved(channels.axis + (axis <= channels.axis))]


def _split(tracer: Tracer, call: TracedCall) -> list[Channels | None]:
    channels = call.channels[0]
    axis = int(_argument(call, 2, "axis", 0)) % call.rank
    if channels is None or len(call.inputs) != 1:
        return tracer.unknown(call)
    if axis != channels.axis:
        return [channels] * len(call.outputs)
    sizes = [tensor.shape[axis] for tensor in call.outputs]
    tracer.setting(call.layer, ("call", "num_or_size_splits"), channels.atoms, tuple(sizes))
    ends = np.cumsum(sizes)[:-1]
    values = np.split(channels.values, ends, axis=1)
    return [Channels(axis, a, v) for a, v in zip(np.split(channels.atoms, ends), values, strict=True)]
