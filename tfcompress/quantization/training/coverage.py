"""Which layers quantization-aware training can take: by tfmot's rules, by ours, by their output alone, or not at all.

tfmot refuses a whole model for one layer that it does not know. Some of those have an int8 form of our own
(`own_layers`). Many only compute (a product, a rescaling): to follow the range of their output is all that int8 needs.
The rest stays in float, and is named.
"""

from __future__ import annotations

import importlib
from typing import Any

from ...backend.tensorflow import keras, output_only, tfmot
from ...core.errors import UnsupportedModel
from ...graph.rewriting import flattened, rewritten
from .own_layers import FIRST_OF_A_FOLD, INSIDE, has_own, is_aware, is_masked, objection, own

# Elementwise layers without kernels, which tfmot's registry lacks; TFLite has int8 operations for all of them.
OUTPUT_ONLY = ("Rescaling", "Multiply", "Subtract", "Average", "Maximum", "Minimum", "PReLU", "ELU")
# Layers that do nothing when a model is used, and so are no gap.
ABSENT_AT_INFERENCE = (
    *("InputLayer", "QuantizeLayer", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"),
)
# Layers that only move values, in whatever type they come.
MOVING = ("MaxPooling1D", "UpSampling1D", "RepeatVector")
# tfmot folds a BatchNormalization into these; one that follows anything else is an operation of its own.
FOLDING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D")
# Known to tfmot's transforms, which split it, and not to its registry. A SeparableConv1D they make Lambda layers of.
SPLIT = ("SeparableConv2D",)
# Operations between layers that only move values, whose output has the range of their input.
MOVING_OPERATIONS = (
    *("reshape", "transpose", "compat.v1.transpose", "expand_dims", "squeeze", "compat.v1.squeeze", "concat", "split"),
    *("stack", "unstack", "pad", "compat.v1.pad", "tile", "gather", "compat.v1.gather", "reverse", "identity", "slice"),
)
# Ours whose output has a scale already: the table's, or that of tanh.
SCALED = ("AwareEmbedding", "AwareLSTM", "AwareGRU")


def gaps(model: Any) -> dict[str, str]:
    """The layers of `model` that stay in float, all or in part, by name, with the reason; empty when there are none.

    Layers of models inside of it go by their own names, as in the flat model that is trained.

    >>> layers = keras.layers
    >>> gaps(keras.Sequential([layers.Dense(3, input_shape=(2, 4)), layers.SimpleRNN(3, name="memory")]))
    {'memory': 'tfmot knows no quantization of SimpleRNN'}
    """
    registry = _registry()
    reasons = {layer.name: _gap(layer, registry) for layer in flattened(model).layers}
    return {name: reason for name, reason in reasons.items() if reason}


def annotated(model: Any) -> Any:
    """A flat model of the layers of `model`, annotated for tfmot's `quantize_apply` where they can be quantized.

    Args:
      model: a copy that may be used up.
    """
    registry = _registry()
    flat = flattened(model)
    replaced = {layer.name for layer in flat.layers if _is_replaced(layer)}
    if replaced:
        flat = rewritten(flat, lambda layer: own(layer) if layer.name in replaced else None)

    flat, ranged = _with_ranges_behind_float(flat, registry)

    def marked(layer: Any) -> Any:
        annotate = tfmot.quantization.keras.quantize_annotate_layer
        if layer.name in ranged:
            return annotate(layer, output_only()())
        if is_aware(layer):
            return _marked_own(layer)
        if _is_folded_by_us(layer):
            # The convolution's output, and this layer's before a ReLU, are no tensors of the file.
            return annotate(layer, _nothing() if _before_relu(layer) else output_only()())
        if not _objection(layer, registry):
            return annotate(layer, _nothing() if type(layer).__name__ in MOVING else None)
        # tfmot follows the output of what stands before a quantized layer, and raises over activations unknown to it.
        foreign = registry.supports(layer) and not is_masked(layer)
        return annotate(layer, output_only()()) if foreign or type(layer).__name__ in OUTPUT_ONLY else layer

    # `clone_model` puts what is marked, the layers themselves and their weights.
    marks = {layer.name: marked(layer) for layer in flat.layers if not isinstance(layer, keras.layers.InputLayer)}
    for layer in flat.layers:
        if marks.get(layer.name, layer) is not layer:
            _require_float(layer)
            _call_in_any_mode(layer)
    return keras.models.clone_model(flat, clone_function=lambda layer: marks[layer.name])


def _with_ranges_behind_float(flat: Any, registry: Any) -> tuple[Any, set[str]]:
    """The model with an identity behind each layer in float that feeds one that is quantized, and their names.

    The range of what it gives is followed: without it the converter leaves the layers behind in float, too.
    """

    def is_quantized(layer: Any) -> bool:
        return bool(layer.weights) and (is_aware(layer) or not _gap(layer, registry))

    def is_last_in_float(layer: Any) -> bool:
        kind = type(layer).__name__
        moves = kind == "SlicingOpLambda" or getattr(layer, "symbol", "") in MOVING_OPERATIONS
        if moves or kind in ABSENT_AT_INFERENCE or is_aware(layer) or not _gap(layer, registry):
            return False
        one = len(layer.inbound_nodes) == 1 and hasattr(layer.output, "dtype") and layer.output.dtype.is_floating
        return one and any(map(is_quantized, _layers_after(layer)))

    names = {layer.name for layer in flat.layers if is_last_in_float(layer)}
    if not names:
        return flat, set()

    def behind(layer: Any) -> Any:
        return keras.layers.Activation("linear", name=f"{layer.name}_range") if layer.name in names else None

    return rewritten(flat, lambda layer: None, behind), {f"{name}_range" for name in names}


def called_in_inference(model: Any) -> set[str]:
    """The layers of `model` that are called with `training=False` wherever they are called, by name, as `gaps` has it.

    >>> inputs = keras.Input((4,))
    >>> outputs = keras.layers.BatchNormalization(name="still")(inputs, training=False)
    >>> called_in_inference(keras.Model(inputs, keras.layers.Dense(2)(outputs)))
    {'still'}
    """
    flat = flattened(model)
    return {
        layer.name
        for layer in flat.layers
        if layer.inbound_nodes and all(node.call_kwargs.get("training") is False for node in layer.inbound_nodes)
    }


def _require_float(layer: Any) -> None:
    """Refuses a layer that would be fake-quantized on whole numbers, which only an Embedding is not."""
    if type(layer).__name__ == "AwareEmbedding":
        return
    for tensor in (tensor for node in layer.inbound_nodes for tensor in node.keras_inputs):
        if tensor.dtype.is_integer:
            raise UnsupportedModel(
                f"QuantizeAware expects float inputs. Received: {tensor.dtype.name} from {tensor.node.layer.name!r} "
                f"into {layer.name!r}. Make the input float32, which takes the same data: "
                f"keras.Input({tuple(tensor.shape[1:])})."
            )


def _call_in_any_mode(layer: Any) -> None:
    """Takes `training=False` off the calls of a layer that will be wrapped, whose ranges are to follow training."""
    for node in layer.inbound_nodes:
        if node.call_kwargs.get("training") is False:
            node.call_kwargs["training"] = None


def _marked_own(layer: Any) -> Any:
    from ...layers.int8.aware import AwareConfig

    after = _layers_after(layer)
    folds = len(after) == 1 and _is_folded_by_us(after[0])
    output = type(layer).__name__ not in SCALED and not folds and not _before_relu(layer)
    if type(layer).__name__ == "AwareEmbedding":
        # tfmot fake-quantizes the input of a layer that is annotated, and words are numbered with whole numbers.
        return wrapper_class()(layer, AwareConfig(output), name_prefix="quant_")
    return tfmot.quantization.keras.quantize_annotate_layer(layer, AwareConfig(output))


def wrapper_class() -> Any:
    """tfmot's wrapper of a quantized layer; it is not in its public names."""
    home = tfmot.quantization.keras.QuantizeConfig.__module__.rpartition(".")[0]
    return importlib.import_module(f"{home}.quantize_wrapper").QuantizeWrapperV2


def _nothing() -> Any:
    home = output_only().__module__
    return importlib.import_module(home).NoOpQuantizeConfig()


def _registry() -> Any:
    return tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme().get_quantize_registry()


def _is_replaced(layer: Any) -> bool:
    return has_own(layer) and not _is_folded(layer) and not is_masked(layer) and not objection(layer)


def _gap(layer: Any, registry: Any) -> str:
    kind = type(layer).__name__
    known = kind in (*OUTPUT_ONLY, *ABSENT_AT_INFERENCE) and not has_own(layer)
    return "" if known else _objection(layer, registry)


def _objection(layer: Any, registry: Any) -> str:
    """Why neither tfmot nor we can take a layer where it stands, or would in vain; empty when one can."""
    kind = type(layer).__name__
    if is_masked(layer):
        return "a mask reaches it"
    if _is_folded(layer) or kind in MOVING:
        return ""
    if has_own(layer):
        return objection(layer)
    if not registry.supports(layer) and kind not in SPLIT:
        return f"tfmot knows no quantization of {kind}"
    if layer.weights and _activation(layer) not in INSIDE:
        return f"{_activation(layer)} inside of {kind} is not int8; put it into a layer of its own"
    if isinstance(layer, keras.layers.Activation):
        try:
            registry.get_quantize_config(layer).get_output_quantizers(layer)
        except ValueError:
            return f"tfmot knows no quantization of the activation {_activation(layer)}"
    return ""


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _is_folded(layer: Any) -> bool:
    """Whether it is a BatchNormalization that becomes part of the convolution before it."""
    if not isinstance(layer, keras.layers.BatchNormalization) or is_aware(layer):
        return False
    before = _layers_before(layer)
    alone = len(before) == 1 and len(before[0].outbound_nodes) == 1 and _activation(before[0]) == "linear"
    kind = type(before[0]).__name__ if alone else ""
    if kind in FIRST_OF_A_FOLD:
        return not objection(before[0]) and not is_masked(before[0])
    return kind in (*FOLDING, *(f"Aware{first}" for first in FIRST_OF_A_FOLD))


def _is_folded_by_us(layer: Any) -> bool:
    return _is_folded(layer) and is_aware(_layers_before(layer)[0])


def _before_relu(layer: Any) -> bool:
    """Whether what it gives goes through a ReLU only, which the file makes part of it."""
    after = _layers_after(layer)
    if len(after) != 1:
        return False
    return isinstance(after[0], keras.layers.ReLU) or (not after[0].weights and _activation(after[0]) == "relu")


def _layers_before(layer: Any) -> list[Any]:
    nodes = layer.inbound_nodes
    return _flat(nodes[0].inbound_layers) if len(nodes) == 1 else []


def _layers_after(layer: Any) -> list[Any]:
    return [node.outbound_layer for node in layer.outbound_nodes]


def _flat(layers: Any) -> list[Any]:
    return list(layers) if isinstance(layers, list | tuple) else [layers]
