"""Operations of `keras.ops` in a graph, as TensorFlow's own, which tf_keras records as TFOpLambda layers by name.

Sums and products of two equal shapes, and concatenations, become layers (`Add`, `Multiply`, `Concatenate`): pruning and
quantization know these, and not their TFOpLambda twins. What no table here has is hosted as it is (layers/twins.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...backend.calls import is_tensor
from ...backend.tensorflow import keras, tf

# One tensor in, one out, the same dtype; by TensorFlow's name.
_UNARY = {
    **{
        "Absolute": "abs",
        "Negative": "negative",
        "Sign": "sign",
        "Square": "square",
        "Floor": "floor",
        "Round": "round",
    },
    **{
        "Ceil": "math.ceil",
        "Exp": "exp",
        "Expm1": "math.expm1",
        "Log": "math.log",
        "Log1p": "math.log1p",
        "Sqrt": "sqrt",
    },
    **{"Rsqrt": "math.rsqrt", "Reciprocal": "math.reciprocal", "Erf": "math.erf", "Tanh": "tanh", "Sigmoid": "sigmoid"},
    **{"Sin": "sin", "Cos": "cos", "Tan": "tan", "Sinh": "sinh", "Cosh": "cosh", "Arctan": "atan", "Relu": "nn.relu"},
    **{"Relu6": "nn.relu6", "Softplus": "nn.softplus", "Softsign": "nn.softsign", "Silu": "nn.silu", "Selu": "nn.selu"},
    **{"LogSigmoid": "math.log_sigmoid", "ZerosLike": "zeros_like", "OnesLike": "ones_like"},
    **{"StopGradient": "stop_gradient", "Copy": "identity"},
}
# Two operands, brought to the dtype of the result first, as Keras 3 promotes them.
_ARITHMETIC = {
    **{"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide", "TrueDivide": "divide"},
    **{"FloorDivide": "math.floordiv", "Mod": "math.floormod", "Power": "pow", "Maximum": "maximum"},
    **{"Minimum": "minimum", "Matmul": "matmul"},
}
# Two operands, brought to one dtype, with a truth value as the result.
_COMPARISONS = {
    **{"Equal": "equal", "NotEqual": "not_equal", "Greater": "greater", "GreaterEqual": "greater_equal"},
    **{"Less": "less", "LessEqual": "less_equal"},
}
_LOGIC = {"LogicalAnd": "logical_and", "LogicalOr": "logical_or", "LogicalNot": "logical_not"}
_REDUCTIONS = {
    **{"Mean": "reduce_mean", "Sum": "reduce_sum", "Prod": "reduce_prod", "Var": "math.reduce_variance"},
    **{"Std": "math.reduce_std", "Logsumexp": "reduce_logsumexp", "Max": "reduce_max", "Min": "reduce_min"},
}
_LAYERS = {"Add": "Add", "Subtract": "Subtract", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}


def emit(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], dtypes: Sequence[str], name: str) -> Any:
    """Calls what stands for a Keras 3 operation on tf_keras tensors.

    Args:
      operation: the Keras 3 operation, which holds its settings.
      args: of its call, with tf_keras tensors in the place of Keras 3's.
      dtypes: of its outputs.
      name: for the layer that it becomes, where it becomes one.

    Returns:
      The output tensors, or NotImplemented when the operation is in no table.
    """
    kind = type(operation).__name__
    if kind in _LAYERS and _are_alike(args):
        return getattr(keras.layers, _LAYERS[kind])(name=name)(list(args))
    if kind in _UNARY and len(args) == 1:
        return _symbol(_UNARY[kind])(_cast(args[0], dtypes[0]))
    if kind == "Power" and dtypes[0].startswith("uint"):  # of which TensorFlow has no power
        return tf.cast(tf.pow(*_of_one_dtype([_cast(value, "int32") for value in args])), dtypes[0])
    if kind in _ARITHMETIC and len(args) == 2:
        return _symbol(_ARITHMETIC[kind])(*_of_one_dtype([_cast(value, dtypes[0]) for value in args]))
    if kind in _COMPARISONS and len(args) == 2:
        return _symbol(_COMPARISONS[kind])(*_of_one_dtype(_common(args)))
    if kind in _LOGIC:
        return _symbol(_LOGIC[kind])(*(_cast(value, "bool") for value in args))
    if kind in _REDUCTIONS and getattr(operation, "initial", None) is None:
        x = _cast(args[0], dtypes[0])
        return _symbol(_REDUCTIONS[kind])(x, axis=_plain(operation.axis), keepdims=operation.keepdims)
    if kind in _FORMS:
        return _FORMS[kind](operation, dtypes[0], name, *args, **kwargs)
    return NotImplemented


def _symbol(path: str) -> Callable[..., Any]:
    value = tf
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _are_alike(args: Sequence[Any]) -> bool:
    # An Add layer would pass masks on, where Keras 3's addition ends them.
    if len(args) != 2 or not all(is_tensor(value) and getattr(value, "_keras_mask", None) is None for value in args):
        return False
    return args[0].shape.as_list() == args[1].shape.as_list() and args[0].dtype == args[1].dtype


def _cast(value: Any, dtype: str) -> Any:
    if is_tensor(value):
        return value if value.dtype == dtype else tf.cast(value, dtype)
    if isinstance(value, int) and "float" in dtype:  # TensorFlow would make 2 - x of whole numbers
        return float(value)
    return value.astype(dtype) if hasattr(value, "astype") else value


def _common(args: Sequence[Any]) -> list[Any]:
    from keras.src.backend import result_type

    kinds = [value.dtype.name if hasattr(value, "dtype") else type(value) for value in args]
    return [_cast(value, result_type(*kinds)) for value in args]


def _of_one_dtype(operands: Sequence[Any]) -> Sequence[Any]:
    """Two operands, of which TensorFlow would make a number that comes first an int32, whatever the second is."""
    first, second = operands
    if is_tensor(first) or not isinstance(first, int) or not is_tensor(second) or second.dtype == "int32":
        return operands
    return [tf.zeros_like(second) + first, second]  # a number after a tensor becomes one of its dtype


def _plain(axis: Any) -> Any:
    return list(axis) if isinstance(axis, (list, tuple)) else axis


def _concatenate(operation: Any, dtype: str, name: str, tensors: Sequence[Any]) -> Any:
    tensors = [_cast(tensor, dtype) for tensor in tensors]
    if all(is_tensor(tensor) and getattr(tensor, "_keras_mask", None) is None for tensor in tensors):
        return keras.layers.Concatenate(operation.axis, name=name)(tensors)
    return tf.concat(tensors, operation.axis)


def _transpose(operation: Any, dtype: str, name: str, x: Any) -> Any:
    return tf.transpose(x, perm=_plain(operation.axes))


def _swap_axes(operation: Any, dtype: str, name: str, x: Any) -> Any:
    order = list(range(len(x.shape)))
    first, second = operation.axis1, operation.axis2
    order[first], order[second] = order[second], order[first]
    return tf.transpose(x, perm=order)


def _squeeze(operation: Any, dtype: str, name: str, x: Any) -> Any:
    axis = operation.axis
    return tf.squeeze(x, axis=[axis] if isinstance(axis, int) else _plain(axis))


def _expand(operation: Any, dtype: str, name: str, x: Any) -> Any:
    if not isinstance(operation.axis, int):
        return NotImplemented
    return tf.expand_dims(x, operation.axis)


def _split(operation: Any, dtype: str, name: str, x: Any) -> Any:
    parts, axis = operation.indices_or_sections, operation.axis
    if isinstance(parts, int):
        return tf.split(x, parts, axis=axis)
    length = x.shape[axis]
    if length is None:
        return NotImplemented
    ends = [*parts, length]
    return tf.split(x, [end - begin for begin, end in zip([0, *parts], ends, strict=True)], axis=axis)


def _get_item(operation: Any, dtype: str, name: str, x: Any, key: Any) -> Any:
    return x[tuple(key) if isinstance(key, list) else key]


def _reshape(operation: Any, dtype: str, name: str, x: Any) -> Any:
    return tf.reshape(x, [-1 if length is None else length for length in operation.newshape])


def _where(operation: Any, dtype: str, name: str, condition: Any, x1: Any = None, x2: Any = None) -> Any:
    if x1 is None or x2 is None:
        return NotImplemented
    return tf.where(_cast(condition, "bool"), *_of_one_dtype([_cast(x1, dtype), _cast(x2, dtype)]))


def _take(operation: Any, dtype: str, name: str, x: Any, indices: Any) -> Any:
    # A negative index counts from the end in Keras 3, and is an error in tf.gather.
    if operation.axis is None or is_tensor(indices):
        return NotImplemented
    length = x.shape[operation.axis]
    values = indices.tolist() if hasattr(indices, "tolist") else indices
    flat = tf.nest.flatten(values)
    if length is None or not all(0 <= value < length for value in flat):
        return NotImplemented
    return tf.gather(x, values, axis=operation.axis)


def _clip(operation: Any, dtype: str, name: str, x: Any) -> Any:
    return tf.clip_by_value(_cast(x, dtype), operation.x_min, operation.x_max)


def _one_hot(operation: Any, dtype: str, name: str, x: Any) -> Any:
    if operation.sparse:
        return NotImplemented
    return tf.one_hot(tf.cast(x, "int64"), operation.num_classes, axis=operation.axis, dtype=dtype)


def _pad(operation: Any, dtype: str, name: str, x: Any, constant_values: Any = None) -> Any:
    widths = [list(width) for width in operation.pad_width]
    widths = widths * len(x.shape) if len(widths) == 1 else widths
    if operation.mode not in ("constant", "reflect", "symmetric"):
        return NotImplemented
    return tf.pad(x, widths, operation.mode.upper(), constant_values=constant_values or 0)


_FORMS: dict[str, Callable[..., Any]] = {
    "Concatenate": _concatenate,
    "Stack": lambda operation, dtype, name, x: tf.stack([_cast(value, dtype) for value in x], axis=operation.axis),
    "Transpose": _transpose,
    "Swapaxes": _swap_axes,
    "Squeeze": _squeeze,
    "ExpandDims": _expand,
    "Split": _split,
    "GetItem": _get_item,
    "Reshape": _reshape,
    "Where": _where,
    "Take": _take,
    "Clip": _clip,
    "OneHot": _one_hot,
    "Pad": _pad,
    "Cast": lambda operation, dtype, name, x: tf.cast(x, dtype),
    "Softmax": lambda operation, dtype, name, x: tf.nn.softmax(x, axis=operation.axis),
    "LogSoftmax": lambda operation, dtype, name, x: tf.nn.log_softmax(x, axis=operation.axis),
    "Gelu": lambda operation, dtype, name, x: tf.nn.gelu(x, approximate=operation.approximate),
    "LeakyRelu": lambda operation, dtype, name, x: tf.nn.leaky_relu(x, operation.negative_slope),
    "Elu": lambda operation, dtype, name, x: tf.nn.elu(x) if operation.alpha == 1 else NotImplemented,
    "HardSigmoid": lambda operation, dtype, name, x: tf.nn.relu6(x + 3.0) / 6.0,
    "HardSilu": lambda operation, dtype, name, x: x * tf.nn.relu6(x + 3.0) / 6.0,
}
