"""What a Keras model is: parameters, multiply-accumulates, and zeros in kernels; all measured, none believed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..backend.calls import Call, calls
from ..backend.tensorflow import is_quantization_aware, keras, refuse_keras_3, wrappers
from . import macs

if TYPE_CHECKING:
    import numpy as np

MOST_CLUSTERS = 256  # that a kernel is said to be clustered
KERNEL_NAMES = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A model's figures: `num_macs` for one example; `sparsity` is the share of zeros over all kernels."""

    num_parameters: int
    num_macs: int
    uncounted_layers: tuple[str, ...]  # layers with kernels whose multiply-accumulates are not counted
    sparsity: float
    kernel_sparsity: Mapping[str, float]
    quantization_aware: bool
    kernel_values: Mapping[str, int] = dataclasses.field(default_factory=dict)  # how many are distinct
    kernel_levels: Mapping[str, int] = dataclasses.field(default_factory=dict)  # of those fake-quantized, by scale


def measure(model: Any) -> Measurement:
    """Measures `model`, a functional tf_keras model, wrapped by tfmot or not.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="logits")])
    >>> figures = measure(model)
    >>> figures.num_parameters, figures.num_macs, figures.kernel_sparsity["logits/kernel"]
    (15, 12, 0.0)
    """
    found = kernels(model)
    counts = list(_layer_macs(model))
    return Measurement(
        num_parameters=count_parameters(model),
        num_macs=sum(count for _, count in counts if count is not None),
        uncounted_layers=tuple(name for name, count in counts if count is None),
        sparsity=overall_sparsity(found),
        kernel_sparsity={name: zero_share(values) for name, values in found.items()},
        quantization_aware=is_quantization_aware(model),
        kernel_values={name: num_distinct(values) for name, values in found.items()},
        kernel_levels=_kernel_levels(model),
    )


def _kernel_levels(model: Any) -> dict[str, int]:
    """Of each fake-quantized kernel the levels that it uses: the most that share a scale."""
    found = {}
    for wrapper in wrappers(model):
        names = {id(variable): name for name, variable in kernel_variables(wrapper).items()}
        for weight, quantizer, held in wrapper._weight_vars:
            levels = quantizer(weight, False, held).numpy()
            per_channel = len(held["min_var"].shape) > 0
            parts = levels.reshape(-1, levels.shape[-1]).T if per_channel else [levels]
            if id(weight) in names:
                found[f"{plain_name(wrapper)}/{names[id(weight)]}"] = max(map(num_distinct, parts))
    return found


def zero_share(values: np.ndarray) -> float:
    """The share of exact zeros in an array of any shape."""
    return float((values == 0).mean()) if values.size else 0.0


def num_distinct(values: np.ndarray) -> int:
    """How many values of an array are distinct; both zeros are one."""
    import numpy as np

    return len(np.unique(values))


def shares_values(values: np.ndarray) -> bool:
    """Whether an array looks clustered: of its non-zero values at most 256 are distinct, each used twice or more."""
    others = values[values != 0]
    return others.size >= 2 * max(num_distinct(others), 1) and num_distinct(others) <= MOST_CLUSTERS


def overall_sparsity(kernels: Mapping[str, np.ndarray]) -> float:
    """Zeros of all kernels over the entries of all kernels."""
    size = sum(values.size for values in kernels.values())
    return sum(int((values == 0).sum()) for values in kernels.values()) / size if size else 0.0


def kernels(model: Any) -> dict[str, np.ndarray]:
    """Every kernel of `model` by "layer/kernel", as trained (float), whatever wraps it.

    The layer's name is without tfmot's prefixes, so that one kernel has one name through all stages.
    """
    return {
        f"{plain_name(layer)}/{name}": variable.numpy()
        for layer in leaf_layers(model)
        for name, variable in kernel_variables(layer).items()
    }


def plain_name(layer: Any) -> str:
    """The name that the layer had before tfmot wrapped it."""
    return layer.layer.name if _is_tfmot_wrapper(layer) else layer.name


def leaf_layers(model: Any) -> Iterator[Any]:
    """The layers of `model` and of the models nested in it, each once."""
    refuse_keras_3(model)
    yield from dict.fromkeys(_leaves(model))


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def count_parameters(model: Any) -> int:
    """Weights that the exported model needs: a wrapper's masks, steps and ranges are not among them."""
    return sum(
        int(variable.shape.num_elements()) for layer in leaf_layers(model) for variable in layer_variables(layer)
    )


