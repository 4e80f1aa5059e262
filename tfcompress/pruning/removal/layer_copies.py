"""Layers, variables and calls copied without their constructors: what Keras does for `copy.deepcopy`, but quick.

Channel removal needs nothing of what a layer's constructor, its `build` and a trace of its `call` do: the kinds of
layers below keep no trace of how many channels they have but the few places that are filled in here. A layer is made of
the state of another one (`__getstate__` and `__setstate__`, the way of Python's own copies), a variable without the
names, scopes and device strings that only graphs need, and a call without being traced.

tf_keras and TensorFlow promise none of this. So it is done with the versions that it was seen with (`SEEN_WITH`) alone,
and what a layer holds is copied only if it is of a type that is known here: else `copied` gives None, for the layer to
be made as ever, from its configuration.
"""

from __future__ import annotations

import copy
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.calls import Call
from ...backend.tensorflow import keras, resource_variables, tf

SEEN_WITH = {"tensorflow": "2.21.0", "tf_keras": "2.21.0"}

_KINDS = frozenset(
    {
        *(f"{kind}{n}D" for kind in ("Conv", "MaxPooling", "AveragePooling", "ZeroPadding") for n in (1, 2, 3)),
        *(f"{kind}{n}D" for kind in ("DepthwiseConv", "SeparableConv", "Cropping", "UpSampling") for n in (1, 2)),
        *(f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)),
        *("Conv2DTranspose", "Conv3DTranspose", "Dense", "BatchNormalization", "LayerNormalization"),
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "Softmax"),
        *("Add", "Multiply", "Concatenate", "Flatten", "Reshape"),
    }
)
_NODES = ("_inbound_nodes_value", "_outbound_nodes_value")
_SPECS = ("_saved_model_inputs_spec", "_saved_model_arg_spec")  # of its calls
_EMPTY = (
    *("_updates", "_losses", "_metrics", "_captured_weight_regularizer", "_self_unconditional_deferred_dependencies"),
    *("_self_name_based_restores", "_self_saveable_object_factories", "_initial_weights", "_activity_regularizer"),
)
_CONFIGURABLE = tuple(f"tf_keras.src.{home}" for home in ("initializers.", "regularizers", "constraints"))
_CONTAINERS = (list, set, dict)
_REGULARIZERS = (
    *((name, f"{name}_regularizer") for name in ("kernel", "bias", "gamma", "beta", "alpha")),
    *((f"{name}_kernel", f"{name}_regularizer") for name in ("depthwise", "pointwise")),
)
_COUNTS = "_obj_reference_counts_dict"  # how many attributes hold each object; by identity
_WITHIN = (*_NODES, *_SPECS, _COUNTS, "_callable_losses", "_call_spec", "_input_spec", "_build_input_shape")
_ELSEWHERE = frozenset((*_WITHIN, *_EMPTY, "_auto_config"))  # the last is of layers without a `get_config` of their own
_SAME = frozenset(
    {
        *(type(None), bool, int, float, str, type, types.FunctionType, types.BuiltinFunctionType),
        *(np.float32, np.float64, np.int32, np.int64),
    }
)


class _Unknown(Exception):
    """Something of which it is not known how to copy it."""


def are_possible() -> bool:
    """Whether TensorFlow and tf_keras are of the versions whose inner parts are known here."""
    return {"tensorflow": tf.__version__, "tf_keras": keras.__version__} == SEEN_WITH


def copied(
    layer: Any,
    weights: Sequence[tuple[Any, np.ndarray | None]],
    settings: Mapping[str, Any],
    inputs: tuple[Any, Any],
    variable: Callable[..., Any] | None = None,
) -> Any:
    """A copy of `layer` without calls, or None where it holds something that is not known.

    Args:
      layer: it has been called; it is unchanged.
      weights: each of its weights, and what the copy has instead; None: the same values.
      settings: attributes that the copy has otherwise.
      inputs: symbolic tensors (lists where there are several): what it was called on, and what the copy will be.
      variable: what makes a variable; None: `variable_like`, which is quicker than `tf.Variable`.
    """
    kind = type(layer)
    if kind.__name__ not in _KINDS or not kind.__module__.startswith("tf_keras."):
        return None
    try:
        state = _state(layer, weights, settings, inputs, variable)
    except _Unknown:
        return None
    made = object.__new__(kind)  # as Python's own way of copying does it
    made.__setstate__(state)
    for name, regularizer in _regularizers(made).items():
        weight = getattr(made, name)
        made._handle_weight_regularization(weight.name.split(":")[0], weight, regularizer)
    return made


