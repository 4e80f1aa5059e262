"""What tfmot's `quantize_model` makes of each layer where it stands, asked of tfmot and not of a list.

The registry alone does not know: a BatchNormalization is taken behind a convolution and refused elsewhere. So tfmot
quantizes a copy, with a registry that notes what it would refuse and lets it pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...backend.tensorflow import is_quantization_aware, keras, tfmot
from ...measuring.measure import leaf_layers
from ...models_io.copying import copy_model, scope_of
from ..values import NO, NOTHING_TO_DO, PARTLY, UNKNOWN, YES, Support

# Layers that tfmot hands through without a fake quantizer, as they change no value's range.
_UNCHANGING = ("InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")
# Taken or refused by what stands around them, whatever the registry says.
_PLACE_COUNTS = ("InputLayer", "BatchNormalization", "SeparableConv1D", "SeparableConv2D")
_MOST_WORDS = 160  # characters of an error
_WITH_ACTIVATION = ("Conv2D", "DepthwiseConv2D", "Conv2DTranspose", "SeparableConv1D", "SeparableConv2D", "Dense")
# The activations inside of a layer that tfmot's QuantizeAwareActivation knows; for any other it raises.
_KNOWN_INSIDE = ("linear", "relu", "softmax", "sigmoid", "tanh", "swish", "gelu")


def qat_support(model: Any) -> tuple[dict[str, Support], Support]:
    """By layer, and for the model as a whole, whether tfmot's `quantize_model` takes it.

    Args:
      model: a functional tf_keras model.

    Returns:
      Support by the layer's name, and that of `quantize_model(model)`.

    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.ELU(name="elu")(keras.layers.Dense(3, name="dense")(inputs)))
    >>> support, whole = qat_support(model)
    >>> support["dense"].status, support["elu"].status, whole.status
    ('yes', 'no', 'no')
    """
    layers = list(leaf_layers(model))
    if is_quantization_aware(model):
        done = Support(NOTHING_TO_DO, "is quantization-aware already")
        return {layer.name: done for layer in layers}, done
    refused, failure = _refusals(model)
    support = {layer.name: _support(layer, refused, failure) for layer in layers}
    return support, _whole(support, failure)


def _support(layer: Any, refused: Mapping[str, str], failure: str) -> Support:
    if layer.name in refused:
        return Support(NO, refused[layer.name])
    if failure:
        return Support(UNKNOWN, failure)
    if type(layer).__name__ in _UNCHANGING:
        return Support(NOTHING_TO_DO)
    left = leaves_float(layer)
    return Support(PARTLY, f"trains, and leaves float operations in the file: {left}") if left else Support(YES)


def _whole(support: Mapping[str, Support], failure: str) -> Support:
    refused = [name for name, found in support.items() if found.status == NO]
    if failure:
        return Support(NO, failure)
    if refused:
        return Support(NO, f"quantize_model stops at {refused[0]!r}" + _and_more(len(refused) - 1))
    partly = [name for name, found in support.items() if found.status == PARTLY]
    return Support(PARTLY, f"float operations stay for {', '.join(map(repr, partly[:3]))}") if partly else Support(YES)


def _and_more(count: int) -> str:
    return f", and {count} more would stop it" if count else ""


def leaves_float(layer: Any) -> str:
    """Why the int8 file made of a quantization-aware `layer` computes it in float, although tfmot takes it; "" if not.

    Known by converting one of each (tests/inspecting/test_qat.py converts them again).
    """
    kind = type(layer).__name__
    before = {type(source).__name__ for source in _inbound(layer)}
    if kind == "BatchNormalization" and "Dense" in before:
        return "a BatchNormalization behind Dense is not folded"
    if kind == "BatchNormalization" and "Conv2DTranspose" in before:
        return "a BatchNormalization behind Conv2DTranspose is not folded"
    if kind in _WITH_ACTIVATION and _activation(layer) == "swish":
        return "activation='swish' inside of the layer; a separate Activation('swish') becomes int8"
    return ""


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _inbound(layer: Any) -> Iterable[Any]:
    for node in layer.inbound_nodes:
        found = node.inbound_layers
        yield from found if isinstance(found, list) else [found]


def _refusals(model: Any) -> tuple[dict[str, str], str]:
    """Layers that tfmot refuses, each with the reason, and what it says where it cannot go on; "" if it can."""
    refused = {layer.name: reason for layer in leaf_layers(model) if (reason := _cannot_be_wrapped(layer))}
    scheme = _noting_scheme(refused)

    def annotate(layer: Any) -> Any:
        if isinstance(layer, keras.layers.InputLayer) or layer.name in refused:
            return layer
        return tfmot.quantization.keras.quantize_annotate_layer(layer)

    try:
        with scope_of(model):
            annotated = keras.models.clone_model(copy_model(model), clone_function=annotate)
            tfmot.quantization.keras.quantize_apply(annotated, scheme)
    except Exception as error:  # whatever tfmot and Keras raise over a graph: the layer is not supported
        registry = _default_scheme().get_quantize_registry()
        for layer in leaf_layers(model):
            if not registry.supports(layer) and type(layer).__name__ not in _PLACE_COUNTS:
                refused.setdefault(layer.name, _not_known(layer))
        return refused, f"tfmot stops over the graph as a whole: {cause(error)}"
    return refused, ""


def cause(error: Exception) -> str:
    """What an error is about in a line: Keras wraps the cause in a traceback of its own."""
    text = str(error)
    inner = re.search(r"^\s*(\w+Error: .+)$", text, re.MULTILINE)
    words = inner[1] if inner else f"{type(error).__name__}: {' '.join(text.split())}"
    return words if len(words) <= _MOST_WORDS else words[:_MOST_WORDS] + "..."


def _cannot_be_wrapped(layer: Any) -> str:
    """Why tfmot cannot so much as wrap a layer; "" when it can."""
    kind = type(layer).__name__
    if kind in _WITH_ACTIVATION and _activation(layer) not in _KNOWN_INSIDE:
        return f"tfmot does not know activation={_activation(layer)!r} inside of a layer"
    if kind in ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"):
        return "a TensorFlow operation between layers cannot be wrapped"
    if kind == "Embedding":
        return "an Embedding takes whole numbers, which tfmot would fake-quantize"
    if kind == "InputLayer":
        dtype = keras.backend.dtype(layer.output) if not isinstance(layer.output, list) else ""
        return "" if "float" in dtype else f"tfmot fake-quantizes every input, and this one is {dtype}"
    if kind == "Hosted":
        return "Keras 3 computes it, out of tfmot's sight"
    return ""


def _not_known(layer: Any) -> str:
    if type(layer).__name__ == "BatchNormalization":
        return "a BatchNormalization that does not directly follow a convolution or Dense of its own"
    return "not in tfmot's registry"


def _default_scheme() -> Any:
    return tfmot.quantization.keras.default_8bit.Default8BitQuantizeScheme()


def _noting_scheme(refused: dict[str, str]) -> Any:
    """tfmot's default scheme, with a registry that notes in `refused` what it would refuse, and lets it pass."""
    plain = _default_scheme()

    class Nothing(tfmot.quantization.keras.QuantizeConfig):
        """Quantizes nothing of a layer."""

        def get_weights_and_quantizers(self, layer: Any) -> list[Any]:
            return []

        def get_activations_and_quantizers(self, layer: Any) -> list[Any]:
            return []

        def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
            """None are there to be set."""

        def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
            """None are there to be set."""

        def get_output_quantizers(self, layer: Any) -> list[Any]:
            return []

        def get_config(self) -> dict[str, Any]:
            return {}

    class Noting(type(plain.get_quantize_registry())):  # type: ignore[misc]
        """The default registry, which refuses nothing and notes what it would have."""

        def supports(self, layer: Any) -> bool:
            return True

        def get_quantize_config(self, layer: Any) -> Any:
            reason = _objection(super(), layer)
            if reason:
                refused.setdefault(layer.name, reason)
                return Nothing()
            return super().get_quantize_config(layer)

    class Scheme(type(plain)):  # type: ignore[misc]
        """The default scheme with that registry."""

        def get_quantize_registry(self) -> Any:
            return Noting()

    return Scheme()


def _objection(registry: Any, layer: Any) -> str:
    """What the registry has against a layer; "" for nothing."""
    if not registry.supports(layer):
        return _not_known(layer)
    check: Callable[[Any], Any] = registry.get_quantize_config(layer).get_output_quantizers
    try:
        check(layer)
    except ValueError:  # it names the functions that it knows only in its code
        return f"Activation({getattr(layer.activation, '__name__', layer.activation)!r}) is not in tfmot's registry"
    return ""
