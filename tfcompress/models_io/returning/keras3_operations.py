"""TensorFlow's operations in a tf_keras graph (TFOpLambda and SlicingOpLambda layers), as operations of `keras.ops`.

Arguments go by the names that TensorFlow's function has for them, however they were given. What is in no table here is
refused: a file of Keras 3 could not name it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backend.calls import is_tensor
from ...backend.tensorflow import tf
from ...layers.twins import keras3
from .keras3_layers import NoForm

_ROOMS = ("", "math", "nn", "linalg", "__operators__")  # of TensorFlow; others have functions of the same names

# One tensor in, one out; by the name of keras.ops.
_UNARY = {
    **{
        name: name
        for name in (
            *("abs", "negative", "sign", "square", "floor", "round", "ceil", "exp", "expm1", "log", "log1p", "sqrt"),
            *("rsqrt", "reciprocal", "erf", "tanh", "sigmoid", "sin", "cos", "tan", "sinh", "cosh", "log_sigmoid"),
            *("relu", "relu6", "softplus", "softsign", "silu", "selu", "elu", "logical_not", "zeros_like", "ones_like"),
            *("stop_gradient",),
        )
    },
    **{"swish": "silu", "identity": "copy", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh"},
    **{"acosh": "arccosh", "atanh": "arctanh", "is_nan": "isnan", "is_inf": "isinf", "is_finite": "isfinite"},
    **{"neg": "negative"},
}
# Two operands of one dtype.
_BINARY = {
    **{name: name for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "equal", "not_equal")},
    **{name: name for name in ("greater", "greater_equal", "less", "less_equal", "logical_and", "logical_or")},
    **{"truediv": "true_divide", "realdiv": "true_divide", "floordiv": "floor_divide", "floor_div": "floor_divide"},
    **{"floormod": "mod", "mod": "mod", "pow": "power", "sub": "subtract", "mul": "multiply", "eq": "equal"},
    **{"ne": "not_equal", "atan2": "arctan2", "logical_xor": "logical_xor", "divide_no_nan": "divide_no_nan"},
}
_REDUCTIONS = {
    **{"reduce_mean": "mean", "reduce_sum": "sum", "reduce_prod": "prod", "reduce_max": "max", "reduce_min": "min"},
    **{"reduce_std": "std", "reduce_variance": "var", "reduce_logsumexp": "logsumexp", "reduce_any": "any"},
    **{"reduce_all": "all"},
}
_RENAMED = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax"}


def call_operation(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Calls on Keras 3 tensors what a layer stands for that is one of TensorFlow's operations.

    Args:
      layer: a TFOpLambda or SlicingOpLambda.
      args: of its call, with Keras 3 tensors in the place of tf_keras's.

    Returns:
      The output tensors, in a nest.

    Raises:
      NoForm: when no operation of Keras 3 is known to be the same.
    """
    room, _, name = str(layer.symbol).removeprefix("compat.v1.").rpartition(".")
    given = _by_parameter(layer, args, kwargs)
    if room in _ROOMS:
        if name in _UNARY:
            return _op(_UNARY[name])(next(iter(given.values())))
        if name in _BINARY:
            first, second = list(given.values())[:2]
            return _op(_BINARY[name])(*_alike(first, second))
        if name in _REDUCTIONS:
            x = next(iter(given.values()))
            return _op(_REDUCTIONS[name])(x, axis=_plain(given["axis"]), keepdims=bool(given.get("keepdims")))
        if name in _FORMS:
            return _FORMS[name](given)
    raise NoForm(f"no operation of keras.ops is known here for tf.{layer.symbol}")


def _op(name: str) -> Callable[..., Any]:
    return getattr(keras3().ops, name)