def _state(
    layer: Any, weights: Any, settings: Mapping[str, Any], inputs: tuple[Any, Any], make: Callable[..., Any] | None
) -> dict[str, Any]:
    state = layer.__getstate__()
    if any(state.get(name) for name in _EMPTY) or not all(name in state for name in _WITHIN):
        raise _Unknown
    if len(state["_callable_losses"]) != len(_regularizers(layer)):
        raise _Unknown  # losses of another origin
    replaced: dict[int, tuple[Any, Any]] = {}  # by identity: what was, and what is there instead
    for variable, values in weights:
        replaced[id(variable)] = variable, _variable(variable, values, replaced, make)
    made = {
        name: value if type(value) in _SAME else _counterpart(value, replaced)  # most are, and a call takes its time
        for name, value in state.items()
        if name not in _ELSEWHERE
    }
    for name, value in settings.items():
        if type(value) is not type(made.get(name)):
            raise _Unknown
        made[name] = value
    made.update({name: [] for name in _NODES}, _callable_losses=[], _auto_get_config=False)
    made.update({name: _another_empty(state[name]) for name in _EMPTY if name in state})
    made["_call_spec"] = copy.copy(state["_call_spec"])
    before, after, spec = _signatures(*inputs)
    made["_input_spec"] = _input_spec(state["_input_spec"], before, after)
    made["_build_input_shape"] = after
    made.update(_saved_model_inputs_spec=spec, _saved_model_arg_spec=([spec], {}))
    if "_param_shape" in made:  # batch normalization's, of its scale and offset
        if tuple(made["_param_shape"]) != tuple(layer.moving_mean.shape):
            raise _Unknown
        made["_param_shape"] = type(made["_param_shape"])(made["moving_mean"].shape)
    if state["_input_spec"] is not None:
        replaced[id(state["_input_spec"])] = state["_input_spec"], made["_input_spec"]
    made[_COUNTS] = _counts(state[_COUNTS], replaced)
    return made


def _signatures(before: Any, after: Any) -> tuple[Any, Any, Any]:
    """The shapes of the old and the new input, and the signature of the new one."""
    if isinstance(after, list):
        return [each.shape for each in before], [each.shape for each in after], [each.type_spec for each in after]
    return before.shape, after.shape, after.type_spec


def _variable(
    variable: Any, values: np.ndarray | None, replaced: dict[int, tuple[Any, Any]], make: Callable[..., Any] | None
) -> Any:
    """A variable like `variable`, with these values; one that casts itself, or is spread over devices, is not known."""
    if type(variable).__name__ != "ResourceVariable":
        raise _Unknown
    constraint = _counterpart(variable.constraint, replaced)
    if make is None:
        return variable_like(variable, values, constraint)
    return make(
        *(variable.value() if values is None else values, variable.trainable),
        name=variable.name.split(":")[0],
        constraint=constraint,
        synchronization=variable.synchronization,
        aggregation=variable.aggregation,
    )


def _counterpart(value: Any, replaced: dict[int, tuple[Any, Any]]) -> Any:
    """What the copy holds where the layer holds `value`."""
    kind = type(value)
    if kind in _SAME:
        return value
    if id(value) in replaced:
        return replaced[id(value)][1]
    if kind is tuple:
        return tuple(_counterpart(member, replaced) for member in value)
    found = _copy(value, kind, replaced)
    replaced[id(value)] = value, found
    return found


def _copy(value: Any, kind: Any, replaced: dict[int, tuple[Any, Any]]) -> Any:
    if kind in _CONTAINERS and not value:
        return kind()
    if kind in (list, set):
        return kind(_counterpart(member, replaced) for member in value)
    if kind is dict:
        return {_counterpart(key, replaced): _counterpart(member, replaced) for key, member in value.items()}
    if kind is np.ndarray:
        return value.copy()
    name, home = kind.__name__, kind.__module__
    if name in ("TensorShape", "DType", "Policy"):
        return value  # never changed
    if name == "TrackableReference":  # a name and what it stands for
        return kind(value.name, _counterpart(value.ref, replaced))
    if name == "ListWrapper" and home.startswith("tensorflow."):
        return kind([_counterpart(member, replaced) for member in value])
    if home.startswith(_CONFIGURABLE):
        return kind.from_config(value.get_config())
    raise _Unknown


def _another_empty(value: Any) -> Any:
    """What is like `value`, which is empty; tracked containers cannot be made without contents."""
    kind: Any = type(value)
    return kind() if kind in _CONTAINERS else copy.copy(value)