def kernel_variables(layer: Any) -> dict[str, Any]:
    """The layer's kernels; of several of one kind, as attention has, the second is "kernel_2"."""
    found: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for variable in layer_variables(layer):
        kind = variable.name.split(":")[0].split("/")[-1]
        if kind in KERNEL_NAMES:
            counts[kind] = counts.get(kind, 0) + 1
            found[kind if counts[kind] == 1 else f"{kind}_{counts[kind]}"] = variable
    return found


def _is_tfmot_wrapper(layer: Any) -> bool:
    """Whether tfmot wrapped the layer; Bidirectional and TimeDistributed are wrappers too, of the model's own."""
    return isinstance(layer, keras.layers.Wrapper) and type(layer).__module__.startswith(
        "tensorflow_model_optimization"
    )


def layer_variables(layer: Any) -> list[Any]:
    """The layer's own weights. A quantization wrapper swaps its layer's kernel for a tensor, and keeps the variable."""
    if not _is_tfmot_wrapper(layer):
        return [] if type(layer).__name__ == "QuantizeLayer" else layer.weights
    own = list(layer.layer.weights)
    swapped = [weight for weight, _, _ in getattr(layer, "_weight_vars", [])]
    return own + [weight for weight in swapped if all(weight is not other for other in own)]


def macs_by_layer(model: Any) -> dict[str, int | None]:
    """Multiply-accumulates of each layer with a kernel, all its calls together; None where the formula is not known."""
    found: dict[str, int | None] = {}
    for name, count in _layer_macs(model):
        before = found.get(name, 0)
        found[name] = None if count is None or before is None else before + count
    return found


def _layer_macs(model: Any) -> Iterator[tuple[str, int | None]]:
    """Multiply-accumulates by call, so that a layer used twice counts twice; None where we do not know the formula."""
    for call in calls(model):
        if isinstance(call.layer, keras.Model):
            yield from _layer_macs(call.layer)
            continue
        shapes = {name: tuple(variable.shape) for name, variable in kernel_variables(call.layer).items()}
        if shapes:
            yield plain_name(call.layer), _macs(call, shapes)


def _macs(call: Call, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """A kernel entry is used once at each position of the output (of the input, when convolution is transposed)."""
    layer, layers = call.layer, keras.layers
    inner, input_shape, output_shape = layer, tuple(call.inputs[0].shape), tuple(call.outputs[0].shape)
    while hasattr(inner, "layer"):  # tfmot's wrappers, TimeDistributed, Bidirectional
        inner = inner.layer
    if isinstance(inner, layers.Embedding):
        return 0
    if isinstance(inner, layers.Dense) and None not in output_shape[1:-1]:
        return math.prod(output_shape[1:-1]) * math.prod(shapes["kernel"])
    aware = type(inner).__name__ in ("AwareLSTM", "AwareGRU")  # layers/int8/recurrent.py: of the same kernels
    if aware or isinstance(inner, (layers.LSTM, layers.GRU, layers.SimpleRNN)):
        return macs.recurrent(input_shape, shapes.values(), getattr(inner, "time_major", False))
    if isinstance(inner, layers.EinsumDense):
        return macs.einsum(inner.equation, input_shape, shapes["kernel"])
    if isinstance(inner, layers.MultiHeadAttention):
        return _attention_macs(call) if inner is layer else None
    transposed = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
    depthwise = (layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.SeparableConv1D, layers.SeparableConv2D)
    if isinstance(inner, (layers.Conv1D, layers.Conv2D, layers.Conv3D, *transposed, *depthwise)):
        shape = input_shape if isinstance(inner, transposed) else output_shape
        sides = shape[1:-1] if inner.data_format == "channels_last" else shape[2:]
        if None in sides:
            return None  # images of any size
        return math.prod(sides) * sum(math.prod(kernel) for kernel in shapes.values())
    return None


def _attention_macs(call: Call) -> int:
    given = dict(zip(("query", "value", "key"), call.args, strict=False)) | dict(call.kwargs)
    key = given["value"] if given.get("key") is None else given["key"]
    query, value, key = (tuple(tensor.shape) for tensor in (given["query"], given["value"], key))
    config = call.layer.get_config()
    return macs.attention(
        *(query, value, key),
        **{name: config[name] for name in ("num_heads", "key_dim")},
        value_dim=config["value_dim"] or config["key_dim"],
        width=math.prod(call.outputs[0].shape[len(query) - 1 :]),
        axes=config["attention_axes"],
    )