def _by_parameter(layer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by the names of the function's parameters, the defaults too."""
    try:
        bound = inspect.signature(layer.function).bind(*args, **kwargs)
    except TypeError as error:
        raise NoForm(f"tf.{layer.symbol} is called in a way that its signature has not: {error}") from error
    bound.apply_defaults()
    return dict(bound.arguments)


def _plain(value: Any) -> Any:
    """A constant as Keras 3 can write it into a file: numbers, and tuples of them."""
    if value is None or is_tensor(value):
        return value
    if tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return tuple(_plain(item) for item in value) if isinstance(value, (list, tuple)) else value


def _number(value: Any, what: str) -> Any:
    """A setting that has to be known now. Raises `NoForm` for one that is computed."""
    plain = _plain(value)
    if any(is_tensor(item) for item in tf.nest.flatten(plain)):
        raise NoForm(f"its {what} is computed by the model")
    return plain


def _alike(*operands: Any) -> list[Any]:
    """Operands of which constants have the dtype of the tensors, as TensorFlow makes them."""
    dtype = next((operand.dtype for operand in operands if is_tensor(operand)), None)
    return [_constant(operand, dtype) for operand in operands]


def _constant(value: Any, dtype: Any) -> Any:
    if is_tensor(value) or isinstance(value, (bool, int, float)):
        return value
    values = np.asarray(value, dtype)
    return values.item() if values.ndim == 0 else values


def _dtype(value: Any) -> str:
    return tf.as_dtype(value).name


def _get_item(given: Mapping[str, Any]) -> Any:
    tensor, key = list(given.values())[:2]
    keys = key if isinstance(key, (list, tuple)) else (key,)
    return tensor[tuple(_slice(part) for part in keys)]


def _slice(part: Any) -> Any:
    """A part of a key; tf_keras keeps a slice as a dictionary."""
    part = _number(part if not isinstance(part, Mapping) else list(part.items()), "index")
    if isinstance(part, tuple):
        found = dict(part)
        return slice(found["start"], found["stop"], found["step"])
    return part


def _matmul(given: Mapping[str, Any]) -> Any:
    first, second = _alike(given["a"], given["b"])
    others = [value for key, value in given.items() if key not in ("a", "b", "name", "transpose_a", "transpose_b")]
    if any(others):
        raise NoForm("its product is of an adjoint or sparse matrix")
    swapped = [
        _op("swapaxes")(x, -1, -2) if given[key] else x for x, key in ((first, "transpose_a"), (second, "transpose_b"))
    ]
    return _op("matmul")(*swapped)


def _split(given: Mapping[str, Any]) -> Any:
    x, sizes = given["value"], _number(given["num_or_size_splits"], "number of parts")
    axis = _number(given["axis"], "axis")
    if isinstance(sizes, int):
        return _op("split")(x, sizes, axis=axis)
    if -1 in sizes:
        length = x.shape[axis]
        if length is None:
            raise NoForm("its parts are of unknown sizes")
        sizes = tuple(length - sum(sizes) - 1 if size == -1 else size for size in sizes)
    return _op("split")(x, [int(end) for end in np.cumsum(sizes)[:-1]], axis=axis)


def _transpose(given: Mapping[str, Any]) -> Any:
    if given.get("conjugate"):
        raise NoForm("it conjugates")
    return _op("transpose")(given["a"], axes=_number(given["perm"], "order of axes"))


def _squeeze(given: Mapping[str, Any]) -> Any:
    axis = _number(given["axis"] if given.get("squeeze_dims") is None else given["squeeze_dims"], "axis")
    return _op("squeeze")(given["input"], axis=axis or None)


def _pad(given: Mapping[str, Any]) -> Any:
    mode, widths = str(given["mode"]).lower(), _number(given["paddings"], "width")
    value = _number(given["constant_values"], "padding value") if mode == "constant" else None
    return _op("pad")(given["tensor"], widths, mode, constant_values=value)


def _where(given: Mapping[str, Any]) -> Any:
    if given["x"] is None or given["y"] is None:
        raise NoForm("it gives indices, as many as there are")
    return _op("where")(given["condition"], *_alike(given["x"], given["y"]))


def _gather(given: Mapping[str, Any]) -> Any:
    if _plain(given["batch_dims"]):
        raise NoForm("it gathers for each example")
    indices = given["indices"]
    indices = indices if is_tensor(indices) else np.asarray(_plain(indices), "int32")
    return _op("take")(_tensor(given["params"]), indices, axis=_number(given["axis"], "axis") or 0)


def _tensor(value: Any) -> Any:
    return value if is_tensor(value) else np.asarray(value)


def _one_hot(given: Mapping[str, Any]) -> Any:
    if (given["on_value"], given["off_value"]) not in ((None, None), (1, 0)):
        raise NoForm("it is hot at another value than 1")
    axis = -1 if given["axis"] is None else given["axis"]
    dtype = _dtype(given["dtype"] or "float32")
    return _op("one_hot")(given["indices"], _number(given["depth"], "depth"), axis=axis, dtype=dtype)


def _argument(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def of(given: Mapping[str, Any]) -> Any:
        axis = _number(given["axis"] if given.get("dimension") is None else given["dimension"], "axis")
        return _op("cast")(_op(name)(given["input"], axis=axis or 0), _dtype(given["output_type"]))

    return of


def _cumulative(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def of(given: Mapping[str, Any]) -> Any:
        if given["exclusive"] or given["reverse"]:
            raise NoForm("it is exclusive or backwards")
        return _op(name)(given["x"], axis=_number(given["axis"], "axis"))

    return of


def _softmax(name: str) -> Callable[[Mapping[str, Any]], Any]:
    def of(given: Mapping[str, Any]) -> Any:
        axis = given["axis"] if given.get("dim") is None else given["dim"]
        return _op(name)(given["logits"], axis=-1 if axis is None else _number(axis, "axis"))

    return of


def _l2_normalized(given: Mapping[str, Any]) -> Any:
    x, axis = given["x"], given["axis"] if given.get("dim") is None else given["dim"]
    squares = _op("sum")(_op("square")(x), axis=_number(axis, "axis"), keepdims=True)
    return x * _op("rsqrt")(_op("maximum")(squares, _number(given["epsilon"], "epsilon")))


def _squared_difference(given: Mapping[str, Any]) -> Any:
    return _op("square")(_op("subtract")(*_alike(given["x"], given["y"])))


def _sum_of_all(given: Mapping[str, Any]) -> Any:
    total, *others = given["inputs"]
    for other in others:
        total = _op("add")(*_alike(total, other))
    return total


def _einsum(given: Mapping[str, Any]) -> Any:
    if given.get("kwargs"):
        raise NoForm("it has settings of its own")
    return _op("einsum")(given["equation"], *_alike(*given["inputs"]))


_FORMS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "getitem": _get_item,
    "matmul": _matmul,
    "split": _split,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "pad": _pad,
    "where": _where,
    "gather": _gather,
    "one_hot": _one_hot,
    "argmax": _argument("argmax"),
    "argmin": _argument("argmin"),
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "softmax": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    "l2_normalize": _l2_normalized,
    "squared_difference": _squared_difference,
    "add_n": _sum_of_all,
    "einsum": _einsum,
    "concat": lambda given: _op("concatenate")(_alike(*given["values"]), axis=_number(given["axis"], "axis")),
    "stack": lambda given: _op("stack")(_alike(*given["values"]), axis=_number(given["axis"], "axis")),
    "unstack": lambda given: _op("unstack")(given["value"], given["num"], axis=_number(given["axis"], "axis")),
    "reshape": lambda given: _op("reshape")(given["tensor"], _number(given["shape"], "shape")),
    "expand_dims": lambda given: _op("expand_dims")(given["input"], axis=_number(given["axis"], "axis")),
    "tile": lambda given: _op("tile")(given["input"], _number(given["multiples"], "number of copies")),
    "repeat": lambda given: _op("repeat")(
        given["input"], _number(given["repeats"], "number of copies"), axis=_number(given["axis"], "axis")
    ),
    "cast": lambda given: _op("cast")(given["x"], _dtype(given["dtype"])),
    "clip_by_value": lambda given: _op("clip")(
        given["t"], _number(given["clip_value_min"], "least value"), _number(given["clip_value_max"], "largest value")
    ),
    "tensordot": lambda given: _op("tensordot")(*_alike(given["a"], given["b"]), axes=_number(given["axes"], "axes")),
    "gelu": lambda given: _op("gelu")(given["features"], approximate=bool(given["approximate"])),
    "leaky_relu": lambda given: _op("leaky_relu")(given["features"], _number(given["alpha"], "slope")),
    "reverse": lambda given: _op("flip")(given["tensor"], axis=_number(given["axis"], "axis")),
    "roll": lambda given: _op("roll")(given["input"], _number(given["shift"], "shift"), _number(given["axis"], "axis")),
    "top_k": lambda given: _op("top_k")(given["input"], _number(given["k"], "k"), sorted=bool(given["sorted"])),
    "ensure_shape": lambda given: given["x"],
}
