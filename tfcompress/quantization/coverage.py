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
# What TFLite computes in int8 behind, or inside of, a layer with a kernel. Another one makes the whole layer float.
ACTIVATIONS = ("linear", "relu", "relu6", "softmax", "sigmoid", "tanh")
# tfmot's transforms fold a BatchNormalization into these; one that follows anything else is an operation of its own.
FOLDING = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "SeparableConv1D", "Conv2DTranspose", "Dense")
# Known to tfmot's transforms, which split them, and not to its registry.
SPLIT = ("SeparableConv2D", "SeparableConv1D")


def gaps(model: Any) -> dict[str, str]:
    """The layers of `model` that stay in float, all or in part, by name, with the reason; empty when there are none.

    >>> layers = keras.layers
    >>> gaps(keras.Sequential([layers.Dense(3, input_shape=(2, 4)), layers.LSTM(3, name="memory")]))
    {'memory': 'tfmot knows no quantization of LSTM'}
    """
    reasons = {layer.name: _gap(layer) for layer in model.layers}
    return {name: reason for name, reason in reasons.items() if reason}


def annotated(model: Any) -> Any:
    """A clone of `model` in which each layer that can be quantized is annotated for tfmot's `quantize_apply`.

    Args:
      model: a functional model without models inside.
    """
    registry = _registry()

    def mark(layer: Any) -> Any:
        annotate = tfmot.quantization.keras.quantize_annotate_layer
        if type(layer).__name__ in OUTPUT_ONLY:
            return annotate(layer, output_only()())
        return annotate(layer) if _is_known(layer, registry) and not _foreign_activation(layer) else layer

    clone = keras.models.clone_model(model, clone_function=mark)
    clone.set_weights(model.get_weights())
    return clone


def _registry() -> Any:
    return tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme().get_quantize_registry()


def _gap(layer: Any) -> str:
    kind = type(layer).__name__
    if kind == "Rescaling" and layer.offset:
        return "its sum after the product stays in float"
    if kind in (*OUTPUT_ONLY, *ABSENT_AT_INFERENCE):
        return ""
    if isinstance(layer, keras.layers.BatchNormalization) and not _is_folded(layer):
        return "it follows no convolution that it could be folded into"
    if not _is_known(layer, _registry()):
        return f"tfmot knows no quantization of {kind}"
    foreign = _foreign_activation(layer)
    return (
        f"TFLite computes no int8 {kind} with the activation {foreign}; put it into a layer of its own"
        if foreign
        else ""
    )


def _foreign_activation(layer: Any) -> str:
    """The activation inside of a layer with a kernel, when it keeps that layer in float."""
    name = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return "" if not layer.weights or name in ACTIVATIONS else name


def _is_known(layer: Any, registry: Any) -> bool:
    if isinstance(layer, keras.layers.BatchNormalization):
        return _is_folded(layer)
    return registry.supports(layer) or type(layer).__name__ in SPLIT


def _is_folded(layer: Any) -> bool:
    before = _layers_before(layer)
    return len(before) == 1 and type(before[0]).__name__ in FOLDING and len(before[0].outbound_nodes) == 1


def _layers_before(layer: Any) -> list[Any]:
    nodes = layer.inbound_nodes
    return _flat(nodes[0].inbound_layers) if len(nodes) == 1 else []


def _flat(layers: Any) -> list[Any]:
    return list(layers) if isinstance(layers, list | tuple) else [layers]
