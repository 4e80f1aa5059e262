"""A variable made like another one, with other values: what its constructor does when executing eagerly, and no more.

The constructor of TensorFlow's `ResourceVariable` enters name scopes and writes attributes that only the nodes of a
graph have, which is most of its time. A MobileNetV2 has 262 variables.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from ..core.keras import resource_variables, tf

_HANDLE = "_variable_handle_from_shape_and_dtype"


def values_of(variable: Any) -> Any:
    """The values of a variable, as a tensor; no gradient is meant to go through them, so no tape is told."""
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
    ways = {"synchronization": variable.synchronization, "aggregation": variable.aggregation, "constraint": constraint}
    initial = values_of(variable) if values is None else tf.constant(values)
    if not (tf.executing_eagerly() and hasattr(resource_variables, _HANDLE)):
        return type(variable)(initial, variable.trainable, name=name, **ways)
    made = object.__new__(type(variable))
    handle = getattr(resource_variables, _HANDLE)(initial.shape, initial.dtype, None, name, graph_mode=False)
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
        **ways,
    )
    return made
