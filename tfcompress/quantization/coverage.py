"""Which layers quantization-aware training can take: by tfmot's own rules, by their output alone, or not at all.

tfmot refuses a whole model for one layer that it does not know. Many of those only compute (a product, a rescaling): to
follow the range of their output is all that int8 needs of them. The rest stays in float, and is named.
"""

from __future__ import annotations

from typing import Any

from ..core.keras import keras, output_only, tfmot

# Elementwise layers without kernels, which tfmot's registry lacks; TFLite has int8 operations for all of them.
OUTPUT_ONLY = ("Rescaling", "Multiply", "Subtract", "Average", "Maximum", "Minimum", "PReLU", "ELU")
# Layers that do nothing when a model is used, and so are no gap.
ABSENT_AT_INFERENCE = (
    *("InputLayer", "QuantizeLayer", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness"),
)
# What tfmot knows inside of a layer with a kernel, and TFLite computes there in int8; another one is refused, or makes
# the whole layer float ("swish"). In a layer of its own it may do.
INSIDE = ("linear", "relu", "softmax", "sigmoid", "tanh", "gelu")
# tfmot folds a BatchNormalization into these; one that follows anything else is an operation of its own, in float.
FOLDING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "SeparableConv1D")
# Known to tfmot's transforms, which split them, and not to its registry.
SPLIT = ("SeparableConv2D", "SeparableConv1D")


def gaps(model: Any) -> dict[str, str]:
    """The layers of `model` that stay in float, all or in part, by name, with the reason; empty when there are none.

    >>> layers = keras.layers
    >>> gaps(keras.Sequential([layers.Dense(3, input_shape=(2, 4)), layers.LSTM(3, name="memory")]))
    {'memory': 'tfmot knows no quantization of LSTM'}
    """
    registry = _registry()
    reasons = {layer.name: _gap(layer, registry) for layer in model.layers}
    return {name: reason for name, reason in reasons.items() if reason}


def annotated(model: Any) -> Any:
    """A clone of `model` in which each layer that can be quantized is annotated for tfmot's `quantize_apply`.

    Args:
      model: a functional model without models inside.
    """
    registry = _registry()

    def mark(layer: Any) -> Any:
        annotate = tfmot.quantization.keras.quantize_annotate_layer
        if not _objection(layer, registry):
            return annotate(layer)
        # tfmot follows the output of what stands before a quantized layer, and raises over activations unknown to it.
        foreign = registry.supports(layer)
        return annotate(layer, output_only()()) if foreign or type(layer).__name__ in OUTPUT_ONLY else layer

    clone = keras.models.clone_model(model, clone_function=mark)
    clone.set_weights(model.get_weights())
    return clone


def _registry() -> Any:
    return tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme().get_quantize_registry()


def _gap(layer: Any, registry: Any) -> str:
    kind = type(layer).__name__
    if kind == "Rescaling" and layer.offset:
        return "its sum after the product stays in float"
    return "" if kind in (*OUTPUT_ONLY, *ABSENT_AT_INFERENCE) else _objection(layer, registry)


def _objection(layer: Any, registry: Any) -> str:
    """Why tfmot cannot take a layer where it stands, or would take it in vain; empty when it can."""
    kind = type(layer).__name__
    if isinstance(layer, keras.layers.BatchNormalization):
        return "" if _is_folded(layer) else "it follows no convolution that it could be folded into"
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
    before = _layers_before(layer)
    alone = len(before) == 1 and len(before[0].outbound_nodes) == 1
    return alone and type(before[0]).__name__ in FOLDING and _activation(before[0]) == "linear"


def _layers_before(layer: Any) -> list[Any]:
    nodes = layer.inbound_nodes
    return _flat(nodes[0].inbound_layers) if len(nodes) == 1 else []


def _flat(layers: Any) -> list[Any]:
    return list(layers) if isinstance(layers, list | tuple) else [layers]