def _regularizers(layer: Any) -> dict[str, Any]:
    """The regularizers of a layer's weights, by the name of the weight."""
    held = vars(layer)
    return {
        name: held[regularizer]
        for name, regularizer in _REGULARIZERS
        if held.get(regularizer) is not None and held.get(name) is not None
    }


def _input_spec(spec: Any, before: Any, after: Any) -> Any:
    """What the layer expects of its input, for the input's new shape."""
    if spec is None:
        return None
    if isinstance(before, list) or spec.shape is not None or any(before[a] != n for a, n in spec.axes.items()):
        raise _Unknown
    found = copy.copy(spec)
    found.axes = {axis: after[axis] for axis in spec.axes}
    return found


def _counts(counts: Any, replaced: Mapping[int, tuple[Any, Any]]) -> Any:
    """How many attributes hold each object, with the copy's objects in the place of the layer's."""
    found = type(counts)()
    for key, count in counts._storage.items():
        old, new = replaced.get(id(key.unwrapped), (None, None))
        if old is new:
            found._storage[key] = count
        else:
            found[new] = count
    return found


def values_of(variable: Any) -> Any:
    """The values of a variable, as a tensor; no gradient is meant to go through them, so no tape hears of it."""
    if type(variable).__name__ != "ResourceVariable":
        return variable.value()
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)


def variable_like(variable: Any, values: np.ndarray | None, constraint: Any) -> Any:
    """A variable with the name, the type and the ways of `variable`.

    Args:
      variable: a `ResourceVariable`; it is unchanged.
      values: of its type, and of any shape; None: the values of `variable`.
      constraint: what the new one has as its constraint.
    """
    name = variable.name.split(":")[0]
    initial = values_of(variable) if values is None else tf.constant(values)
    made = object.__new__(type(variable))
    handle = resource_variables._variable_handle_from_shape_and_dtype(
        *(initial.shape, initial.dtype, None, name), graph_mode=False
    )
    identity = f"{name}_{resource_variables.ops.uid()}"
    handle._parent_trackable, handle._name, handle._unique_id = weakref.ref(made), f"{name}:0", identity
    tf.raw_ops.AssignVariableOp(resource=handle, value=initial)
    resource_variables.BaseResourceVariable.__init__(
        made,
        trainable=variable.trainable,
        shape=initial.shape,
        dtype=initial.dtype,
        handle=handle,
        name=name,
        unique_id=identity,
        handle_name=name,
        in_graph_mode=False,
        constraint=constraint,
        synchronization=variable.synchronization,
        aggregation=variable.aggregation,
    )
    return made


def is_plain(call: Call) -> bool:
    """Whether a call has nothing but tensors without masks, and gives one."""
    if len(call.args) != 1 or call.kwargs or len(call.outputs) != 1:
        return False
    (given,) = call.args
    tensors = [*(given if isinstance(given, (list, tuple)) else [given]), *call.outputs]
    return all(
        type(tensor).__name__ == "KerasTensor" and getattr(tensor, "_keras_mask", None) is None for tensor in tensors
    )


def called(call: Call, layer: Any, given: Any, shape: Any) -> Any:
    """What a call like a plain one gives, noted in the layers that it connects.

    Args:
      call: it is unchanged.
      layer: the one that is called now.
      given: its argument, a tensor of Keras's or a list of them.
      shape: of what it gives.
    """
    (before,) = call.outputs
    output = type(before)(tf.TensorSpec(shape, before.dtype), name=call.layer.name)
    several = isinstance(given, list)
    tensors = list(given) if several else [given]
    identities = [str(id(tensor)) for tensor in tensors]
    node = object.__new__(type(before.node))
    vars(node).update(
        layer=layer,
        is_input=False,
        outputs=output,
        call_args=(tensors if several else given,),
        call_kwargs={},
        _flat_arguments=list(tensors),
        _single_positional_tensor_passed=not several,
        _keras_inputs=list(tensors),
        _keras_inputs_ids_and_indices=[(identity, place) for place, identity in enumerate(identities)],
        flat_input_ids=identities,
        flat_output_ids=[str(id(output))],
    )
    history = type(before._keras_history)
    output._keras_history = history(layer=layer, node_index=len(layer._inbound_nodes), tensor_index=0)
    layer._inbound_nodes.append(node)
    for tensor in tensors:
        tensor._keras_history.layer._outbound_nodes.append(node)
    return output
